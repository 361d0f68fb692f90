"""Credit insurance policies: their terms, and the days on which cover can attach (DOMAIN 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from encours.ledger.limits import NO_PERCENT
from encours_schemas import INPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.ledger.small import SmallTable

POLICIES = INPUT_TABLES["policies"]
TAX_BASES = POLICIES.column("tax_base").allowed
PERCENT_UNITS = 10**9
NO_BOUND = -1
_EPOCH_ORDINAL = 719_163  # of 1970-01-01
_FAR_DAY = 2**31 - 1


@dataclass(frozen=True)
class PolicyTerms:
    """What a policy asks for; days, and a percentage in units of 10^-9, -1 where none is given."""

    percent_e9: int = NO_PERCENT
    is_net_of_tax: bool = False
    max_credit_days: int = NO_BOUND
    max_extension_days: int = 60
    notify_after_days: int = 90
    binding_orders_days: int = 0
    dispute_grace_days: int = 60
    insurer: str | None = None


DEFAULT_TERMS = PolicyTerms()
"""Terms of a limit whose policy has no row (TABLES 1)."""


@dataclass(frozen=True)
class _Version:
    """One row of the table."""

    from_day: int
    to_day: int | None
    terms: PolicyTerms


class Policies:
    """The rows of the table by policy, in the order of their first days."""

    def __init__(self, table: SmallTable | None) -> None:
        """Take the good rows; no table means that no policy has a row."""
        self._versions: dict[str, list[_Version]] = {}
        if table is None:
            return
        for row in zip(*table.columns.values(), strict=True):
            values = dict(zip(table.columns, row, strict=True))
            self._versions.setdefault(values["policy"], []).append(_version(values))
        for versions in self._versions.values():
            versions.sort(key=lambda version: version.from_day)

    def is_known(self, policy: str | None) -> bool:
        """Tell whether a policy has a row."""
        return policy in self._versions

    def terms(self, policy: str | None, day: int) -> PolicyTerms:
        """Give the terms of a policy on a day: of its latest row that has begun, ended or not."""
        begun = [one for one in self._of(policy) if one.from_day <= day]
        return begun[-1].terms if begun else DEFAULT_TERMS

    def in_force(self, policy: str | None, day: int) -> bool:
        """Tell whether cover can attach on a day; without any row it always can."""
        if not self.is_known(policy):
            return True
        begun = [one for one in self._of(policy) if one.from_day <= day]
        return bool(begun) and (begun[-1].to_day is None or begun[-1].to_day >= day)

    def last_day(self, policy: str | None, day: int) -> int | None:
        """Give the last day of the row in force on a day, None where it has no end."""
        begun = [one for one in self._of(policy) if one.from_day <= day]
        return begun[-1].to_day if begun else None

    def stretches(self, policy: str | None) -> list[tuple[int, int]]:
        """Give the first and last days on which cover can attach; none without a row."""
        versions = self._of(policy)
        nexts = [*(one.from_day - 1 for one in versions[1:]), _FAR_DAY][: len(versions)]
        return [
            (one.from_day, min(following, _FAR_DAY if one.to_day is None else one.to_day))
            for one, following in zip(versions, nexts, strict=True)
        ]

    def _of(self, policy: str | None) -> list[_Version]:
        return self._versions.get(policy or "", [])


def _version(row: Mapping[str, Any]) -> _Version:
    """Give a row with the defaults filled in."""
    given: dict[str, Any] = {
        name: row[name]
        for name in (
            "max_credit_days",
            "max_extension_days",
            "notify_after_days",
            "binding_orders_days",
            "dispute_grace_days",
            "insurer",
        )
        if row[name] is not None
    }
    if row["insured_percent"] is not None:
        given["percent_e9"] = int(row["insured_percent"] * PERCENT_UNITS)
    terms = PolicyTerms(is_net_of_tax=row["tax_base"] == "excl", **given)
    ends = row["valid_to"]
    return _Version(
        row["valid_from"].toordinal() - _EPOCH_ORDINAL,
        None if ends is None else ends.toordinal() - _EPOCH_ORDINAL,
        terms,
    )
