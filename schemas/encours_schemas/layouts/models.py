"""What a layout file may say, key by key: sources, fields, rules, joins, clearings."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from encours_schemas.configuration import checks
from encours_schemas.configuration.models import (
    DateFormats,
    DecimalMarks,
    EncodingName,
    LineEnds,
    Pivot,
    Quote,
    Separators,
    Sign,
    SkippedLines,
    Texts,
    Thousands,
)
from encours_schemas.inputs import INPUT_TABLES

FieldType = Literal["text", "amount", "integer", "date", "bool", "rate"]

RESERVED: Final = frozenset(
    {"parameters", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else"}
)


def _as_tuple(value: object) -> object:
    """Take one value for a list of one."""
    if isinstance(value, list):
        return tuple(value)
    return (value,) if isinstance(value, str | dict) else value


def _typed(value: object) -> object:
    """Take `BUKRS = "text"` for `BUKRS = { type = "text" }`."""
    return {"type": value} if isinstance(value, str) else value


def _identifier(name: str) -> str:
    """Refuse a name that no expression could use."""
    if not name.isidentifier() or name in RESERVED or name.startswith("__"):
        raise checks.wrong(
            "a name of letters, digits and underscores that an expression can use",
            'name it plainly and say columns = ["…"] for the name in the file',
        )
    return name


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        raise checks.wrong("a regular expression") from None
    return pattern


Identifier = Annotated[str, AfterValidator(_identifier)]
Expression = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """Frozen, exact types, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Parameter(Section):
    """A value that the configuration states."""

    type: FieldType = "text"
    default: str | int | bool | None = None
    about: str = ""


class SourceField(Section):
    """One column of a source: where it stands and how its values are written.

    What is not said here follows the source.
    """

    type: FieldType
    columns: Texts = ()
    optional: bool = False
    trim: bool | None = None
    empty: Texts | None = None
    decimal_mark: DecimalMarks | None = None
    thousands_separator: Thousands | None = None
    sign: Sign | None = None
    exponent: bool = False
    round: Annotated[int, Field(ge=0, le=3)] | None = None
    format: DateFormats | None = None
    century_pivot: Pivot | None = None
    true: Texts = ()
    false: Texts = ()
    float_id: bool = False

    @model_validator(mode="after")
    def _fit_the_type(self) -> SourceField:
        given = self.model_fields_set
        for names, types in (
            ({"decimal_mark", "thousands_separator", "sign"}, {"amount", "integer", "rate"}),
            ({"exponent", "round"}, {"amount"}),
            ({"format", "century_pivot"}, {"date"}),
            ({"true", "false"}, {"bool"}),
            ({"float_id"}, {"text"}),
        ):
            wrong = sorted(given & names)
            if wrong and self.type not in types:
                raise checks.wrong(
                    f"no `{wrong[0]}` for a field of type {self.type}",
                    f"it belongs to type {' or '.join(sorted(types))}",
                )
        return self


AnyField = Annotated[SourceField, BeforeValidator(_typed)]


class Source(Section):
    """One kind of source: its files or query, how they are written, and their fields."""

    files: Texts = ()
    optional: bool = False
    format: Literal["csv", "jsonl", "json", "parquet", "sql"] = "csv"
    rows: Texts = ("",)
    sql: str = ""
    uri_variable: str = ""
    encoding: EncodingName = "utf-8"
    separator: Separators = (",",)
    quote: Quote = '"'
    line_ends: LineEnds = "lf"
    skip_lines: SkippedLines = 0
    drop_nul: bool = False
    header: Texts = ()
    header_match: Literal["exact", "loose"] = "exact"
    trim: bool = False
    empty: Texts = ("",)
    decimal_mark: DecimalMarks = (".",)
    thousands_separator: Thousands = ""
    sign: Sign = "leading"
    date_format: DateFormats = ("YYYY-MM-DD",)
    empty_dates: Texts = ()
    century_pivot: Pivot | None = None
    fields: dict[Identifier, AnyField] = Field(default_factory=dict)
    let: dict[Identifier, Expression] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> Source:
        if self.format == "sql":
            if not self.sql or not self.uri_variable:
                raise checks.wrong("`sql` and `uri_variable` for a source of format sql")
            if self.files:
                raise checks.wrong("no `files` for a source of format sql")
        elif not self.files:
            raise checks.wrong("`files`, the names of the source's files", 'files = ["BSID*.csv"]')
        elif self.sql or self.uri_variable:
            raise checks.wrong('`format = "sql"` beside `sql` and `uri_variable`')
        if self.thousands_separator and self.thousands_separator in self.decimal_mark:
            raise checks.wrong("a thousands separator that is not the decimal mark")
        if self.header and self.skip_lines:
            raise checks.wrong("no `skip_lines` beside `header`")
        if self.quote and self.quote in self.separator:
            raise checks.wrong("a quote that is not the separator")
        both = set(self.fields) & set(self.let)
        if both:
            raise checks.wrong(f"another name than `{min(both)}`, which is a field already")
        return self


class Join(Section):
    """A look-up in another source."""

    source: str
    on: Expression
    to: Expression
    where: str = ""
    required: bool = False
    several: Literal["refuse", "first", "last"] = "refuse"
    combine: dict[Identifier, Expression] = Field(default_factory=dict)


class Clearing(Section):
    """Allocations from groups of rows that clear one another."""

    group: Expression
    item_id: Expression
    amount: Expression
    currency: Expression
    date: Expression
    cleared_on: str = ""
    kind: str = ""
    rest: Literal["open", "cleared"] = "open"


class Unpivot(Section):
    """Columns whose names are values: one row per column."""

    columns: Annotated[str, AfterValidator(_regular)]
    name: Identifier
    value: Identifier
    type: FieldType = "text"


class Refusal(Section):
    """Rows that must not be taken, and why."""

    when: Expression
    message: Annotated[str, Field(min_length=1)]


class Rule(Section):
    """How rows of one contract table come out of a source."""

    source: Annotated[Texts, Field(alias="from", min_length=1)]
    where: str = ""
    refuse: Annotated[tuple[Refusal, ...], BeforeValidator(_as_tuple)] = ()
    join: dict[Identifier, Join] = Field(default_factory=dict)
    let: dict[Identifier, Expression] = Field(default_factory=dict)
    unpivot: Unpivot | None = None
    same_names: bool = False
    columns: dict[str, Expression] = Field(default_factory=dict)
    extra: dict[str, Expression] = Field(default_factory=dict)
    distinct: Texts = ()
    keep: Literal["first", "last"] = "first"
    sum: Texts = ()
    clearing: Clearing | None = None

    @model_validator(mode="after")
    def _one_kind_of_rows(self) -> Rule:
        if self.clearing is not None and (self.columns or self.same_names or self.distinct):
            raise checks.wrong("either `clearing` or `columns`")
        if self.clearing is None and not self.columns and not self.same_names:
            raise checks.wrong("`columns`, `same_names = true` or `clearing`")
        if self.sum and not self.distinct:
            raise checks.wrong("`distinct`, the columns within which `sum` adds")
        return self


Rules = Annotated[tuple[Rule, ...], BeforeValidator(_as_tuple)]
TableName = Annotated[str, AfterValidator(checks.checked_table_name)]


class Layout(Section):
    """A layout, complete: what `extends` and map files add is merged in before."""

    layout: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    title: str = ""
    about: str = ""
    parameters: dict[Identifier, Parameter] = Field(default_factory=dict)
    maps: dict[str, dict[str, str]] = Field(default_factory=dict)
    sources: dict[Identifier, Source]
    tables: dict[TableName, Rules]

    @model_validator(mode="after")
    def _only_contract_columns(self) -> Layout:
        for name, rules in self.tables.items():
            known = INPUT_TABLES[name].names
            for rule in rules:
                for column in (*rule.columns, *rule.distinct, *rule.sum):
                    if column not in known:
                        raise checks.unknown_name(column, known, f"a column of `{name}`")
                for column in rule.extra:
                    if column in known:
                        raise checks.wrong(f"`{column}` under columns: it is a column of `{name}`")
                if rule.clearing is not None and name != "allocations":
                    raise checks.wrong("`clearing` for the table allocations alone")
                for source in (*rule.source, *(join.source for join in rule.join.values())):
                    if source not in self.sources:
                        raise checks.unknown_name(source, self.sources, "the name of a source")
        return self


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever a model holds
    """Give a model as plain values, for a digest."""
    return value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
