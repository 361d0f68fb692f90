"""Short spellings of columns, so that the tables of the contract read like tables."""

from __future__ import annotations

from encours_schemas.tables import Column, Kind


def text(
    name: str,
    meaning: str,
    *,
    required: bool = False,
    default: str = "",
    allowed: tuple[str, ...] = (),
) -> Column:
    """Give a column of text."""
    return Column(name, Kind.TEXT, required, meaning, default, allowed)


def date(
    name: str,
    meaning: str,
    *,
    required: bool = False,
    default: str = "",
    open_end: bool = False,
) -> Column:
    """Give a column of calendar dates."""
    return Column(name, Kind.DATE, required, meaning, default, open_end=open_end)


def flag(name: str, meaning: str, *, required: bool = False, default: str = "") -> Column:
    """Give a column of true and false."""
    return Column(name, Kind.BOOL, required, meaning, default)


def money(
    name: str,
    meaning: str,
    unit: str,
    *,
    required: bool = False,
    default: str = "",
    at_least: str = "",
) -> Column:
    """Give a column of amounts in the currency that `unit` names."""
    return Column(name, Kind.MONEY, required, meaning, default, unit=unit, at_least=at_least)


def number(
    name: str,
    meaning: str,
    kind: Kind,
    *,
    required: bool = False,
    default: str = "",
    unit: str = "",
    at_least: str = "",
    at_most: str = "",
    above: str = "",
) -> Column:
    """Give a column of numbers that are no amounts."""
    return Column(
        name,
        kind,
        required,
        meaning,
        default,
        unit=unit,
        at_least=at_least,
        at_most=at_most,
        above=above,
    )
