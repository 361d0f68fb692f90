"""A peer's case as a ledger of ours: which tables, which configuration, which day, which runs.

Every key of the case is either given a meaning here or named as something the engine does not
have; none is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from tests.peers.arithmetic import open_amount
from tests.peers.cases import Question, day_of, leaves
from tests.peers.contract_rate import ContractRate, country_of_law, rate_tables, read_contract_rate
from tests.peers.decide import EARLIER_RUN, NoSuchFeatureError, feature_of_input
from tests.peers.extract import Extract
from tests.peers.ladder import Ladder, read_ladder
from tests.peers.ledger_rows import CARRIED_KEYS, COMPANY, LedgerRows

FX_KEY: Final = re.compile(r"rate_([A-Z]{3})_([A-Z]{3})")
INTEREST_KINDS: Final = frozenset({"interest", "fee", "rate_table"})
READ_ELSEWHERE: Final = frozenset({"claims", "documents", "items_rule"})


@dataclass(frozen=True)
class Reading:
    """What the configuration of a case says, once every key has been understood."""

    ladder: Ladder
    basis: str
    currency: str
    contract: ContractRate | None
    missing: tuple[str, ...]


def plan(question: Question) -> dict[str, Extract]:
    """Give the ledgers to run for a question that `events.complete` has written out.

    `main` is the question's own; the others answer what a peer states of another day or state:
    `later` once everything known is posted, `paid` after payment in full, `previous` as the step
    before saw it, `claimed` after the fixed compensation was claimed, `again` on an earlier day.
    """
    reading = read_configuration(question)
    main = _translate(question, reading)
    keys = {name for path, _ in leaves(question.expected) for name in re.split(r"[.\[]", path)}
    extracts = {"main": main}
    if keys & {"future_amount", "remaining_after_future"}:
        days = [day_of(row["posting_date"]) for row in main.rows("allocations")]
        extracts["later"] = _at(main, max([question.as_of, *days]))
    if "after_full_payment_rows" in keys:
        extracts["paid"] = _paid_in_full(main, question)
    if "days" in keys and question.earlier:
        extracts["previous"] = _at(main, day_of(question.earlier[-1]["as_of"]))
    if "second_claim" in keys:
        extracts["claimed"] = _claimed(main, str(question.config["fixed_compensation"]))
    for key in keys:
        if match := EARLIER_RUN.fullmatch(key):
            day = main.as_of - timedelta(days=int(match[1]))
            extracts["again"] = replace(_at(main, day), alone=True, follows="main")
            main.alone = True
    return extracts


def _translate(question: Question, reading: Reading) -> Extract:
    """Give the ledger of a question at its own as-of date."""
    extract = Extract(question.as_of, _configuration(question, reading))
    extract.missing += reading.missing
    extract.missing += [
        feature_of_input("part", key) for key in question.extra_keys if key not in READ_ELSEWHERE
    ]
    LedgerRows(question, extract).fill()
    _add_rates(question, reading, extract)
    _adapt(question, extract)
    return extract


def _adapt(question: Question, extract: Extract) -> None:
    """Prepare what some expectations are read from: a bucket per day, a balance to tie out."""
    if "ageing_date" in question.expected:
        extract.as_of += timedelta(days=1)
        width = (extract.as_of - min(question.days)).days
        extract.configuration["ageing"]["bounds"] = list(range(1, width + 1))
    party = question.expected.get("party")
    if isinstance(party, dict) and "gl_balance" in party:
        balance = {"company_code": COMPANY, "balance": str(party["gl_balance"])}
        balance["currency"] = extract.rows("open_items")[0]["currency"]
        extract.tables["ledger_balances"] = [balance]
    extract.alone |= "credits_in_period" in question.expected


def read_configuration(question: Question) -> Reading:
    """Give a meaning to every key of the configuration, or name the feature behind it."""
    config = question.config
    missing: list[str] = []
    for key, value in config.items():
        accepted = _CONFIG.get(key)
        if FX_KEY.fullmatch(key):
            continue
        if accepted is None:
            missing.append(feature_of_input("configuration", key))
        elif not accepted(value):
            missing.append(feature_of_input("configuration", key, f" = {value!r}"))
    return Reading(
        ladder=read_ladder(config, question.as_of),
        basis=str(config.get("ageing_basis", "due_date")),
        currency=_reporting_currency(question),
        contract=read_contract_rate(question),
        missing=tuple(missing),
    )


def _anything(_value: object) -> bool:
    return True


def _one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: value in values


def _nothing(value: object) -> bool:
    return Decimal(str(value)) == 0


# Keys of the configuration and the values that have a meaning here. Where any value will do, the
# key is read by `ladder`, `contract_rate`, `expect` or below, which refuse what they don't know.
_CONFIG: Final[dict[str, Callable[[Any], bool]]] = {
    "ageing_basis": _one_of("due_date", "document_date", "posting_date"),
    "annual_rate_pct": _anything,
    "base_currency": _anything,
    "bucket_0": _one_of("due_date >= as_of"),
    "bucket_count": _anything,
    "buckets": _anything,
    "buckets_upper_days": _anything,
    "business_buyers_only": _one_of(True),
    "class_bounds": _anything,
    "contractual": _anything,
    "currency": _anything,
    "day_count": _anything,
    "dunning_currency": _anything,
    "fee": _nothing,
    "first_interest_day": _one_of("day after due date", "due date"),
    "fixed_compensation": _anything,
    "grace": _one_of("by terms"),
    "grace_days": _anything,
    "group_by": _one_of("party group", "party"),
    "hierarchy": _anything,
    "instalment_allocation": _one_of("fifo"),
    "interest_period_days": _anything,
    "limit_holder": _anything,
    "net_days": _anything,
    "per": _one_of("invoice"),
    "per_instalment": _anything,
    "rate_pct_per_period": _anything,
    "reference_rate_pct": _anything,
    "rollup": _one_of("commercial parent"),
    "rounding": _anything,
    "show_future_payments": _anything,
    "show_gl_balance": _anything,
    "split_by_instalment": _anything,
    "statutory_margin_pct": _anything,
    "table_is_step_function_of": _one_of("half-year"),
    "term": _anything,
    "unpaid_margin_days": _nothing,
    "unit": _one_of("day", "week", "month"),
}


def _reporting_currency(question: Question) -> str:
    """Give the currency in which the peer adds up; without one, that of the items."""
    named = question.config.get("base_currency") or question.config.get("dunning_currency")
    currencies = {str(item["currency"]) for item in question.items if item.get("currency")}
    return str(named or (currencies.pop() if len(currencies) == 1 else "EUR"))


def _configuration(question: Question, reading: Reading) -> dict[str, Any]:
    carried = [key for key in CARRIED_KEYS if any(key in item for item in question.items)]
    configuration: dict[str, Any] = {
        "carry": carried,
        "reporting": {"currency": reading.currency},
        "ageing": {
            "basis": reading.basis,
            "bounds": list(reading.ladder.bounds),
            "credits": _credits(question, reading.ladder),
        },
        # A case of one bad row is not refused as a whole: its row is looked for in the quarantine.
        "input": {"max_rejected": "1"},
    }
    if question.kind in INTEREST_KINDS:
        grace = int(question.config.get("grace_days") or 0)
        configuration["interest"] = {"periods": True, "grace_days": grace}
        if reading.contract is not None:
            configuration["interest"]["regimes"] = reading.contract.own_regimes
    return configuration


def _credits(question: Question, ladder: Ladder) -> str:
    """Where credits stand in the ageing: the form has no word for it, the peer's totals tell.

    An unapplied payment of a step is set against the oldest; a ladder whose total is that of the
    debits alone leaves the credits in a column of their own.
    """
    if question.entry.get("payment") or any(step.get("payment") for step in question.earlier):
        return "oldest_first"
    totals = question.expected.get("total")
    if isinstance(totals, list) and len(totals) == len(ladder.ranges):
        open_amounts = [open_amount(question, item) for item in question.items]
        debits = sum((amount for amount in open_amounts if amount > 0), Decimal(0))
        if sum(map(Decimal, totals), Decimal(0)) == debits != sum(open_amounts, Decimal(0)):
            return "own_column"
    return "by_date"


def _add_rates(question: Question, reading: Reading, extract: Extract) -> None:
    """Write exchange rates and, for a rate agreed by contract, the series that holds it."""
    day = extract.as_of.isoformat()
    quotes: dict[tuple[str, str], set[str]] = {}
    for key, value in question.config.items():
        if match := FX_KEY.fullmatch(key):
            quotes.setdefault((match[1], match[2]), set()).add(str(value))
    for item in question.items:
        if item.get("fx_rate_at_booking"):
            pair = (str(item["currency"]), reading.currency)
            quotes.setdefault(pair, set()).add(str(item["fx_rate_at_booking"]))
    if any(len(rates) > 1 for rates in quotes.values()):
        raise NoSuchFeatureError("rates of the booking day (the case has none of the as-of date)")
    currencies = {row["currency"] for row in extract.rows("open_items")}
    currencies |= {row["currency"] for row in extract.rows("commitments")}
    pairs = {(code, reading.currency) for code in currencies - {reading.currency}}
    if not pairs <= quotes.keys():
        raise NoSuchFeatureError("amounts in several currencies without a rate")
    if country_of_law(question):
        # The fixed compensation of the law has a currency of its own; the case is not about it.
        for code in ("EUR", "PLN"):
            if code != reading.currency:
                quotes.setdefault((code, reading.currency), {"1"})
    extract.tables["fx_rates"] = [
        {"from_currency": source, "to_currency": target, "rate_date": day, "rate": rate}
        for (source, target), rates in sorted(quotes.items())
        for rate in rates
    ]
    if reading.contract is not None:
        extract.tables["reference_rates"] = rate_tables(reading.contract, question)


def _paid_in_full(extract: Extract, question: Question) -> Extract:
    """Give the same ledger with the rest of every item applied on the as-of date."""
    rests = [
        {
            "allocation_id": f"rest-{item['id']}",
            "item_id": str(item["id"]),
            "value_date": question.as_of.isoformat(),
            "currency": str(item["currency"]),
            "amount": str(open_amount(question, item)),
        }
        for item in question.items
    ]
    given = extract.tables.get("allocations", [])
    balances = [{**row, "balance": "0"} for row in extract.tables.get("ledger_balances", [])]
    changed = {"allocations": [*given, *rests], "ledger_balances": balances}
    return replace(extract, tables=extract.tables | changed)


def _claimed(extract: Extract, amount: str) -> Extract:
    """Give the same ledger after the fixed compensation of its first item was claimed."""
    first, *others = extract.rows("open_items")
    rows = [{**first, "indemnity_billed_amount": amount}, *others]
    return replace(extract, tables=extract.tables | {"open_items": rows})


def _at(extract: Extract, as_of: date) -> Extract:
    """Give the same ledger at another day, with the rates of that day."""
    tables = dict(extract.tables)
    tables["fx_rates"] = [
        {**row, "rate_date": as_of.isoformat()} for row in extract.tables.get("fx_rates", ())
    ]
    return replace(extract, as_of=as_of, tables=tables)
