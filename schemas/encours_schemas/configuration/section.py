"""What all sections of the configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Section(BaseModel):
    """What all sections have in common: frozen, exact types, no unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def as_tuple(value: object) -> object:
    """Take a list of TOML for the tuple that a frozen section holds."""
    return tuple(value) if isinstance(value, list) else value


FromList = BeforeValidator(as_tuple)
