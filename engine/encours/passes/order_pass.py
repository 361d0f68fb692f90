"""The decisions on orders: parked while commitments are read, decided once holds are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.found import RULE_POSITIONS
from encours.breaches.levels import HOLD_BITS
from encours.calc.orders import ORDER_SCHEMA, RULE_OF_KIND, Room, decide, room_for_orders
from encours.ledger.table_spill import TableSpill
from encours.passes.memory import give_memory_back
from encours.passes.workers import run_in_order
from encours.publish.parquet import ROW_GROUP_ROWS, open_part, part_name
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from encours.calc.account_rows import AccountRows
    from encours.calc.context import RunContext
    from encours.ledger.master import Customers
    from encours.ledger.sources import TableSource
    from encours.passes.breach_step import BreachResult
    from encours.passes.credit_steps import CreditResult
    from encours.publish.files import PublishedFile
    from encours.publish.staging import Staging

Array = np.ndarray[Any, np.dtype[Any]]

SHARD_ROWS: Final = 262_144
"""Commitments that are decided, and sorted for publication, in memory at once."""
_SAMPLED: Final = 1_000
_TABLE: Final = OUTPUT_TABLES["order_decisions"]
_PREFIX_BYTES: Final = 32


class OrderBook:
    """Orders and production, by parties that share no limit with one another.

    Memory grows with the parties alone: beyond `SHARD_ROWS` commitments lie in the staging.
    """

    def __init__(self, scratch: Path, row_count: int, context: RunContext) -> None:
        """Open the partitions for so many commitments."""
        self._scratch = scratch
        self.part_count = max(1, -(-row_count // SHARD_ROWS))
        self._kept: list[pa.Table] = []
        self._spill = TableSpill(scratch / "orders", ORDER_SCHEMA)
        self._part = _parts(context.master.customers, self.part_count)
        self._sample: list[pa.Array] = []

    def add(self, orders: pa.Table) -> None:
        """Park orders: `ORDER_SCHEMA`."""
        if self.part_count == 1:
            self._kept.append(orders)
            return
        part = self._part[orders.column("customer_code").to_numpy()]
        self._spill.scatter(len(self._sample), orders, part)
        chosen = pa.array(np.arange(0, orders.num_rows, _SAMPLED))
        self._sample.append(orders.column("commitment_id").combine_chunks().take(chosen))

    def decisions(
        self, room: Room, accounts: AccountRows, context: RunContext, threads: int
    ) -> Iterator[pa.Table]:
        """Decide all orders; give the published rows by commitment id, piece by piece.

        Partitions share no limit, so they are decided side by side.
        """
        if self.part_count == 1:
            orders = pa.concat_tables([ORDER_SCHEMA.empty_table(), *self._kept]).combine_chunks()
            yield decide(orders, room, accounts, context)
            return
        splits = self._splits()
        schema = _TABLE.arrow_schema()
        ordered = TableSpill(self._scratch / "decisions", schema)

        def settle(part: int) -> None:
            table = decide(self._spill.read(part), room, accounts, context)
            prefix = _prefixes(table.column("commitment_id").combine_chunks())
            ordered.scatter(part, table, np.searchsorted(splits, prefix, "right"))

        for _ in run_in_order(settle, range(self.part_count), threads):
            """Parking is all."""
        self._spill.close()
        give_memory_back()
        yield from run_in_order(lambda part: _by_id(ordered.read(part)), ordered.parts(), threads)
        ordered.close()

    def _splits(self) -> Array:
        """Give bounds between ids that part the commitments about evenly: bytes[s]."""
        sample = np.unique(_prefixes(pa.concat_arrays(self._sample)))
        places = np.linspace(0, len(sample), self.part_count + 1).astype(np.int64)[1:-1]
        return np.unique(sample[places])


def open_book(source: TableSource | None, scratch: Path, context: RunContext) -> OrderBook | None:
    """Open the book of orders; None in a ledger without commitments."""
    return None if source is None else OrderBook(scratch, source.row_count, context)


def write_order_decisions(
    staging: Staging,
    book: OrderBook | None,
    room: Room,
    accounts: AccountRows,
    context: RunContext,
    threads: int,
) -> PublishedFile:
    """Decide all orders and write the table `order_decisions`."""
    path = staging.table_directory("order_decisions") / part_name(0)
    with open_part(path, _TABLE.arrow_schema()) as part:
        if book is not None:
            for table in _in_groups(book.decisions(room, accounts, context, threads)):
                part.write(table)
        return part.close()


def room_of(credit: CreditResult) -> Room:
    """Give the credit that orders can take."""
    rules, limits = credit.rules, credit.rules.evidence.limits
    return room_for_orders(
        credit.bounds, _binding(credit), _held_by(rules), limits, credit.positions
    )


def _binding(credit: CreditResult) -> Array:
    """Tell which limits hold orders: their rule is on for the account, and nobody released it."""
    evidence, bounds = credit.rules.evidence, credit.bounds
    kind = bounds.kind[bounds.bound]
    binds = np.zeros(len(kind), bool)
    for number, rule in RULE_OF_KIND.items():
        settings = getattr(evidence.rules, rule.value)
        orders = any("orders" in level.holds for level in settings.levels)
        lifted = evidence.overrides.lifted >> RULE_POSITIONS[rule] & 1
        applies = evidence.in_scope(settings) & (lifted == 0)
        chosen = kind == number
        binds[chosen] = applies[bounds.row[chosen]] & (settings.enabled and orders)
    return binds


def _held_by(rules: BreachResult) -> Array:
    """Give the first rule that holds all orders of each account: int8[n], -1 where none does.

    Limits do not: their room decides order by order, unless a person made a hold of them.
    """
    evidence = rules.evidence
    held = np.full(len(evidence.accounts), -1, np.int8)
    by_room = set(RULE_OF_KIND.values())
    person = "orders" in evidence.rules.manual_hold.holds
    for found in rules.breaches:
        place = RULE_POSITIONS[found.rule]
        breach, row = found.bears_on()
        lifted = (evidence.overrides.lifted[row] >> place & 1).astype(bool)
        added = (evidence.overrides.added[row] >> place & 1).astype(bool) & person
        asks = (found.holds[breach] & HOLD_BITS["orders"]) > 0
        stops = (asks & ~lifted & (found.rule not in by_room)) | added
        rows = row[stops]
        held[rows[held[rows] < 0]] = place
    return held


def _parts(customers: Customers, part_count: int) -> Array:
    """Give the partition of each customer, accounts and groups kept together: int64[c]."""
    root = customers.hierarchy.root.astype(np.int64)
    label = root.copy()
    if part_count == 1:
        return np.zeros(len(label), np.int64)
    account = customers.account_code.astype(np.int64)
    while True:
        least = np.full(len(customers.account_ids), len(label), np.int64)
        np.minimum.at(least, account, label)
        of_root = label.copy()
        np.minimum.at(of_root, root, least[account])
        joined = np.minimum(of_root[root], least[account])
        if (joined == label).all():
            break
        label = joined
    return label % part_count


def _prefixes(ids: pa.Array) -> Array:
    """Give the first bytes of each id, which order ids as their bytes do: bytes[n]."""
    texts = ids.cast(pa.string())
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"\0", np.uint8)
    place = offsets[:-1, None] + np.arange(_PREFIX_BYTES)
    is_inside = place < offsets[1:, None]
    found = np.where(is_inside, data[np.minimum(place, len(data) - 1)], 0).astype(np.uint8)
    prefixes: Array = found.view(f"S{_PREFIX_BYTES}").reshape(-1)
    return prefixes


def _by_id(table: pa.Table) -> pa.Table:
    return table.take(pc.sort_indices(table, sort_keys=[("commitment_id", "ascending")]))


def _in_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Give rows in whole row groups, so that the bytes do not tell the partitions."""
    rest: pa.Table | None = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows > ROW_GROUP_ROWS:
            yield rest.slice(0, ROW_GROUP_ROWS)
            rest = rest.slice(ROW_GROUP_ROWS)
    if rest is not None and rest.num_rows:
        yield rest
