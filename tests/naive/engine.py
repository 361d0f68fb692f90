"""The whole nightly run once more, slowly: from the tables of a ledger to the published tables.

Written from the pages that say what the engine computes, in plain Python: one row at a time, one
day at a time, exact fractions, no code of the engine. Only the data files of regimes and rate
series are shared. Columns that a later step fills (limits, cover, holds) are left out.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.naive.ageing import ageing_rows, bucket_of
from tests.naive.arithmetic import as_decimal, rounded
from tests.naive.breaches import Breach, Night
from tests.naive.contract import EXPONENTS
from tests.naive.credit import add_columns, credit_of
from tests.naive.exchange import Exchange
from tests.naive.exposure import account_rows, group_rows, positions
from tests.naive.items import Item, Setting, carried_values, compute_items, open_items
from tests.naive.laws import Law
from tests.naive.night import apply_rules, breaches_of, night_of, remembered
from tests.naive.orders import decide_orders
from tests.naive.resolve import Ledger, resolve
from tests.naive.rows import Row, Tables, check_columns, refuse_duplicates
from tests.naive.settings import Settings
from tests.naive.statements import statement_rows

ZERO = Fraction(0)
RATE_DIGITS = 9
DIGITS = {"utilisation": 6, "measured": 6, "threshold": 6}


@dataclass
class Published:
    """What a run publishes: tables as lists of rows, counts and control totals."""

    tables: dict[str, list[Row]]
    rows: dict[str, dict[str, int]]
    item_counts: dict[str, int]
    control_totals: dict[str, dict[str, Any]]
    as_of: date


def compute_run(
    source: Tables,
    as_of: date,
    configuration: Mapping[str, Any],
    extract_date: date | None = None,
    before: Published | None = None,
) -> Published:
    """Give everything that a run publishes.

    source         per table its rows, columns absent or None where there is no value
    configuration  the sections of `encours.toml`
    before         what the latest run of an earlier as-of date published
    """
    setting = read_setting(source, as_of, configuration, extract_date)
    settings, law, ledger = setting.settings, setting.law, setting.ledger
    items = compute_items(setting)
    published = [item for item in items if item.is_published(as_of)]
    held = positions(setting, [item for item in items if item.exists])
    item_rows = [_item_row(setting, item) for item in published]
    accounts = account_rows(setting, items, held.values())
    groups = group_rows(setting, held.values())
    credit = credit_of(setting, items, accounts, held.values())
    add_columns(credit, accounts, groups, item_rows)
    night = night_of(setting, credit, accounts, held.values(), before)
    breaches = apply_rules(night, accounts, groups, item_rows)
    decisions = decide_orders(night, accounts, held.values())
    tables = {
        "items": item_rows,
        "credit_accounts": accounts,
        "groups": groups,
        "breaches": breaches,
        "order_decisions": decisions,
        "ageing": ageing_rows(published, as_of, settings),
        "interest_periods": _period_rows(published, law),
        "interest_statement": statement_rows(published, setting),
        "quarantine": _quarantine_rows(ledger),
        "tie_out": _tie_out_rows(ledger, published),
    }
    return Published(
        tables={name: [_plain(row) for row in rows] for name, rows in tables.items()},
        rows={name: table.counts() for name, table in ledger.tables.items() if name in source},
        item_counts=_item_counts(items, as_of),
        control_totals=_control_totals(source, ledger, items),
        as_of=as_of,
    )


def read_setting(
    source: Tables,
    as_of: date,
    configuration: Mapping[str, Any],
    extract_date: date | None = None,
) -> Setting:
    """Check a ledger, and lay out what everything is computed with."""
    settings = Settings(configuration)
    own_rates = check_columns(
        "reference_rates",
        source.get("reference_rates", []),
        {},
        settings.dialect("reference_rates"),
    )
    refuse_duplicates(own_rates)
    own_rates.drop_refused()
    configured = [
        {**row, "effective_date": date.fromisoformat(str(row["effective_date"]))}
        for row in settings("interest", "rates")
    ]
    law = Law([*configured, *own_rates.rows], settings("interest", "regimes"))
    ledger = resolve(source, settings, law, extract_date or as_of)
    exchange = Exchange(
        ledger.tables["fx_rates"].rows,
        as_of,
        settings("fx", "pivot"),
        settings("fx", "max_age_days"),
    )
    return Setting(ledger, settings, law, exchange, as_of, source)


def credit_night(
    source: Tables,
    as_of: date,
    configuration: Mapping[str, Any],
    extract_date: date | None = None,
    before: Night | None = None,
) -> tuple[Night, list[Breach]]:
    """Give what holds hang on and the breaches, without interest and the tables.

    before  the night whose holds are remembered, taken for the one before
    """
    setting = read_setting(source, as_of, configuration, extract_date)
    items = open_items(setting)
    held = positions(setting, items)
    accounts = account_rows(setting, items, held.values())
    credit = credit_of(setting, items, accounts, held.values())
    night = night_of(setting, credit, accounts, held.values(), None)
    night.earlier = None if before is None else remembered(before)
    return night, breaches_of(night)


def account_exposures(
    source: Tables, as_of: date, configuration: Mapping[str, Any]
) -> dict[tuple[str, str], Fraction]:
    """Give the exposure per credit segment and credit account."""
    setting = read_setting(source, as_of, configuration)
    found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for one in positions(setting, open_items(setting)).values():
        segment = setting.ledger.segment_of(one.company_code)
        found[segment, setting.ledger.account_of(one.customer_id)] += one.exposure
    return dict(found)


def _plain(row: Row) -> Row:
    """Turn the fractions of a row into decimals; rates have more digits than money."""
    return {
        name: as_decimal(value, DIGITS.get(name, RATE_DIGITS if name.endswith("_percent") else 3))
        if isinstance(value, Fraction)
        else value
        for name, value in row.items()
    }


def _item_row(setting: Setting, item: Item) -> Row:
    """Give the published row of an item."""
    row: Row = {name: item[name] for name in ("item_id", "company_code", "customer_id")}
    row |= {name: item[name] for name in ("document_type", "document_number", "document_date")}
    row |= {name: item[name] for name in ("due_date", "currency", "amount")}
    return row | {
        "credit_segment": item.credit_segment,
        "credit_account_id": item.credit_account,
        "open_amount": item.open_amount,
        "open_amount_rc": item.open_rc,
        "disputed_amount": item.disputed,
        "days_past_due": item.days_past_due(setting.as_of),
        "bucket": bucket_of(item, setting.as_of, setting.settings),
        "settled_on": item.settled_on,
        "interest_regime": item.regime,
        "interest_from": item.first_day,
        "interest_to": item.last_day,
        "interest_days": item.days or None,
        "penalty_interest": item.interest.total,
        "penalty_interest_rc": item.penalty_rc,
        "interest_suspended": item.suspended,
        "interest_unbilled": item.unbilled,
        "fixed_indemnity": item.indemnity,
        "fixed_indemnity_currency": item.indemnity_currency,
        "fixed_indemnity_rc": item.indemnity_rc,
        "indemnity_unbilled": item.indemnity - (item["indemnity_billed_amount"] or ZERO),
        "no_interest_reason": item.reason,
        "warnings": _warnings(item),
        **carried_values(setting.settings, "open_items", item.row, setting.source),
    }


def _warnings(item: Item) -> str | None:
    """Join the codes of what is odd about an item."""
    over_applied = item.open_amount * item["amount"] < 0
    codes = ["over_applied"] * over_applied + item["_warnings"]
    return "|".join(codes) or None


def _period_rows(published: list[Item], law: Law) -> list[Row]:
    """Give the stretches of constant principal and rate of every item with interest."""
    return [
        {
            "item_id": item["item_id"],
            "customer_id": item["customer_id"],
            "from_date": piece.first,
            "to_date": piece.last,
            "days": piece.days,
            "principal": rounded(piece.principal, item.digits),
            "reference_rate_percent": piece.reference,
            "rate_percent": piece.rate,
            "day_count": law.regimes[item.regime or "NONE"]["day_count"],
            "interest": piece.rounded_interest,
            "currency": item["currency"],
        }
        for item in published
        for piece in item.interest.pieces
    ]


def _quarantine_rows(ledger: Ledger) -> list[Row]:
    """Give every finding; `row` is the place in the table's list."""
    return [
        {
            "table": finding.table,
            "row": finding.row,
            "column": finding.column,
            "reason": finding.reason,
            "kept": finding.kept,
        }
        for table in ledger.tables.values()
        for finding in table.findings.values()
    ]


def _tie_out_rows(ledger: Ledger, published: list[Item]) -> list[Row]:
    """Compare the general ledger's balances with the open items that are in it."""
    rows = []
    for balance in ledger.tables["ledger_balances"].rows:
        party = balance["customer_id"]
        computed = sum(
            (
                item.open_amount
                for item in published
                if item["financing"] == "none"
                and item["company_code"] == balance["company_code"]
                and item["currency"] == balance["currency"]
                and party in {None, item["customer_id"]}
            ),
            ZERO,
        )
        rows.append(
            {
                "company_code": balance["company_code"],
                "currency": balance["currency"],
                "customer_id": party,
                "ledger_balance": balance["balance"],
                "computed_balance": computed,
                "difference": balance["balance"] - computed,
            }
        )
    return rows


def _item_counts(items: list[Item], as_of: date) -> dict[str, int]:
    """Count the accepted items by what became of them."""
    counts = dict.fromkeys(
        ("open", "settled_late", "settled_in_time", "not_yet_posted", "settled_date_unknown"), 0
    )
    for item in items:
        if not item.exists:
            kind = "not_yet_posted"
        elif item.open_amount != 0:
            kind = "open"
        elif item.is_published(as_of):
            kind = "settled_late"
        else:
            kind = "settled_in_time" if item.settled_on else "settled_date_unknown"
        counts[kind] += 1
    return counts


def _control_totals(source: Tables, ledger: Ledger, items: list[Item]) -> dict[str, dict[str, Any]]:
    """Add up, per currency, what came in and what became of it (DOMAIN 11.2)."""
    totals: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for item in items:
        total = totals[item["currency"]]
        total["amount"] += item["amount"]
        if not item.exists:
            total["not_yet_posted"] += item["amount"]
            continue
        total["open_amount"] += item.open_amount
        if item.has_allocation:
            total["allocated"] += sum((row["amount"] for row in item.posted), ZERO)
        else:
            total["extract_difference"] += item["amount"] - item.open_amount
    table = ledger.tables["open_items"]
    for place, raw in enumerate(source["open_items"]):
        currency, amount = raw.get("currency"), _readable(raw.get("amount"))
        if table.is_refused(place) and currency in EXPONENTS and amount is not None:
            totals[str(currency)]["quarantined_amount"] += amount
    names = ("amount", "open_amount", "allocated", "extract_difference", "not_yet_posted")
    return {
        currency: {name: as_decimal(total[name]) for name in (*names, "quarantined_amount")}
        for currency, total in sorted(totals.items())
    }


def _readable(value: Any) -> Fraction | None:
    """Give an amount that money can hold, None for anything else."""
    try:
        amount = Fraction(Decimal(value))
    except (ArithmeticError, TypeError, ValueError):
        return None
    return amount if amount * 1000 == int(amount * 1000) and abs(amount) < 10**15 else None
