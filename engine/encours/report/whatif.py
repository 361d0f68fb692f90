"""What a scenario changes: the difference between its run and the base run, as tables and text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from encours.report.difference import ACCOUNTS, GROUPS, Compared, difference, totals
from encours.report.layout import ABSENT, Grid, Page, amount_text, count_text, plain_page
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours_schemas.errors import InputRefused

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.report.published import PublishedRun

Row = dict[str, Any]

WIDTH: Final = 110
_HOLDS: Final = {
    "hold_orders": "orders",
    "hold_deliveries": "deliveries",
    "hold_production": "production",
}
_TOTALS: Final = ("exposure", "credit_limit", "insured_covered", "secured", "unsecured", "overdue")
_PRINTED: Final = ("exposure", "credit_limit", "insured_covered", "unsecured")


def check_same_night(base: PublishedRun, scenario: PublishedRun) -> None:
    """Raise InputRefused (65) where two runs differ by more than the scenario."""
    for part, name in (
        ("as_of", "the as-of date"),
        ("inputs", "the ledger's files"),
        ("previous_run", "the earlier run that it remembers"),
    ):
        if base.manifest[part] != scenario.manifest[part]:
            raise _other_night(base, name)
    chosen = dict(scenario.manifest["configuration"])
    chosen.pop("scenario", None)
    if dict(base.manifest["configuration"]) != chosen:
        raise _other_night(base, "the configuration")


def _other_night(base: PublishedRun, name: str) -> InputRefused:
    return InputRefused(
        what=f"the base run is another night: {name} is not the same",
        where=str(base.directory),
        expected="a run of the same ledger, date and configuration",
        cure="name that run with --run, or leave --run out",
    )


@dataclass(frozen=True)
class Comparison:
    """The rows in which the scenario differs from the base; see `difference` for the columns."""

    accounts: pa.Table
    groups: pa.Table
    as_of: str
    currency: str

    @classmethod
    def of(cls, base: PublishedRun, scenario: PublishedRun) -> Comparison:
        """Compare two runs of one night."""
        return cls(
            difference(base, scenario, ACCOUNTS),
            difference(base, scenario, GROUPS),
            str(base.manifest["as_of"]),
            base.reporting_currency,
        )

    def json(self, top: int) -> str:
        """Give totals and the rows that differ most, as JSON."""
        record = {
            "as_of": self.as_of,
            "currency": self.currency,
            "accounts_that_differ": self.accounts.num_rows,
            "groups_that_differ": self.groups.num_rows,
            "totals": totals(self.accounts, _TOTALS),
            "accounts": [_plain(row) for row in _foremost(self.accounts, ACCOUNTS, top)],
            "groups": [_plain(row) for row in _foremost(self.groups, GROUPS, top)],
        }
        return json.dumps(record, indent=2, ensure_ascii=False)

    def text(self, top: int) -> str:
        """Give totals and the rows that differ most, as a page."""
        added = totals(self.accounts, _TOTALS)
        facts = [
            ("as of", self.as_of),
            ("amounts in", self.currency),
            ("accounts that differ", count_text(self.accounts.num_rows)),
            ("groups that differ", count_text(self.groups.num_rows)),
            *((f"{name}, in all", self._signed(Decimal(added[name]))) for name in _TOTALS),
            *self._holds(),
        ]
        grids = [self._grid(ACCOUNTS, self.accounts, top), self._grid(GROUPS, self.groups, top)]
        page = Page("scenario less base", tuple(facts), tuple(one for one in grids if one.rows))
        return plain_page(page, WIDTH)

    def _holds(self) -> list[tuple[str, str]]:
        """Count the accounts that are held only in one of the two runs."""
        told = []
        for column, name in _HOLDS.items():
            before = self.accounts.column(f"{column}_base").to_pylist()
            after = self.accounts.column(f"{column}_scenario").to_pylist()
            more = sum(bool(new) and not old for old, new in zip(before, after, strict=True))
            less = sum(bool(old) and not new for old, new in zip(before, after, strict=True))
            told.append((f"{name} held", f"{more:,} more accounts, {less:,} fewer"))
        return told

    def _grid(self, compared: Compared, rows: pa.Table, top: int) -> Grid:
        """Print the amounts that changed and the holds, the rows that differ most first."""
        printed = [name for name in compared.amounts if name in {*_PRINTED, "group_limit"}]
        return Grid(
            f"{compared.table}, those that differ most",
            (*compared.key, *printed, "holds"),
            (*(False for _ in compared.key), *(True for _ in printed), False),
            tuple(
                (
                    *(str(row[name]) for name in compared.key),
                    *(self._signed(row[f"{name}_difference"]) for name in printed),
                    _holds_text(row),
                )
                for row in _foremost(rows, compared, top)
            ),
        )

    def _signed(self, amount: Decimal) -> str:
        text = amount_text(amount, CURRENCY_EXPONENTS[self.currency])
        return f"+{text}" if amount > 0 else text


def _foremost(rows: pa.Table, compared: Compared, top: int) -> list[Row]:
    """Give the rows with the greatest change of any amount; equal ones in the order of the key."""
    names = [f"{name}_difference" for name in compared.amounts]
    listed = rows.to_pylist()
    listed.sort(key=lambda row: -max(abs(row[name]) for name in names))
    return listed[:top]


def _holds_text(row: Row) -> str:
    """Say which holds there are in the base and in the scenario, where they differ."""
    told = [
        ", ".join(name for column, name in _HOLDS.items() if row.get(f"{column}_{side}")) or "none"
        for side in ("base", "scenario")
    ]
    if "hold_orders_base" not in row:
        return ABSENT
    return told[0] if told[0] == told[1] else f"{told[0]} -> {told[1]}"


def _plain(row: Row) -> Row:
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
