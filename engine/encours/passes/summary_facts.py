"""What the manifest says about a run's figures."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from encours.controls.checks import CONTROL_TERMS

if TYPE_CHECKING:
    from collections.abc import Collection

    from encours.calc.context import RunContext
    from encours.calc.sums import CurrencyTotals
    from encours.controls.checks import Control
    from encours.ledger.quarantine import Quarantine
    from encours.publish.files import PublishedFile


def manifest_facts(
    context: RunContext,
    totals: CurrencyTotals,
    controls: list[Control],
    quarantine: Quarantine,
    tables: Collection[str],
    published: list[PublishedFile],
) -> dict[str, object]:
    """Give counts, control totals and rate series of a run; amounts as exact decimals.

    tables  names of the small tables
    """
    rows: dict[str, int] = {}
    for file in published:
        if not file.file.endswith(".parquet"):
            continue
        rows[file.table] = rows.get(file.table, 0) + (file.rows or 0)
    counts = totals.counts
    kinds = ("open", "settled_late", "settled_in_time", "not_yet_posted", "settled_date_unknown")
    return {
        "items": {kind: counts.get(kind, 0) for kind in kinds},
        "controls": [
            {
                "name": control.name,
                "holds": control.holds,
                "left": str(control.left),
                "right": str(control.right),
            }
            for control in controls
        ],
        "control_totals": _control_totals(totals),
        "quarantined_unreadable": counts.get("quarantined_unreadable", 0),
        "tables": {name: rows.get(name, 0) for name in sorted({*rows, *tables})},
        "rate_series": {
            name: {"known_until": series.known_until, "rows": len(series.rows)}
            for name, series in sorted(context.law.series.items())
        },
        "creditor_countries": dict(
            zip(context.master.companies.codes, context.master.companies.countries, strict=True)
        ),
        "quarantine": {table: quarantine.counts(table) for table in quarantine.tables},
    }


def _control_totals(totals: CurrencyTotals) -> dict[str, dict[str, str]]:
    """Give the terms of the conservation equation per currency, as text with three decimals."""
    found = {term: totals.of(term) for term in CONTROL_TERMS}
    currencies = sorted({currency for amounts in found.values() for currency in amounts})
    return {
        currency: {
            term: str(Decimal(found[term].get(currency, 0)).scaleb(-3)) for term in CONTROL_TERMS
        }
        for currency in currencies
    }
