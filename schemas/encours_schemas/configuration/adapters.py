"""Templates of hold files for ERPs: what a file holds and how its columns are written, as data."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from encours_schemas.configuration import checks
from encours_schemas.configuration.section import FromList, Section
from encours_schemas.outputs import HOLD_ACTIONS

HOLD_FIELDS: Final = (
    "run_id",
    "as_of",
    "sequence",
    "action",
    "customer_id",
    "credit_segment",
    "credit_account_id",
    "customer_name",
    "hold_any",
    "hold_orders",
    "hold_deliveries",
    "hold_production",
    "reasons",
    "exposure",
    "credit_limit",
    "cure_amount",
    "currency",
)
"""What a column of a template may show: the columns of `erp/hold_changes.csv`, and three more."""

AMOUNT_FIELDS: Final = ("exposure", "credit_limit", "cure_amount")
RESERVED_FILES: Final = (
    "holds.csv",
    "hold_changes.csv",
    "holds_readable.csv",
    "control.json",
    "approval.json",
)
_FILE_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")
_DATE_FORMAT: Final = re.compile(r"(?:%[Ymd]|[ ./,-])+")


def checked_field(name: str) -> str:
    """Refuse a field that no line of a hold file has."""
    if name not in HOLD_FIELDS:
        raise checks.unknown_name(name, HOLD_FIELDS, "a field of a hold")
    return name


def checked_file_name(name: str) -> str:
    """Refuse what is no plain file name, or the name of a file of ours."""
    if name and (not _FILE_NAME.fullmatch(name) or name in RESERVED_FILES):
        raise checks.wrong(
            "a plain file name of letters, digits, `.`, `_` and `-`",
            "choose another name: it may not be one of the files that every run writes",
        )
    return name


def checked_action(name: str) -> str:
    """Refuse an action that no change has."""
    if name not in HOLD_ACTIONS:
        raise checks.unknown_name(name, HOLD_ACTIONS, "an action of a change")
    return name


def checked_template_date(text: str) -> str:
    """Refuse a form of dates with anything but year, month and day."""
    if not _DATE_FORMAT.fullmatch(text):
        raise checks.wrong("%Y, %m and %d, with ` `, `-`, `.`, `/` or `,` between, as `%Y%m%d`")
    return text


Action = Annotated[str, AfterValidator(checked_action)]


class AdapterColumn(Section):
    """One column of a file for an ERP; the steps apply in the order of this list."""

    name: str = Field(min_length=1, description="Name of the column in the file.")
    value: Annotated[str, AfterValidator(checked_field)] | None = Field(
        default=None, description="The field that it shows; one of value and constant."
    )
    constant: str | None = Field(default=None, description="The text that every line has.")
    date_format: Annotated[str, AfterValidator(checked_template_date)] = Field(
        default="%Y-%m-%d", description="Form of `as_of`."
    )
    decimals: Annotated[int, Field(ge=0, le=3)] = Field(
        default=3, description="Decimals of an amount; what is cut is rounded half away from zero."
    )
    decimal_mark: Literal[".", ","] = Field(
        default=".", description="Mark before the decimals of an amount."
    )
    map: dict[str, str] = Field(
        default_factory=dict, description="Texts and what is written in their place."
    )
    unmapped: Literal["keep", "refuse"] = Field(
        default="keep",
        description="What a text that `map` does not list becomes: itself, or an error.",
    )
    zero_pad: Annotated[int, Field(ge=0, le=64)] = Field(
        default=0,
        description="Width to which a key of digits alone is filled with zeros from the left.",
    )
    prefix: str = Field(default="", description="Text before every value that is not empty.")
    suffix: str = Field(default="", description="Text behind every value that is not empty.")
    longest: Annotated[int, Field(ge=0, le=4096)] = Field(
        default=0, description="Most characters; a longer text is an error. 0: any number."
    )
    empty: str = Field(default="", description="What stands where there is no value.")
    json_type: Literal["text", "number", "boolean"] = Field(
        default="text",
        description="Kind of the value in JSON lines; `boolean` takes `Y` and `true` for true.",
    )

    @model_validator(mode="after")
    def _refuse_two_sources(self) -> AdapterColumn:
        if (self.value is None) == (self.constant is None):
            raise checks.wrong("either value or constant")
        return self


class AdapterTemplate(Section):
    """A file for an ERP, written beside the files that every run writes."""

    meaning: str = Field(default="", description="What the file is, for people.")
    file: Annotated[str, AfterValidator(checked_file_name)] = Field(
        default="", description="Name of the file in `erp/`; default: the adapter's, with .csv."
    )
    content: Literal["changes", "holds"] = Field(
        default="changes", description="Only what changes, or every customer with a hold."
    )
    actions: Annotated[tuple[Action, ...], FromList] = Field(
        default=(), description="Changes that are written; none named: all."
    )
    format: Literal["csv", "json_lines"] = Field(
        default="csv", description="Separated texts, or one JSON object a line."
    )
    separator: Annotated[str, AfterValidator(checks.checked_separator)] = Field(
        default=",", description="Character between the fields of a CSV line."
    )
    quoting: Literal["needed", "all", "none"] = Field(
        default="needed",
        description=(
            "Which fields stand in double quotes; with `none` a text that would need them is an "
            "error."
        ),
    )
    line_end: Literal["\n", "\r\n"] = Field(default="\n", description="End of a line.")
    header: bool = Field(default=True, description="Whether the first CSV line names the columns.")
    columns: Annotated[tuple[AdapterColumn, ...], FromList] = Field(
        default=(), description="The columns, in their order."
    )

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> AdapterTemplate:
        names = [column.name for column in self.columns]
        if not names or len(set(names)) != len(names):
            raise checks.wrong("at least one column, every name once")
        fields = {column.value for column in self.columns}
        if self.content == "holds" and (self.actions or fields & {"sequence", "action"}):
            raise checks.wrong("no action or sequence in a file of content `holds`")
        return self
