"""From the options of a command to the configuration in force."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from encours_schemas.configuration import Configuration, Loaded

Named = TypeVar("Named")

KEYS = {
    "reporting_currency": "reporting.currency",
    "max_rejected": "input.max_rejected",
    "interest_periods": "interest.periods",
    "interest_statement": "interest.statement",
    "layouts": "input.layouts",
}
"""The options that set a key of the configuration; a flag beats environment and file."""


def load(
    config_file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]
) -> "Loaded":
    """Load the configuration and the origin of each key; ConfigurationWrong lists every error.

    flags  by the names of `KEYS`; None means that the option was not given
    """
    from encours_schemas.configuration import load_configuration

    given = {KEYS[name]: value for name, value in flags.items()}
    return load_configuration(config_file, environment, given)


def configuration(
    config_file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]
) -> "Configuration":
    """Load the configuration, as `load` does, without the origins."""
    return load(config_file, environment, flags).configuration


def one_of(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    """Give what has that name; UsageWrong (2) suggests the nearest where there is none."""
    from encours_schemas.errors import UsageWrong
    from encours_schemas.names import nearest_name

    if name not in known:
        near = nearest_name(name, known)
        raise UsageWrong(
            what=f"there is no {kind} {name}",
            cure=f"did you mean {near}?" if near else f"there are {', '.join(known)}",
        )
    return known[name]
