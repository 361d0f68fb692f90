"""From the exposure of the earlier run to this one, movement by movement (TABLES 2, `movements`).

What each movement is: docs/decisions/0057-movements.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import milli_of, money_array
from encours.calc.context import CREDIT_COMPONENTS, DEBIT_COMPONENTS
from encours.calc.flows import CASH, CREDITS, FLOWS, INVOICED, WRITE_OFFS
from encours.calc.items import convert
from encours.calc.lines import CELL_SUMS, LineKeys, ageing_bucket_count, line_key, line_of_key
from encours.calc.sums import KeyedSums
from encours.ledger.checking import combine, listed_codes
from encours.ledger.decode import decode_text_codes
from encours.ledger.master import CURRENCY_POSITIONS
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext

Array = np.ndarray[Any, np.dtype[Any]]

EARLIER_LINES: Final = (
    "company_code",
    "customer_id",
    "currency",
    "open_amount",
    "open_amount_rc",
)
"""Columns of the earlier run's table `ageing` that are needed."""
ORDERS: Final = ("open_orders", "production")
DELIVERIES: Final = ("deliveries_not_invoiced",)
ON_ITEMS: Final = tuple(
    name for name in (*DEBIT_COMPONENTS, *CREDIT_COMPONENTS) if name not in {*ORDERS, *DELIVERIES}
)
EARLIER_ACCOUNTS: Final = (
    "credit_account_id",
    "credit_segment",
    "exposure",
    *ORDERS,
    *DELIVERIES,
    *ON_ITEMS,
)
"""Columns of the earlier run's table `credit_accounts` that are needed."""
MOVEMENTS: Final = (
    "invoiced",
    "orders",
    "deliveries",
    "cash",
    "credits",
    "write_offs",
    "fx",
    "restated",
    "scope",
)
_TABLE: Final = OUTPUT_TABLES["movements"]
_BEFORE, _BEFORE_RC, _NOW, _NOW_RC, _FIRST_FLOW = range(5)
_WIDTH: Final = _FIRST_FLOW + len(FLOWS)


@dataclass(frozen=True)
class _Lines:
    """Sums of l lines: where they stand in the bridge (-1: nowhere), and `_WIDTH` sums each."""

    place: Array
    currency_code: Array
    sums: Array


class EarlierLines:
    """What was open per line in the earlier run, by the codes of this one.

    known     lines of customers and companies that this run knows: open amount, and converted
    vanished  lines of customers that it does not know: account, segment, currency, amounts
    """

    def __init__(self, context: RunContext) -> None:
        """Start empty."""
        self._context = context
        self.known = KeyedSums(2)
        self.vanished: list[pa.Table] = []

    def add(self, lines: pa.Table) -> None:
        """Add rows of the earlier run's `ageing`: `EARLIER_LINES`."""
        master = self._context.master
        customer = decode_text_codes(_plain(lines, "customer_id"), master.customer_index)
        company = listed_codes(_plain(lines, "company_code"), master.company_positions)
        currency = listed_codes(_plain(lines, "currency"), CURRENCY_POSITIONS)
        amounts = np.column_stack(
            [_amounts(lines, "open_amount"), _amounts(lines, "open_amount_rc")]
        )
        is_known = (customer >= 0) & (company >= 0) & (currency >= 0)
        key = line_key(
            customer[is_known],
            company[is_known],
            currency[is_known],
            len(master.companies.codes),
        )
        self.known.add(key, amounts[is_known])
        lost = ~is_known & (company >= 0) & (currency >= 0)
        if lost.any():
            chosen = pa.array(np.flatnonzero(lost))
            names = pa.array(master.companies.segments, pa.string())
            self.vanished.append(
                pa.table(
                    {
                        "account": _plain(lines, "customer_id").take(chosen),
                        "segment": names.take(pa.array(company[lost])),
                        "currency": pa.array(currency[lost].astype(np.int32)),
                        "before": amounts[lost, 0],
                        "before_rc": amounts[lost, 1],
                    }
                )
            )


def movements(
    earlier_accounts: pa.Table,
    earlier_lines: Iterable[pa.Table],
    flows: KeyedSums,
    cells: KeyedSums,
    accounts: AccountRows,
    published: pa.Table,
    context: RunContext,
    *,
    has_allocations: bool,
) -> pa.Table:
    """Bridge every account's exposure from the earlier run to this one, to the last digit.

    earlier_accounts  `EARLIER_ACCOUNTS` of the earlier run
    earlier_lines     `EARLIER_LINES` of the earlier run, in pieces
    flows, cells      what was posted since, and what is open, per line and per ageing cell
    published         this run's credit accounts, in the order of `accounts`
    has_allocations   without any, what is no longer open counts as paid
    """
    before = EarlierLines(context)
    for piece in earlier_lines:
        before.add(piece)
    place, only_before = _places(earlier_accounts, accounts)
    count = len(accounts) + only_before.num_rows
    moved = {name: np.zeros(count, np.int64) for name in MOVEMENTS}
    opened, still_open = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for lines in _all_lines(before, flows, cells, accounts, only_before, context):
        known = lines.place >= 0
        of_line = _of_lines(lines, context, has_allocations=has_allocations)
        for name, values in of_line.items():
            np.add.at(moved[name], lines.place[known], values[known])
        np.add.at(opened, lines.place[known], lines.sums[known, _BEFORE_RC])
        np.add.at(still_open, lines.place[known], lines.sums[known, _NOW_RC])
    then, now = _sums(earlier_accounts, place, count), _sums(published, None, count)
    moved["orders"] = now["orders"] - then["orders"]
    moved["deliveries"] = now["deliveries"] - then["deliveries"]
    moved["scope"] = (now["items"] - still_open) - (then["items"] - opened)
    keys = pa.concat_tables(
        [published.select(only_before.column_names).cast(only_before.schema), only_before]
    )
    columns = {name: keys.column(name) for name in keys.column_names}
    columns["opening_exposure"] = money_array(then["exposure"])
    columns["closing_exposure"] = money_array(now["exposure"])
    columns |= {name: money_array(values) for name, values in moved.items()}
    return pa.table({name: columns[name] for name in _TABLE.names})


def no_movements() -> pa.Table:
    """Give the table of a run without an earlier one to compare with."""
    return _TABLE.arrow_schema().empty_table()


def _places(earlier: pa.Table, accounts: AccountRows) -> tuple[Array, pa.Table]:
    """Give where each account of the earlier run stands: this run's rows, then those it had alone.

    Returns int64[p], and ids and segments of the latter.
    """
    names = pa.schema([("credit_account_id", pa.string()), ("credit_segment", pa.string())])
    keys = earlier.select(names.names).cast(names).combine_chunks()
    row = _rows_of(accounts, _plain(keys, "credit_account_id"), _plain(keys, "credit_segment"))
    alone = np.flatnonzero(row < 0)
    row[alone] = len(accounts) + np.arange(len(alone))
    return row, keys.take(pa.array(alone))


def _rows_of(accounts: AccountRows, ids: pa.Array, segments: pa.Array) -> Array:
    """Give the rows of accounts by their ids and segments: int64[k], -1 where there is none."""
    code = pc.fill_null(pc.index_in(ids, value_set=accounts.account_ids), -1)
    listed = segments.dictionary_encode()
    return accounts.find(
        listed.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        listed.dictionary.to_pylist(),
        code.to_numpy(zero_copy_only=False).astype(np.int64),
    )


def _all_lines(
    before: EarlierLines,
    flows: KeyedSums,
    cells: KeyedSums,
    accounts: AccountRows,
    only_before: pa.Table,
    context: RunContext,
) -> Iterator[_Lines]:
    """Give the lines of known customers, then those of vanished ones."""
    joined = KeyedSums(_WIDTH)
    line = cells.keys // ageing_bucket_count(context)
    for sums, keys, columns in (
        (before.known.sums, before.known.keys, (_BEFORE, _BEFORE_RC)),
        (
            cells.sums[:, [CELL_SUMS.index("open_milli"), CELL_SUMS.index("open_rc")]],
            line,
            (_NOW, _NOW_RC),
        ),
        (flows.sums, flows.keys, tuple(range(_FIRST_FLOW, _WIDTH))),
    ):
        values = np.zeros((len(keys), _WIDTH), np.int64)
        values[:, columns] = sums
        joined.add(np.ascontiguousarray(keys), values)
    parts = line_of_key(joined.keys, len(context.master.companies.codes))
    place = _line_places(parts, accounts, only_before, context)
    yield _Lines(place, parts.currency_code, joined.sums)
    if before.vanished:
        lost = pa.concat_tables(before.vanished)
        sums = np.zeros((lost.num_rows, _WIDTH), np.int64)
        sums[:, _BEFORE] = lost.column("before").to_numpy()
        sums[:, _BEFORE_RC] = lost.column("before_rc").to_numpy()
        place = _text_places(
            _plain(lost, "account"), _plain(lost, "segment"), accounts, only_before
        )
        yield _Lines(place, lost.column("currency").to_numpy(), sums)


def _line_places(
    parts: LineKeys, accounts: AccountRows, only_before: pa.Table, context: RunContext
) -> Array:
    """Give where the account of each line stands: int64[l], -1 for one that neither run has."""
    companies, customers = context.master.companies, context.master.customers
    segment = companies.segment_code[parts.company_code].astype(np.int64)
    account = customers.account_code[parts.customer_code].astype(np.int64)
    place = accounts.find(segment, companies.segment_names, account)
    lost = np.flatnonzero(place < 0)
    if len(lost):
        names = pa.array(companies.segment_names, pa.string())
        place[lost] = _text_places(
            customers.account_ids.take(pa.array(account[lost])),
            names.take(pa.array(segment[lost])),
            accounts,
            only_before,
        )
    return place


def _text_places(
    ids: pa.Array, segments: pa.Array, accounts: AccountRows, only_before: pa.Table
) -> Array:
    """Give where accounts stand, by id and segment: int64[k], -1 where neither run has them."""
    row = _rows_of(accounts, ids, segments)
    keys = [_plain(only_before, name) for name in only_before.column_names]
    alone = pc.index_in(
        pc.binary_join_element_wise(ids, segments, "\0"),
        value_set=pc.binary_join_element_wise(*keys, "\0"),
    )
    found = pc.fill_null(alone, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(row >= 0, row, np.where(found >= 0, found + len(accounts), -1))


def _of_lines(lines: _Lines, context: RunContext, *, has_allocations: bool) -> dict[str, Array]:
    """Give the movements of each line in the reporting currency, adding up to what it changed by.

    Everything is valued at the rates of the as-of date; what is left over is the change of rates.
    """
    sums = lines.sums
    flows = sums[:, _FIRST_FLOW:].copy()
    rest = sums[:, _NOW] - sums[:, _BEFORE] - flows.sum(axis=1)
    if not has_allocations:
        flows[:, CASH] += np.minimum(rest, 0)
        rest = np.maximum(rest, 0)
    has_rate = context.reporting.denominator[lines.currency_code] != 0
    valued = {
        name: _converted(flows[:, place], lines.currency_code, has_rate, context)
        for name, place in (
            ("invoiced", INVOICED),
            ("cash", CASH),
            ("credits", CREDITS),
            ("write_offs", WRITE_OFFS),
        )
    }
    valued["restated"] = _converted(rest, lines.currency_code, has_rate, context)
    change = sums[:, _NOW_RC] - sums[:, _BEFORE_RC]
    left = change - sum(valued.values(), np.zeros(len(change), np.int64))
    # Nothing is open in a currency without a rate: what was open there was paid.
    valued["cash"] += np.where(has_rate, 0, left)
    valued["fx"] = np.where(has_rate, left, 0)
    return valued


def _converted(milli: Array, currency: Array, has_rate: Array, context: RunContext) -> Array:
    """Convert amounts at the as-of rates, zero where there is none: int64[l]."""
    return convert(np.where(has_rate, milli, 0), currency, context.reporting)


def _sums(accounts: pa.Table, place: Array | None, count: int) -> dict[str, Array]:
    """Add the exposure's parts up per row of the bridge: int64[count] each.

    place  int64[k]  where each account stands; None: at its own position
    """
    found = {}
    for name, columns in (
        ("exposure", ("exposure",)),
        ("orders", ORDERS),
        ("deliveries", DELIVERIES),
        ("items", ON_ITEMS),
    ):
        values = np.zeros(accounts.num_rows, np.int64)
        for column in columns:
            values = values + _amounts(accounts, column)
        out = np.zeros(count, np.int64)
        if place is None:
            out[: len(values)] = values
        else:
            out[place] = values
        found[name] = out
    return found


def _amounts(table: pa.Table, name: str) -> Array:
    """Give an amount column in thousandths: int64[n]."""
    return milli_of(table.column(name).cast(pa.decimal64(18, 3))).copy()


def _plain(table: pa.Table, name: str) -> pa.Array:
    """Give a column as one array of plain texts."""
    column = combine(table.column(name))
    return column.cast(pa.string()) if column.type != pa.string() else column
