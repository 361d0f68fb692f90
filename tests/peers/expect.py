"""What the engine published, read back in the form in which a peer states its figures.

Every key of an expectation has a reader here, or is named as something the engine does not have.
A reader takes published columns and adds them up, at most; what it takes from the case itself is
said where it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from tests.peers.arithmetic import open_amount
from tests.peers.cases import Question
from tests.peers.decide import ABSENT, EARLIER_RUN, Figure, NoSuchFeatureError, feature_of_key
from tests.peers.expected_rows import (
    ROW_READERS,
    SETTLED,
    future_amount,
    read_contained,
    read_dropped,
    read_excluded,
    read_item,
    read_rows,
    remaining_amount,
)
from tests.peers.published import Cells
from tests.peers.view import ZERO, View, ageing_rows, ladder_amounts, total


def read_figures(view: View) -> tuple[list[Figure], list[str]]:
    """Give every figure of the question's expectation, and the features that others need."""
    figures: list[Figure] = []
    missing: list[str] = []
    for key, peer in view.question.expected.items():
        try:
            for figure in _read(view, key, peer):
                figures.append(figure)  # noqa: PERF402 - what was read before a feature is kept
        except NoSuchFeatureError as feature:
            missing.append(str(feature))
    return figures, missing


def _read(view: View, key: str, peer: Any) -> Iterator[Figure]:
    """Choose the reader by the key, and where keys are names by what they name."""
    labels = {one.label for one in view.ladder.ranges}
    item_ids = {str(item["id"]) for item in view.question.items}
    parties = {str(item.get("party")) for item in view.question.items}
    shape = SHAPES.get(key)
    is_ladder = isinstance(peer, list) and bool(labels) and (key == "total" or key in parties)
    if shape is not None and isinstance(peer, shape.types):
        yield from shape.read(view, peer)
    elif key in labels and not isinstance(peer, dict | list):
        yield Figure(key, peer, ladder_amounts(view)[key])
    elif is_ladder:
        amounts = ladder_amounts(view, None if key == "total" else key)
        yield Figure(key, peer, list(amounts.values()))
    elif key in item_ids:
        yield from read_item(view, key, peer)
    elif key in parties and isinstance(peer, dict):
        yield from _component_figures(view, key, peer, key)
    elif EARLIER_RUN.fullmatch(key):
        again = "published" if view.slices["again"].manifest else "refused"
        yield Figure("earlier run", peer, again)
    elif key in COMPONENTS:
        yield from _component_figures(view, "", {key: peer}, None)
    elif key in SCALARS and (not isinstance(peer, dict | list) or key == "balances_in_order"):
        yield Figure(key, _plain(peer), SCALARS[key](view))
    elif key in _documents(view.question) or key.startswith("after_posting"):
        raise NoSuchFeatureError(feature_of_key("part", "documents"))
    else:
        raise NoSuchFeatureError(feature_of_key("expectation", key))


def _documents(question: Question) -> set[str]:
    """Name the documents under check, which are in no ledger yet."""
    return {str(document["id"]) for document in question.case.get("documents", ())}


def _plain(peer: Any) -> Any:
    """Give a peer's symbol its value: an order total is what `translate` put into the ledger."""
    return "100" if peer == "+ order total" else peer


# -- parties and totals ------------------------------------------------------------------------


def _party_value(view: View, key: str, peer: Any, party: str | None) -> Any:
    rows = [row for row in view.main.items.values() if party is None or row["customer_id"] == party]
    if key == "buckets":
        return list(ladder_amounts(view, party).values())
    if key == "total_due":
        return total(row["open_amount"] for row in ageing_rows(view, party))
    if key == "outstanding":
        return total(row["open_amount"] for row in rows)
    if key == "advance":
        return -total(row["open_amount"] for row in rows if row["amount"] < 0)
    if key in {"gl_balance", "difference"}:
        column = {"gl_balance": "computed_balance", "difference": "difference"}[key]
        return total(row[column] for row in view.main.tables["tie_out"])
    if key not in {"invoiced", "paid", "credit_note"}:
        raise NoSuchFeatureError(feature_of_key("expectation", key))
    _refuse_unlisted(view, party)
    debits = [row for row in rows if row["amount"] >= 0]
    return total(ROW_READERS[key](view, row) for row in debits)


def _refuse_unlisted(view: View, party: str | None) -> None:
    """A total over documents needs them all: those settled in time are counted, not listed."""
    for item in view.question.items:
        of_party = party is None or item.get("party", "P") == party
        is_known = str(item["id"]) in view.main.items or "instalments" in item
        if of_party and not is_known and open_amount(view.question, item) == 0:
            raise NoSuchFeatureError(SETTLED)


def _party(view: View, peer: Mapping[str, Any]) -> Iterator[Figure]:
    for key, value in peer.items():
        yield Figure(f"party.{key}", value, _party_value(view, key, value, None))


def _party_totals(view: View, peer: Mapping[str, Mapping[str, Any]]) -> Iterator[Figure]:
    for party, values in peer.items():
        for key, value in values.items():
            path = f"party_totals.{party}.{key}"
            yield Figure(path, value, _party_value(view, key, value, party))


def _grand_total(view: View, peer: Mapping[str, Any]) -> Iterator[Figure]:
    for key, value in peer.items():
        yield Figure(f"grand_total.{key}", value, _party_value(view, key, value, None))


def _in_currency(column: str, name: str) -> Callable[[View, Any], Iterator[Figure]]:
    """Read totals over the items in the reporting currency or in their own."""

    def read(view: View, peer: Mapping[str, Any]) -> Iterator[Figure]:
        rows = list(view.main.items.values())
        readers: dict[str, Callable[[Cells], Any]] = {
            "outstanding": lambda row: row[column],
            "future_amount": lambda row: future_amount(view, row, column),
            "remaining_after_future": lambda row: remaining_amount(view, row, column),
        }
        for key, value in peer.items():
            if key not in readers:
                raise NoSuchFeatureError(feature_of_key("expectation", key))
            yield Figure(f"{name}.{key}", value, total(map(readers[key], rows)))

    return read


# -- ageing ------------------------------------------------------------------------------------


def _buckets(view: View, peer: Any) -> Iterator[Figure]:
    """Compare a list in the order of the ladder, or amounts by name, `1..11` for each of them."""
    amounts = ladder_amounts(view)
    if isinstance(peer, list):
        yield Figure("buckets", peer, list(amounts.values()))
        return
    for key, value in peer.items():
        first, _, last = str(key).partition("..")
        labels = [str(i) for i in range(int(first), int(last) + 1)] if last else [first]
        for label in labels:
            yield Figure(f"buckets.{label}", value, amounts.get(label, ABSENT))


def _ageing_date(view: View) -> str:
    """Give the day from which the item ages: with a bucket per day, its position is its age."""
    [row] = ageing_rows(view)
    return (view.main.extract.as_of - timedelta(days=row["bucket_position"])).isoformat()


def _credits_in_period(view: View) -> Decimal:
    """Give what came off by the as-of date: applied amounts, and credits that are still open."""
    if any(row["kind"] == "offset" for row in view.main.extract.rows("allocations")):
        raise NoSuchFeatureError("movements (a later table)")
    totals = view.main.manifest["control_totals"]
    applied = total(sums["allocated"] for sums in totals.values())
    given = [row["amount"] for row in view.main.items.values() if row["amount"] < 0]
    return applied - total(given)


# -- exposure ----------------------------------------------------------------------------------

COMPONENTS: Final[dict[str, Callable[[View, str | None], Decimal]]] = {
    "credit_balance": lambda view, party: view.accounts("credit_balance", party),
    "credit_notes": lambda view, party: view.accounts("credit_notes", party),
    "down_payments": lambda view, party: view.accounts("down_payments", party),
    "exposure": lambda view, party: view.accounts("exposure", party),
    "invoice_open": lambda view, party: (
        view.accounts("receivables", party) - view.accounts("overdue", party)
    ),
    "invoice_unpaid": lambda view, party: view.accounts("overdue", party),
    "open_orders": lambda view, party: view.accounts("open_orders", party),
    "overdue": lambda view, party: view.accounts("overdue", party),
    "receivables": lambda view, party: view.accounts("receivables", party),
    "unapplied_payments": lambda view, party: view.accounts("unapplied_payments", party),
}


def _component_figures(
    view: View, path: str, peer: Mapping[str, Any], party: str | None
) -> Iterator[Figure]:
    for key, value in peer.items():
        if key == "invoice_draft":
            # The draft itself was named as missing when the ledger was written.
            continue
        if key not in COMPONENTS:
            raise NoSuchFeatureError(feature_of_key("expectation", key))
        ours = COMPONENTS[key](view, party)
        yield Figure(f"{path}.{key}" if path else key, value, ours)


def _before(view: View, peer: Mapping[str, Any]) -> Iterator[Figure]:
    """Compare what is owed and still to be invoiced, without the documents under check."""
    still = ("open_orders", "production", "deliveries_not_invoiced")
    readers = {
        "open": lambda: view.accounts("receivables"),
        "to_invoice": lambda: total(view.accounts(column) for column in still),
    }
    for key, value in peer.items():
        if key not in readers:
            raise NoSuchFeatureError(feature_of_key("expectation", key))
        yield Figure(f"before.{key}", value, readers[key]())


# -- interest ----------------------------------------------------------------------------------


def _sum(column: str) -> Callable[[View], Decimal]:
    return lambda view: total(row[column] for row in view.main.items.values())


_OPEN = _sum("open_amount")
_INTEREST = _sum("penalty_interest")
_UNBILLED = _sum("interest_unbilled")
_COMPENSATION = _sum("fixed_indemnity")


def _days(view: View) -> Decimal:
    """Give the interest days; in a later step those since the step before."""
    days = total(row["interest_days"] for row in view.main.items.values())
    if "previous" not in view.slices:
        return days
    before = view.slices["previous"].items.values()
    return days - total(row["interest_days"] for row in before)


def _claimed(view: View) -> Decimal:
    """Give everything claimed so far, this step's new claim included."""
    return _INTEREST(view) - _UNBILLED(view) + max(_UNBILLED(view), ZERO)


def _fee(view: View) -> Decimal:
    """Give the fixed compensation where the case agrees on no rate and on no fee."""
    if Decimal(str(view.question.config.get("annual_rate_pct", 1))) != 0:
        raise NoSuchFeatureError(feature_of_key("expectation", "reminder_fee"))
    return _COMPENSATION(view)


def _rates(view: View) -> Any:
    rates = {row["rate_percent"] for row in view.main.tables["interest_periods"]}
    return rates.pop() if len(rates) == 1 else sorted(rates)


def _reference_rate(view: View) -> Any:
    rates = {row["reference_rate_percent"] for row in view.main.tables["interest_periods"]}
    return rates.pop() if len(rates) == 1 else sorted(rates)


def _balances(view: View) -> list[Decimal]:
    balances: list[Decimal] = []
    for row in view.main.tables["interest_periods"]:
        if balances[-1:] != [row["principal"]]:
            balances.append(row["principal"])
    return balances


def _claim_balance(view: View) -> Decimal:
    extra = _COMPENSATION if view.question.kind == "fee" else _INTEREST
    return _OPEN(view) + extra(view)


def _whole(view: View) -> Decimal:
    """Give the total that a case names: with interest where it is about interest."""
    if view.question.kind == "interest":
        return _OPEN(view) + (_INTEREST(view) if view.question.config else ZERO)
    if view.question.kind == "ageing":
        return total(row["open_amount"] for row in ageing_rows(view))
    return _sum("open_amount_rc")(view)


def _second_claim(view: View) -> str:
    rows = view.slices["claimed"].items.values()
    return "accepted" if total(row["indemnity_unbilled"] for row in rows) > 0 else "refused"


# -- single figures ----------------------------------------------------------------------------


def _validation(view: View) -> str:
    item_ids = [row["item_id"] for row in view.main.extract.rows("open_items")]
    return "error" if all(map(view.main.rejection, item_ids)) else "accepted"


def _due_date(view: View) -> str:
    [row] = view.main.extract.rows("open_items")
    found = view.main.items.get(row["item_id"])
    if found is None:
        return view.main.rejection(row["item_id"]) or ABSENT
    return str(found["due_date"].isoformat())


def _oldest(view: View) -> str | None:
    days = [row["oldest_due_date"] for row in view.main.tables["credit_accounts"]]
    given = [day for day in days if day is not None]
    return min(given).isoformat() if given else None


def _latest_days(view: View) -> int:
    rows = view.main.tables["credit_accounts"]
    return max((row["max_days_past_due"] for row in rows), default=0)


def _of_type(view: View, *, principal: bool) -> Decimal:
    rows = view.main.items.values()
    kinds = {str(item["id"]): item["type"] for item in view.question.items}
    return total(
        row["open_amount"] for row in rows if (kinds[row["item_id"]] == "invoice") == principal
    )


class Shape(NamedTuple):
    """An expectation with figures inside: what forms it may have, and its reader."""

    types: type | tuple[type, ...]
    read: Callable[[View, Any], Iterator[Figure]]


def _after_full_payment(view: View, peer: int) -> Iterator[Figure]:
    yield Figure("after_full_payment_rows", peer, len(view.slices["paid"].open_items))


SHAPES: Final[dict[str, Shape]] = {
    "after_full_payment_rows": Shape(int, _after_full_payment),
    "base": Shape(dict, _in_currency("open_amount_rc", "base")),
    "before": Shape(dict, _before),
    "buckets": Shape((dict, list), _buckets),
    "contains_rows": Shape(list, read_contained),
    "dropped": Shape(list, read_dropped),
    "grand_total": Shape(dict, _grand_total),
    "not_contains": Shape(list, read_excluded),
    "party": Shape(dict, _party),
    "party_currency": Shape(dict, _in_currency("open_amount", "party_currency")),
    "party_totals": Shape(dict, _party_totals),
    "rows": Shape((list, int), read_rows),
}

SCALARS: Final[dict[str, Callable[[View], Any]]] = {
    "ageing_date": _ageing_date,
    "annual_rate_pct": _rates,
    "balance_change": lambda view: view.accounts("exposure"),
    "balances_in_order": _balances,
    "claim_balance": _claim_balance,
    "claimed": _claimed,
    "compensation": _COMPENSATION,
    "credits_in_period": _credits_in_period,
    "currency": lambda view: view.main.manifest["configuration"]["reporting"]["currency"],
    "days": _days,
    "days_past_due": _latest_days,
    "delinquent_amount": lambda view: view.accounts("overdue"),
    "delinquent_since": _oldest,
    "due_date": _due_date,
    "dunning_amount": lambda view: _INTEREST(view) + _fee(view),
    "fee": _fee,
    "interest": _INTEREST,
    "lawful": _INTEREST,
    "new_interest": lambda view: max(_UNBILLED(view), ZERO),
    "open": _sum("open_amount_rc"),
    "open_balance_change": lambda view: view.accounts("exposure"),
    "open_principal": lambda view: _of_type(view, principal=True),
    "outstanding": _OPEN,
    "over_claimed": lambda view: max(-_UNBILLED(view), ZERO),
    "overdue_amount": lambda view: view.accounts("overdue"),
    "overdue_count": lambda view: sum(
        row["days_past_due"] > 0 for row in view.main.open_items.values()
    ),
    "payment_return": lambda view: {
        "component": "receivables",
        "amount": view.accounts("receivables"),
    },
    "payments_used": _balances,
    "posted": lambda view: _INTEREST(view) - _UNBILLED(view),
    "rate_pct": _reference_rate,
    "refund_needed": lambda view: _UNBILLED(view) < 0,
    "resolved": lambda view: _OPEN(view) == 0,
    "second_claim": _second_claim,
    "still_claimable": lambda view: _of_type(view, principal=False),
    "to_reverse": lambda view: max(-_UNBILLED(view), ZERO),
    "total": _whole,
    "total_to_date": _INTEREST,
    "validation": _validation,
}
