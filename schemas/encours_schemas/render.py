"""The contract as pages for people (Markdown) and for programs (JSON), made from the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, Literal, get_origin

from encours_schemas import CONTRACT_VERSION, ERP_FILES, INPUT_TABLES, OUTPUT_TABLES
from encours_schemas.errors import UsageWrong
from encours_schemas.names import nearest_name
from encours_schemas.reasons import (
    KEPT_REASONS,
    NO_INTEREST_MEANING,
    REASON_MEANING,
    NoInterestReason,
    Reason,
)
from encours_schemas.rule_ids import RULE_MEANING, RuleId
from encours_schemas.status import RETRY_STATUSES, STATUS_MEANING, ExitStatus
from encours_schemas.tables import Kind
from encours_schemas.warnings import (
    ITEM_WARNING_MEANING,
    RUN_WARNING_MEANING,
    ItemWarning,
    RunWarning,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

    from encours_schemas.tables import Column, Table

Format = Literal["markdown", "json"]

_GENERATED: Final = (
    "This page is generated from the code by `python -m encours_schemas docs/reference`.\n"
)
_REQUIRED: Final = (
    "R = required: never null, and in an input never absent. All other columns may be null; "
    "those of an input may also be absent.\n"
)
_STATUS_LEAD: Final = (
    "On anything but 0 this run published nothing, and the previous published run is "
    "untouched. *Retry*: the same command may succeed later without a person's help.\n"
)
_KEPT_LEAD: Final = (
    "*Kept*: a warning; the row stays in the outputs and does not count against "
    "`input.max_rejected`.\n"
)
_CONFIGURATION_LEAD: Final = (
    "Every key is optional. Precedence: flag, then environment variable, then file, then "
    "default. The variable of a key is `ENCOURS_` and the key in capitals with two "
    "underscores for every point: `interest.grace_days` is `ENCOURS_INTEREST__GRACE_DAYS`. "
    "Lists are written there as in the file or with commas. An unknown key is an error, "
    "and all errors are reported at once (exit status 78). Credit segments are configured in "
    "the file alone, because a variable cannot carry the case of their names.\n"
)
_KIND_MEANING: Final = {
    Kind.TEXT: "UTF-8 text; identifiers are kept byte for byte.",
    Kind.MONEY: "An exact amount of a currency.",
    Kind.RATE: "An interest rate in percent per year.",
    Kind.PERCENT: "A percentage.",
    Kind.FX_RATE: "An exchange rate.",
    Kind.DATE: "A calendar date without time zone.",
    Kind.BOOL: "True or false.",
    Kind.INT32: "A whole number.",
    Kind.INT64: "A whole number.",
    Kind.DECIMAL_38_6: "An exact number: an amount, a share, days.",
    Kind.DECIMAL_18_6: "An exact ratio.",
}
_GROUPS: Final = (
    ("input", "Input", INPUT_TABLES),
    ("output", "Output", OUTPUT_TABLES),
    ("erp", "Files for ERPs", ERP_FILES),
)


def render_contract(table: str | None = None, form: Format = "markdown") -> str:
    """Give one table of the contract, or all of it, as Markdown or JSON.

    An unknown table is wrong usage, answered with the nearest name.
    """
    if table is None:
        return tables_page() if form == "markdown" else _as_json(contract_facts())
    for direction, _, tables in _GROUPS:
        if table in tables:
            found = tables[table]
            if form == "markdown":
                return table_section(found, level=1)
            facts = table_facts(found, direction)
            return _as_json({"contract_version": CONTRACT_VERSION, **facts})
    names = [name for _, _, tables in _GROUPS for name in tables]
    near = nearest_name(table, names)
    raise UsageWrong(
        what="unknown table",
        where=table,
        expected="" if near else f"one of {', '.join(names)}",
        cure=f"did you mean {near}?" if near else "",
    )


def contract_facts() -> dict[str, Any]:
    """Give the whole contract as JSON values."""
    return {
        "contract_version": CONTRACT_VERSION,
        "tables": [
            table_facts(table, direction)
            for direction, _, tables in _GROUPS
            for table in tables.values()
        ],
    }


def table_facts(table: Table, direction: str) -> dict[str, Any]:
    """Give one table as JSON values; what does not apply is null."""
    return {
        "name": table.name,
        "direction": direction,
        "meaning": table.meaning,
        "key": list(table.key),
        "required": table.required,
        "sorted_by_key": table.sorted_by_key if direction != "input" else None,
        "filled_by": table.filled_by or None,
        "columns": [_column_facts(column) for column in table.columns],
    }


def _column_facts(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "kind": column.kind.value,
        "type": column.kind.arrow_name,
        "required": column.required,
        "meaning": column.meaning,
        "default": column.default or None,
        "allowed": [str(value) for value in column.allowed] or None,
        "unit": column.unit or None,
        "at_least": column.at_least or None,
        "at_most": column.at_most or None,
        "above": column.above or None,
    }


def _as_json(facts: dict[str, Any]) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def tables_page() -> str:
    """Give the page of all tables."""
    parts = [
        "# Tables\n",
        _GENERATED,
        f"Contract version {CONTRACT_VERSION}. {_REQUIRED}",
        "## Types\n",
        _grid(
            ("kind", "Arrow type", "meaning"),
            ((f"`{kind.value}`", f"`{kind.arrow_name}`", _KIND_MEANING[kind]) for kind in Kind),
        ),
    ]
    for _, title, tables in _GROUPS:
        parts.append(f"## {title}\n")
        parts += [table_section(table, level=3) for table in tables.values()]
    return "\n".join(parts)


def table_section(table: Table, level: int) -> str:
    """Give one table as a Markdown section under a heading of that level."""
    facts = ["Required." if table.required else ""]
    if table.key:
        ordered = ", sorted by it" if table.filled_by and table.sorted_by_key else ""
        facts.append(f"Key: {', '.join(f'`{name}`' for name in table.key)}{ordered}.")
    rows = (
        (
            f"`{column.name}`",
            column.kind.value,
            "R" if column.required else "",
            _column_meaning(column),
        )
        for column in table.columns
    )
    lead = " ".join(part for part in (table.meaning, *facts) if part)
    grid = _grid(("column", "type", "R", "meaning"), rows)
    return f"{'#' * level} {table.name}\n\n{lead}\n\n{grid}"


def _column_meaning(column: Column) -> str:
    bounds = [
        f"{word} {bound}"
        for word, bound in (
            ("at least", column.at_least),
            ("at most", column.at_most),
            ("above", column.above),
        )
        if bound
    ]
    sentences = [
        column.meaning,
        f"One of {', '.join(f'`{value}`' for value in column.allowed)}." if column.allowed else "",
        f"In {column.unit}." if column.unit else "",
        f"{' and '.join(bounds).capitalize()}." if bounds else "",
        f"Default: {column.default}." if column.default else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def codes_page() -> str:
    """Give the page of exit statuses, reasons, warnings and rules."""
    statuses = (
        (str(status.value), STATUS_MEANING[status], "yes" if status in RETRY_STATUSES else "")
        for status in ExitStatus
    )
    reasons = (
        (f"`{reason}`", REASON_MEANING[reason], "yes" if reason in KEPT_REASONS else "")
        for reason in Reason
    )
    no_interest = ((f"`{reason}`", NO_INTEREST_MEANING[reason]) for reason in NoInterestReason)
    of_items = ((f"`{code}`", ITEM_WARNING_MEANING[code]) for code in ItemWarning)
    of_runs = ((f"`{code}`", RUN_WARNING_MEANING[code]) for code in RunWarning)
    rules = ((f"`{rule}`", RULE_MEANING[rule]) for rule in RuleId)
    parts = [
        "# Codes\n",
        _GENERATED,
        "## Exit status\n",
        _STATUS_LEAD,
        _grid(("status", "meaning", "retry"), statuses),
        "## Quarantine reasons\n",
        _KEPT_LEAD,
        _grid(("reason", "meaning", "kept"), reasons),
        "## Why an item bears no interest\n",
        "When several apply, the first of this list is given.\n",
        _grid(("reason", "meaning"), no_interest),
        "## Warnings of an item\n",
        _grid(("code", "meaning"), of_items),
        "## Warnings of a run\n",
        _grid(("code", "meaning"), of_runs),
        "## Rules\n",
        _grid(("rule", "looks at"), rules),
    ]
    return "\n".join(parts)


def configuration_page() -> str:
    """Give the page of all configuration keys, from the models that check them."""
    from encours_schemas.configuration import (
        AdapterColumn,
        AdapterTemplate,
        Configuration,
        OwnRegime,
        SegmentExposure,
        TableInput,
    )

    parts = [
        "# Configuration\n",
        _GENERATED,
        _CONFIGURATION_LEAD,
    ]
    top = {
        name: field
        for name, field in Configuration.model_fields.items()
        if _section_of(field) is None
    }
    parts += ["## Top level\n", _key_grid(top, Configuration())]
    column = AdapterColumn(name="KUNNR", value="customer_id")
    named: dict[str, tuple[tuple[str, BaseModel], ...]] = {
        "exposure": (("[exposure.segments.NAME]", SegmentExposure()),),
        "interest": (("[interest.regimes.NAME]", OwnRegime()),),
        "input": (("[input.tables.NAME]", TableInput()),),
        "erp": (
            ("[erp.adapters.NAME]", AdapterTemplate(columns=(column,))),
            ("[[erp.adapters.NAME.columns]]", column),
        ),
    }
    for name, field in Configuration.model_fields.items():
        section = _section_of(field)
        if section is None:
            continue
        parts += [f"## [{name}]\n", f"{section.__doc__}\n"]
        if name == "rules":
            parts += _rule_parts(section)
            continue
        parts.append(_key_grid(section.model_fields, section()))
        for title, example in named.get(name, ()):
            parts += [f"## {title}\n", f"{type(example).__doc__}\n"]
            parts.append(_key_grid(type(example).model_fields, example))
    return "\n".join(parts)


def _rule_parts(rules: type[BaseModel]) -> list[str]:
    """Give the keys that all rules have, then those of each rule beside them."""
    from encours_schemas.configuration.rules import DayLevel, Rule, ShareLevel

    parts = ["Every rule has these keys.\n", _key_grid(Rule.model_fields, Rule())]
    for name, field in rules.model_fields.items():
        section = _section_of(field)
        if section is None:
            continue
        common = Rule().model_dump()
        defaults = section()
        own = {
            key: one
            for key, one in section.model_fields.items()
            if key not in common or getattr(defaults, key) != common[key]
        }
        parts += [f"### [rules.{name}]\n", f"{RULE_MEANING[RuleId(name)]}\n"]
        parts += [_key_grid(own, defaults)] if own else []
    for level, named in ((ShareLevel, "of a limit"), (DayLevel, "of days")):
        lead = f"A level {named}: {level.__doc__}\n"
        rows = ((f"`{key}`", _field_meaning(field)) for key, field in level.model_fields.items())
        parts += [
            "### Levels\n" if level is ShareLevel else "",
            lead,
            _grid(("key", "meaning"), rows),
        ]
    return parts


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    from pydantic import BaseModel

    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _key_grid(fields: dict[str, FieldInfo], defaults: BaseModel) -> str:
    written = defaults.model_dump(mode="json")
    rows = (
        (f"`{name}`", _default_shown(written[name]), _field_meaning(field))
        for name, field in fields.items()
    )
    return _grid(("key", "default", "meaning"), rows)


def _default_shown(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _field_meaning(field: FieldInfo) -> str:
    from encours_schemas.configuration.keys import choices_of

    choices = choices_of(field.annotation)
    meaning = field.description or ""
    if not choices:
        return meaning
    # A blank choice would vanish on the page: invisible marks are shown by their code point.
    shown = (f"`{json.dumps(choice)}`" for choice in choices)
    lead = "One of" if get_origin(field.annotation) is Literal else "Any of"
    return f"{meaning} {lead} {', '.join(shown)}."


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines
    )


def reference_pages() -> dict[str, str]:
    """Give the generated reference pages by file name."""
    return {
        "tables.md": tables_page(),
        "codes.md": codes_page(),
        "configuration.md": configuration_page(),
    }


def write_reference_pages(directory: Path) -> None:
    """Write the generated reference pages into an existing directory."""
    for name, text in reference_pages().items():
        (directory / name).write_text(text, encoding="utf-8", newline="\n")
