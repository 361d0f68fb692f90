"""What the models of all sections share: exact types, and one way to write values down."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


class Section(BaseModel):
    """What all sections have in common: frozen, exact types, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def as_tuple(value: object) -> object:
    """Take a list of TOML as the tuple that a frozen model holds."""
    return tuple(value) if isinstance(value, list) else value


def plain_decimal(value: Decimal) -> str:
    """Write a number down without zeros that say nothing."""
    # 0.50 and 0.5 are the same setting and must give the same run id.
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def plain(value: Any) -> Any:  # noqa: ANN401 - whatever TOML can hold
    """Make JSON values of what TOML holds, with the keys in order."""
    if isinstance(value, Decimal):
        return plain_decimal(value)
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)  # dates and times of TOML print as ISO 8601


def plain_models(value: dict[str, BaseModel]) -> dict[str, Any]:
    """Make JSON values of named models, by name."""
    return {key: value[key].model_dump(mode="json") for key in sorted(value)}


FromList = BeforeValidator(as_tuple)
InOrder = PlainSerializer(plain, when_used="json")
ModelsInOrder = PlainSerializer(plain_models, when_used="json")
