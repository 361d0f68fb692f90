"""A user's own regimes: changes of bundled ones, and contracts under the law of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from encours_schemas.errors import ConfigurationWrong
from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    from encours_schemas.configuration import Configuration

NO_REGIME: Final = "NONE"

Facts = Mapping[str, Any]

_RATE_KEYS: Final = (
    "reference",
    "margin",
    "contractual_rate",
    "fixing_day",
    "round_reference_up_to",
    "round_total_up_to",
    "floor",
)
_TOLD_KEYS: Final = (
    "articles",
    "articles_in",
    "indemnity_articles",
    "source",
    "confidence",
    "confidence_in",
    "note",
)


def own_regimes(configuration: Configuration) -> dict[str, Facts]:
    """Give the configured regimes as tables of the form of the bundled ones."""
    return {name: terms.given() for name, terms in configuration.interest.regimes.items()}


def lay_over(bundled: Mapping[str, Facts], own: Mapping[str, Facts]) -> dict[str, Facts]:
    """Give the tables of all regimes: bundled ones, changed where the user says so, then new ones.

    Raises ConfigurationWrong for a change that contradicts itself, or a base that does not exist.
    """
    laws = {
        name: _changed_law(name, table, own[name]) if name in own else table
        for name, table in bundled.items()
    }
    contracts = {
        name: _derived(name, table, laws) for name, table in own.items() if name not in bundled
    }
    return {**laws, **contracts}


def wrong_regime(
    name: str, what: str, *, found: str = "", expected: str = ""
) -> ConfigurationWrong:
    """Give the error about a regime, to be raised."""
    return ConfigurationWrong(
        what=what, where=f"interest regime {name}", found=found, expected=expected
    )


def _changed_law(name: str, bundled: Facts, given: Facts) -> Facts:
    """Lay a user's keys over a bundled regime of that name."""
    if name == NO_REGIME:
        raise wrong_regime(name, "it stands for no regime at all and cannot be changed")
    if given.get("based_on", name) != name:
        raise wrong_regime(
            name,
            "a bundled regime cannot be based on another",
            found=str(given["based_on"]),
            expected="no based_on, or a name of your own for the regime",
        )
    return _merged(bundled, {key: value for key, value in given.items() if key != "based_on"})


def _derived(name: str, given: Facts, laws: Mapping[str, Facts]) -> Facts:
    """Give a user's own regime in full: a contract under the law that it is based on, if any."""
    if "based_on" not in given:
        return _with_contract_floor(given)
    wanted = str(given["based_on"])
    found = wanted if wanted in laws else _law_of_country(wanted, laws)
    if found is None:
        near = nearest_name(wanted, laws)
        raise wrong_regime(
            name,
            "based_on names no bundled regime",
            found=wanted,
            expected=near or "the name of a regime, or a country",
        )
    # A contract is nobody's law, and what was read of the law says nothing about it.
    left = {"countries", "public", *_TOLD_KEYS}
    base = {key: value for key, value in laws[found].items() if key not in left}
    return _with_contract_floor({**_merged(base, given), "based_on": found}, given)


def _merged(base: Facts, given: Facts) -> dict[str, Any]:
    """Lay keys over a regime; a flat rate and a reference exclude one another."""
    merged = dict(base)
    if "contractual_rate" in given:
        merged = {key: value for key, value in merged.items() if key not in _RATE_KEYS}
        merged["fixing"] = "contractual"
    elif "reference" in given:
        merged.pop("contractual_rate", None)
    return {**merged, **given}


def _with_contract_floor(table: Facts, given: Facts | None = None) -> Facts:
    """Let the floor that a law sets to contracts bind a rate that the contract itself names."""
    names_a_rate = any(
        key in (table if given is None else given) for key in (*_RATE_KEYS, "fixing")
    )
    if names_a_rate and "contract_floor" in table:
        return {"floor": table["contract_floor"], **table}
    return table


def _law_of_country(country: str, laws: Mapping[str, Facts]) -> str | None:
    """Name the regime between businesses of a country."""
    for name, table in laws.items():
        if country in table.get("countries", ()) and not table.get("public"):
            return name
    return None
