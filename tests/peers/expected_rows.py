"""Rows of a peer's open item list, read from the published items."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from tests.peers.arithmetic import is_posted_by, open_amount
from tests.peers.decide import ABSENT, Figure, NoSuchFeatureError, feature_of_key
from tests.peers.ladder import class_range, engine_range
from tests.peers.ledger_rows import instalment_id
from tests.peers.published import Cells
from tests.peers.view import ZERO, View, total

SETTLED: Final = "settled items (counted in the manifest, not listed)"


def read_rows(view: View, rows: Any) -> Iterator[Figure]:
    """Compare each expected row, then that no other item is open; a number counts the rows."""
    if isinstance(rows, int):
        yield Figure("row count", rows, len(view.main.open_items))
        return
    undivided: dict[tuple[str, str], list[Any]] = {}
    labels = []
    for i, row in enumerate(rows):
        item_id = _item_of_row(view, row)
        base = item_id.partition("#")[0]
        if _is_listed(row):
            labels.append(str(row.get("account") or item_id))
        if base in view.main.extract.undivided:
            labels[-1:] = [base]
            for key in ("outstanding", "base_outstanding"):
                if key in row:
                    undivided.setdefault((base, key), []).append(row[key])
            continue
        for key, peer in row.items():
            if key not in {"item", "instalment", "account"}:
                path = f"rows[{i}].{key}"
                yield Figure(path, peer, _row_value(view, item_id, key, peer), item_id)
    for (base, key), peers in undivided.items():
        ours = _row_value(view, base, key, peers)
        yield Figure(f"rows of {base}: {key} by instalment", peers, [ours], base)
    by_account = any("account" in row for row in rows)
    open_items = view.main.open_items
    ours = [row["account"] if by_account else key for key, row in open_items.items()]
    yield Figure("listed", sorted(set(labels)), sorted(ours))


def _is_listed(row: Cells) -> bool:
    amounts = [row[key] for key in ("outstanding", "base_outstanding") if key in row]
    return not amounts or any(Decimal(str(amount)) != 0 for amount in amounts)


def _item_of_row(view: View, row: Cells) -> str:
    """Find the item that a row is about, by its id, its account or its instalment."""
    if "item" in row:
        found = [str(row["item"])]
    elif "account" in row:
        same = [item for item in view.question.items if item.get("account") == row["account"]]
        found = [str(item["id"]) for item in same]
    else:
        found = [str(item["id"]) for item in view.question.items if "instalments" in item]
    if len(found) != 1:
        raise NoSuchFeatureError("rows that name no single item")
    if row.get("instalment") is None:
        return found[0]
    return instalment_id(found[0], row["instalment"])


def _row_value(view: View, item_id: str, key: str, peer: Any) -> Any:
    """Give one cell of a peer's row; of an item that is not listed, why it is not."""
    reader = ROW_READERS.get(key)
    if reader is None:
        raise NoSuchFeatureError(feature_of_key("expectation", key))
    row = view.main.items.get(item_id)
    if row is not None:
        return reader(view, row)
    state = view.main.rejection(item_id) or ABSENT
    known = {str(item["id"]): item for item in view.question.items}.get(item_id.partition("#")[0])
    is_settled = (
        state == ABSENT
        and known is not None
        and is_posted_by(known, view.question.as_of)
        and open_amount(view.question, known) == 0
    )
    if is_settled and key in {"outstanding", "base_outstanding"} and not isinstance(peer, list):
        return ZERO
    if is_settled:
        raise NoSuchFeatureError(SETTLED)
    return state


def _applied(row: Cells) -> Decimal:
    """Give what was applied to a debit; a credit shows its rest as paid, like the peers' lists."""
    if row["amount"] < 0:
        return -Decimal(row["open_amount"])
    return Decimal(row["amount"] - row["open_amount"])


def _credited(view: View, row: Cells) -> Decimal:
    """Give the part that credit notes applied; how it was applied stands in the ledger alone."""
    if row["amount"] < 0:
        return ZERO
    return total(
        allocation["amount"]
        for allocation in view.main.extract.rows("allocations")
        if allocation["item_id"] == row["item_id"]
        and allocation["kind"] == "credit_note"
        and allocation["posting_date"] <= view.question.as_of.isoformat()
    )


def _invoiced(_view: View, row: Cells) -> Decimal:
    return max(Decimal(row["amount"]), ZERO)


def _paid(view: View, row: Cells) -> Decimal:
    return _applied(row) - _credited(view, row)


def remaining_amount(view: View, row: Cells, column: str = "open_amount") -> Decimal:
    """Give what is open once everything is posted that the ledger knows; nothing when settled."""
    later = view.slices["later"].items.get(row["item_id"])
    return ZERO if later is None else Decimal(later[column])


def future_amount(view: View, row: Cells, column: str = "open_amount") -> Decimal:
    return Decimal(row[column]) - remaining_amount(view, row, column)


def _in_account_currency(view: View, row: Cells) -> Decimal:
    """Give the open amount in the currency of the party's account, by default the item's own."""
    given = {str(item["id"]): item for item in view.question.items}[row["item_id"]]
    currency = given.get("account_currency", row["currency"])
    if currency == row["currency"]:
        return Decimal(row["open_amount"])
    if currency == view.main.extract.configuration["reporting"]["currency"]:
        return Decimal(row["open_amount_rc"])
    raise NoSuchFeatureError("a third currency of the account")


def _column(name: str) -> Callable[[View, Cells], Any]:
    return lambda _view, row: row[name]


ROW_READERS: Final[dict[str, Callable[[View, Cells], Any]]] = {
    "account_currency_amount": _in_account_currency,
    "account_outstanding": _in_account_currency,
    "attr": _column("attr"),
    "base_amount": _column("open_amount_rc"),
    "base_outstanding": _column("open_amount_rc"),
    "bucket": _column("bucket"),
    "credit_note": _credited,
    "days_past_due": _column("days_past_due"),
    "due_date": lambda _view, row: row["due_date"].isoformat(),
    "future_amount": future_amount,
    "invoiced": _invoiced,
    "outstanding": _column("open_amount"),
    "paid": _paid,
    "party": _column("customer_id"),
    "remaining_after_future": remaining_amount,
}


def read_dropped(view: View, rows: Sequence[Cells]) -> Iterator[Figure]:
    for i, row in enumerate(rows):
        item_id = _item_of_row(view, row)
        if item_id.partition("#")[0] not in view.main.extract.undivided:
            open_ids = view.main.open_items
            yield Figure(f"dropped[{i}]", False, item_id in open_ids, item_id)


def read_contained(view: View, rows: Sequence[Cells]) -> Iterator[Figure]:
    for i, row in enumerate(rows):
        item_id = str(row["item"])
        yield Figure(f"contains_rows[{i}]", True, item_id in view.main.open_items, item_id)


def read_excluded(view: View, item_ids: Sequence[str]) -> Iterator[Figure]:
    named = {str(item["id"]) for item in view.question.items}
    for item_id in item_ids:
        if item_id not in named:
            raise NoSuchFeatureError("an item that the case does not list")
        yield Figure(f"not_contains.{item_id}", False, item_id in view.main.items, item_id)


def read_item(view: View, item_id: str, peer: Any) -> Iterator[Figure]:
    """Compare what is expected of one item: its class, or columns of it."""
    if isinstance(peer, dict):
        for key, value in peer.items():
            ours = _row_value(view, item_id, key, value)
            yield Figure(f"{item_id}.{key}", value, ours, item_id)
        return
    wanted = class_range(str(peer))
    if wanted is None or not view.ladder.ranges:
        raise NoSuchFeatureError(f'expectation "{peer}" of an item')
    row = view.main.items.get(item_id)
    bucket = row["bucket"] if row else view.main.rejection(item_id) or ABSENT
    found = engine_range(bucket)
    fits = found is not None and wanted.holds(found)
    yield Figure(item_id, peer, peer if fits else bucket, item_id)
