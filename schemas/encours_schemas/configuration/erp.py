"""How the ERP is told whom to stop: the breaker, whose holds are ours, and files of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainSerializer

from encours_schemas.configuration import checks
from encours_schemas.configuration.adapters import AdapterTemplate, checked_file_name
from encours_schemas.configuration.section import FromList, Section


def _plain_decimal(value: Decimal) -> str:
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _plain_models(value: dict[str, BaseModel]) -> dict[str, Any]:
    return {key: value[key].model_dump(mode="json") for key in sorted(value)}


Share = Annotated[
    Decimal,
    BeforeValidator(checks.exact_ratio),
    AfterValidator(checks.checked_ratio),
    PlainSerializer(_plain_decimal, when_used="json"),
]
TableName = Annotated[str, AfterValidator(checks.checked_table_name)]
AdapterName = Annotated[str, AfterValidator(checked_file_name)]


class Erp(Section):
    """How the ERP is told whom to stop and whom to serve again."""

    max_hold_changes: Share = Field(
        default=Decimal("0.05"),
        description=(
            "Changes above this share of the credit accounts wait for `encours holds approve`."
        ),
    )
    hold_changes_at_least: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=20, description="So many changes never wait, however few accounts there are."
    )
    max_input_shrink: Share = Field(
        default=Decimal("0.2"),
        description=(
            "An input table that lost more than this share of its rows since the previous run, or "
            "since the one that the ERP was last told, makes the ERP files wait."
        ),
    )
    shrink_exempt: Annotated[
        tuple[TableName, ...], FromList, AfterValidator(checks.checked_once)
    ] = Field(default=(), description="Input tables that may shrink.")
    own_origins: Annotated[tuple[str, ...], FromList, AfterValidator(checks.checked_once)] = Field(
        default=("encours",),
        description="Texts in column `origin` of `erp_holds` that mark holds of our own.",
    )
    files: Annotated[tuple[str, ...], FromList, AfterValidator(checks.checked_once)] = Field(
        default=(),
        description="Adapters whose files are written too: bundled ones, or of `[erp.adapters]`.",
    )
    adapters: Annotated[
        dict[AdapterName, AdapterTemplate], PlainSerializer(_plain_models, when_used="json")
    ] = Field(
        default_factory=dict,
        description="Templates of own files for ERPs: `[erp.adapters.NAME]`.",
    )


class Orders(Section):
    """How orders take the credit that is left."""

    cash_in_advance_terms: Annotated[
        tuple[str, ...], FromList, AfterValidator(checks.checked_once)
    ] = Field(
        default=("CIA", "CWO", "PREPAID"),
        description="Payment terms of commitments that are paid in advance and never held.",
    )
