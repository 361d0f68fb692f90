"""First pass: keys alone. Duplicates, the item of every allocation, documents across units.

Keys are hashed to 128 bits, spilled in shards, and matched shard by shard, so that memory does not
grow with the items.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from encours.kernels.keys import (
    SHARD_SHIFT,
    find_keys,
    find_straddling,
    match_shard,
    pack_document_keys,
    pack_item_keys,
)
from encours.ledger.allocations import (
    ALLOCATION_RECORD,
    ALLOCATIONS,
    OUTSIDE_CLEARING,
    DecodedAllocations,
    decode_allocations,
)
from encours.ledger.buffers import as_text
from encours.ledger.checking import UNLISTED, combine, dictionary_of
from encours.ledger.decode import NO_DAY, TextIndex, decode_text_codes, hash_column
from encours.passes.spill import MemoryBudget, ParkedColumn, Spill
from encours.passes.workers import run_in_order
from encours.publish.earlier import EarlierRun, read_parts

if TYPE_CHECKING:
    from pathlib import Path

    from encours.kernels.text import Text
    from encours.ledger.quarantine import Quarantine
    from encours.ledger.sources import TableSource, Unit
    from encours.passes.progress import Progress

Array = np.ndarray[Any, np.dtype[Any]]

SHARDS = 64
KEPT_BYTES = 384 << 20
"""Keys kept in memory before they are spilled; the rows pass takes more than that."""
ITEM_RECORD = np.dtype([("first", np.uint64), ("second", np.uint64), ("ordinal", np.int64)])
DOCUMENT_KEY = np.dtype(np.uint64)
CLEARING_RECORD = np.dtype([("key", np.uint64), ("amount_milli", np.int64)])
ALLOCATION_COLUMNS = frozenset(ALLOCATIONS.names) - {"allocation_id"}
"""No figure and no check needs an allocation's own id; the quarantine shows the row as it is."""
DUE_RECORD = np.dtype([("first", np.uint64), ("second", np.uint64), ("due_day", np.int64)])
ROUTED_DUE = np.dtype([("ordinal", np.int64), ("due_day", np.int64)])
KEY_COLUMNS = ("item_id", "company_code", "customer_id", "document_number")


@dataclass
class Keys:
    """What the keys pass found.

    routed               allocations by the work unit of their item (`ALLOCATION_RECORD`)
    earlier_due          due days of the earlier run by the work unit of their item (`ROUTED_DUE`);
                         None where nobody asks for them
    twins                int64[d, 2] ordinals of an item row and of the first row with the same key
    unknown_items        int64[u] ordinals of allocations whose item is not there
    shared_documents     uint64[k] sorted keys of documents that lie in several units
    units_with_shared    bool[units]
    company_codes        every company code met
    unknown_customers    every customer id met that the customers' table lacks
    customer_codes       the customer of every item, of the units whose customers are all known
    unbalanced_clearings how many clearings with both legs do not add up to zero
    """

    routed: Spill
    twins: Array
    unknown_items: Array
    shared_documents: Array
    units_with_shared: Array
    company_codes: set[str]
    unknown_customers: set[str]
    customer_codes: CustomerCodes
    unbalanced_clearings: int
    earlier_due: Spill | None = None

    def close(self) -> None:
        """Give the disk space of what was routed to the work units back."""
        self.routed.close()
        self.customer_codes.close()
        if self.earlier_due is not None:
            self.earlier_due.close()


class CustomerCodes:
    """The customer of every item, looked up once for both passes."""

    def __init__(self, path: Path, unit_count: int) -> None:
        """Start with no unit looked up."""
        self._column = ParkedColumn(path, np.int32)
        self._is_complete = np.zeros(unit_count, bool)

    def park(self, unit: Unit, codes: Array) -> None:
        """Keep the codes of a unit; with a customer unknown so far they are not final."""
        if not (codes == UNLISTED).any():
            self._column.write(unit.first_ordinal, codes)
            self._is_complete[unit.number] = True

    def of_unit(self, unit: Unit) -> Array | None:
        """Give the codes of a unit: int32[n], or None where they are to be looked up."""
        if not self._is_complete[unit.number]:
            return None
        return self._column.read(unit.first_ordinal, unit.row_count)

    def close(self) -> None:
        """Give the disk space back."""
        self._column.close()


class KeysPass:
    """The pass over `open_items` and `allocations`; one use."""

    def __init__(
        self,
        items: TableSource,
        allocations: TableSource | None,
        customers: TextIndex,
        quarantine: Quarantine,
        scratch: Path,
        threads: int,
        earlier: EarlierRun | None = None,
    ) -> None:
        """Open the spill files in `scratch`.

        earlier  a run whose due days are wanted, too
        """
        self._earlier = earlier
        if earlier is not None:
            self._due = Spill(scratch / "earlier_due", DUE_RECORD, SHARDS)
            self._routed_due = Spill(scratch / "routed_due", ROUTED_DUE, max(len(items.units), 1))
        self._quarantine = quarantine
        self._items, self._allocations = items, allocations
        self._customers = customers
        self._threads = threads
        self._lock = threading.Lock()
        self._company_codes: set[str] = set()
        self._unknown_customers: set[str] = set()
        kept = MemoryBudget(KEPT_BYTES)
        self._item_keys = Spill(scratch / "item_keys", ITEM_RECORD, SHARDS, kept)
        self._documents = Spill(scratch / "documents", DOCUMENT_KEY, SHARDS, kept)
        self._parked = Spill(scratch / "allocations", ALLOCATION_RECORD, SHARDS, kept)
        self._clearings = Spill(scratch / "clearings", CLEARING_RECORD, SHARDS)
        self._customer_codes = CustomerCodes(scratch / "customer_codes", len(items.units))
        self._routed = Spill(scratch / "routed", ALLOCATION_RECORD, max(len(items.units), 1))
        self._firsts = np.array([unit.first_ordinal for unit in items.units], np.int64)
        self._has_documents = "document_number" in items.columns and len(items.units) > 1

    def run(self, as_of_day: int, progress: Progress) -> Keys:
        """Read the keys, match them, and close the spill files that are no longer needed."""
        rows = self._items.row_count + (self._allocations.row_count if self._allocations else 0)
        progress.start_stage("keys", rows)
        for unit in run_in_order(self._read_items, self._items.units, self._threads):
            progress.advance(unit.row_count)
        source = self._allocations
        if source is not None:

            def read(unit: Unit) -> Unit:
                return self._read_allocations(source, unit, as_of_day)

            for unit in run_in_order(read, source.units, self._threads):
                progress.advance(unit.row_count)
        if self._earlier is not None:
            files = self._earlier.files("items")
            for _ in run_in_order(self._read_due_days, enumerate(files), self._threads):
                """Their rows are parked."""
        progress.finish_stage()
        return self._match(progress)

    def _read_items(self, unit: Unit) -> Unit:
        """Spill the keys of one unit of items."""
        wanted = [name for name in KEY_COLUMNS if name in self._items.columns]
        data = self._items.read(unit, wanted)
        item_id = as_text(combine(data.column("item_id")))
        records, shard = np.empty(data.num_rows, ITEM_RECORD), np.empty(data.num_rows, np.int32)
        pack_item_keys(item_id, unit.first_ordinal, records, shard)
        self._item_keys.append(unit.number, records, shard)
        companies = _companies(data)
        if self._has_documents:
            number = item_id
            if "document_number" in data.column_names:  # another file of the table may have it
                number = as_text(combine(data.column("document_number")))
            self._spill_documents(unit, records, number, companies)
        self._note_parties(unit, data, companies[0])
        return unit

    def _spill_documents(
        self, unit: Unit, records: Array, number: Text, companies: tuple[pa.Array, Array]
    ) -> None:
        """Spill the document key of every row, its number and the items' keys given."""
        texts, position = companies
        company_first = np.zeros(1, np.uint64)
        if len(texts):
            company_first, _ = hash_column(pa.concat_arrays([texts, pa.array([""], texts.type)]))
        key, shard = np.empty(len(records), np.uint64), np.empty(len(records), np.int32)
        pack_document_keys(records, number, position, company_first, key, shard)
        self._documents.append(unit.number, key, shard)

    def _read_due_days(self, file: tuple[int, Path]) -> None:
        """Park the due days of one file of the earlier run's items."""
        number, path = file
        for group, data in enumerate(read_parts(path, ("item_id", "due_date"))):
            first, second = hash_column(data.column("item_id"))
            records = np.empty(data.num_rows, DUE_RECORD)
            records["first"], records["second"] = first, second
            due = data.column("due_date").combine_chunks().cast(pa.int32())
            records["due_day"] = due.fill_null(NO_DAY).to_numpy(zero_copy_only=False)
            self._due.append(
                (number << 32) + group, records, (first >> SHARD_SHIFT).astype(np.int32)
            )

    def _note_parties(self, unit: Unit, data: pa.Table, company_texts: pa.Array) -> None:
        """Remember company codes, each row's customer, and customers without a row of their own."""
        companies = {text for text in company_texts.to_pylist() if text}
        unknown: set[str] = set()
        if "customer_id" in data.column_names:
            customers = combine(data.column("customer_id"))
            codes = decode_text_codes(customers, self._customers)
            self._customer_codes.park(unit, codes)
            rows = np.flatnonzero(codes == UNLISTED)
            unknown = set(customers.take(pa.array(rows)).unique().to_pylist())
        with self._lock:
            self._company_codes |= companies
            self._unknown_customers |= unknown

    def _read_allocations(self, source: TableSource, unit: Unit, as_of_day: int) -> Unit:
        """Decode one unit of allocations, park the good ones, quarantine the others."""
        data = source.read(unit, [name for name in source.columns if name in ALLOCATION_COLUMNS])
        decoded = decode_allocations(data, source.dialect, unit.first_ordinal)
        self._parked.append(unit.number, decoded.records, decoded.shard)
        if "clearing_id" in decoded.checked.values:
            self._spill_clearings(unit, decoded, as_of_day)
        self._quarantine.add_faults(source, unit, decoded.faults)
        return unit

    def _spill_clearings(self, unit: Unit, decoded: DecodedAllocations, as_of_day: int) -> None:
        """Spill what counts in the balance of a clearing: key and amount."""
        places = np.flatnonzero(decoded.checked.is_given("clearing_id")[decoded.rows])
        records = decoded.records[places]
        counts = ~np.isin(records["kind_code"], OUTSIDE_CLEARING)
        counts &= records["posting_day"] <= as_of_day
        records, rows = records[counts], decoded.rows[places[counts]]
        key, _ = hash_column(decoded.checked.values["clearing_id"].take(pa.array(rows)))
        spilled = np.empty(len(records), CLEARING_RECORD)
        # Amounts of two currencies never balance one another: the currency is in the key.
        spilled["key"] = key + records["currency_code"].astype(np.uint64)
        spilled["amount_milli"] = records["amount_milli"]
        self._clearings.append(unit.number, spilled, (key >> SHARD_SHIFT).astype(np.int32))

    def _match(self, progress: Progress) -> Keys:
        """Match shard by shard, on all threads."""
        progress.start_stage("match", None)
        twins, unknown, shared = [], [], []
        units_with_shared = np.zeros(len(self._items.units), bool)
        unbalanced = 0
        for found in run_in_order(self._match_shard, range(SHARDS), self._threads):
            twins.append(found[0])
            unknown.append(found[1])
            shared.append(found[2])
            units_with_shared[found[3]] = True
            unbalanced += found[4]
        progress.finish_stage()
        for spill in (self._item_keys, self._documents, self._parked, self._clearings):
            spill.close()
        if self._earlier is not None:
            self._due.close()
        return Keys(
            self._routed,
            np.concatenate(twins),
            np.sort(np.concatenate(unknown)),
            np.sort(np.concatenate(shared)),
            units_with_shared,
            self._company_codes,
            self._unknown_customers,
            self._customer_codes,
            unbalanced,
            None if self._earlier is None else self._routed_due,
        )

    def _match_shard(self, shard: int) -> tuple[Array, Array, Array, Array, int]:
        """Match a shard; give twins, unknown items, shared documents and units, open clearings."""
        items, unit_of = self._item_keys.read_labelled(shard)
        allocations = self._parked.read(shard)
        twin = np.empty(len(items), np.int32)
        match = np.empty(len(allocations), np.int64)
        slots = _free_slots(len(items))
        match_shard(items, allocations, slots, twin, match)
        repeated = np.flatnonzero(twin >= 0)
        twins = np.column_stack([items["ordinal"][repeated], items["ordinal"][twin[repeated]]])
        # Row -1 of an allocation without an item is behind the last one: nobody's.
        unit = np.append(unit_of, -1).take(match).astype(np.int32)
        unknown = allocations["ordinal"][match < 0]
        allocations["first"] = np.append(items["ordinal"], -1).take(match)
        self._routed.append(shard, allocations, unit)
        if self._earlier is not None:
            self._route_due_days(shard, items, slots)
        document, unit_of = self._documents.read_labelled(shard)
        straddles = np.empty(len(document), np.uint8)
        find_straddling(document, unit_of, _free_slots(len(document)), straddles)
        found = straddles.astype(bool)
        unbalanced = count_unbalanced(self._clearings.read(shard))
        return (
            twins,
            unknown,
            np.unique(document[found]),
            np.unique(unit_of[found]),
            unbalanced,
        )

    def _route_due_days(self, shard: int, items: Array, slots: Array) -> None:
        """Send the earlier due days of a shard to the work units of their items."""
        earlier = self._due.read(shard)
        match = np.empty(len(earlier), np.int64)
        first, second = (np.ascontiguousarray(earlier[name]) for name in ("first", "second"))
        find_keys(items, slots, first, second, match)
        known = np.flatnonzero(match >= 0)
        records = np.empty(len(known), ROUTED_DUE)
        records["ordinal"] = items["ordinal"][match[known]]
        records["due_day"] = earlier["due_day"][known]
        unit = np.searchsorted(self._firsts, records["ordinal"], side="right") - 1
        self._routed_due.append(shard, records, unit.astype(np.int32))


def _companies(data: pa.Table) -> tuple[pa.Array, Array]:
    """Give the company codes of a unit, and the position of each row's: int32[n], -1 for none."""
    if "company_code" not in data.column_names:
        return pa.array([], pa.string()), np.full(data.num_rows, -1, np.int32)
    return dictionary_of(combine(data.column("company_code")))


def _free_slots(count: int) -> Array:
    """Give an empty open-addressing table for so many keys."""
    return np.full(1 << (2 * count + 2).bit_length(), -1, np.int32)


def unknown_texts(array: pa.Array, index: TextIndex) -> set[str]:
    """Give the texts of a column that an index lacks."""
    texts = array.dictionary if pa.types.is_dictionary(array.type) else array
    unknown = np.flatnonzero(decode_text_codes(texts, index) == UNLISTED)
    return set(texts.take(pa.array(unknown)).to_pylist())


def count_unbalanced(records: Array) -> int:
    """Count the clearings with both legs whose amounts do not add up to zero (DOMAIN 3).

    Sums are taken in two halves of 32 bits, so that none can wrap.
    """
    if not len(records):
        return 0
    ordered = records[np.argsort(records["key"], kind="stable")]
    amounts = ordered["amount_milli"]
    starts = np.flatnonzero(np.r_[True, ordered["key"][1:] != ordered["key"][:-1]])
    high = np.add.reduceat(amounts >> 32, starts)
    low = np.add.reduceat(amounts & 0xFFFFFFFF, starts)
    has_both = (np.minimum.reduceat(amounts, starts) < 0) & (
        np.maximum.reduceat(amounts, starts) > 0
    )
    is_zero = (high + (low >> 32) == 0) & (low & 0xFFFFFFFF == 0)
    return int((has_both & ~is_zero).sum())
