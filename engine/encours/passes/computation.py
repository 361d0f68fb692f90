"""What a run works out of its ledger: passes, what follows from them, and the written tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from encours.calc.cover_pools import build_insurance, has_insured_limits
from encours.calc.exposure import sums_of_items
from encours.controls import checks
from encours.erp.changes import accounts_told
from encours.erp.hold_files import FileHead
from encours.ledger.duplicates import resolve_duplicates
from encours.passes.commitments_pass import sum_commitments
from encours.passes.credit_steps import CreditResult, covered_accounts, credit_steps, positioned
from encours.passes.erp_files import LINE_COLUMNS, Night, decide_telling, rows_read, write_telling
from encours.passes.keys_pass import Keys, KeysPass
from encours.passes.memory import give_memory_back
from encours.passes.order_pass import OrderBook, open_book, room_of, write_order_decisions
from encours.passes.preparation import Master, Preparation, build_context, read_master
from encours.passes.rows_pass import RowsPass, RowsResult
from encours.passes.run_checks import (
    RowCounts,
    gather_controls,
    notices_of_run,
    notices_of_tie_out,
    require_few_rejected,
    row_counts,
    sums_of_accounts,
)
from encours.passes.scenario import altered, payment_delays
from encours.passes.setting import EPOCH, Identity, Setting
from encours.passes.summary_facts import manifest_facts
from encours.passes.table_files import Tally, write_pieces, write_tables, write_whole
from encours.passes.workers import Ahead, side_by_side
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from encours.calc.context import RunContext
    from encours.calc.cover_pools import Insurance
    from encours.calc.exposure import Committed
    from encours.calc.orders import Room
    from encours.ledger.duplicates import Duplicates
    from encours.ledger.findings import RunNotice
    from encours.ledger.sources import Ledger
    from encours.passes.erp_files import Chain
    from encours.publish.earlier import EarlierRun
    from encours.publish.files import PublishedFile
    from encours.publish.staging import Staging


class Computed(NamedTuple):
    """A run whose tables are written.

    facts      what the manifest says of its figures
    rows       per table, what was read and what became of it
    published  every written file
    erp        what the ERP is told
    """

    facts: dict[str, object]
    rows: RowCounts
    published: list[PublishedFile]
    erp: dict[str, Any]
    notices: list[RunNotice]


class _Decided(NamedTuple):
    """What is left of a run once all is worked out: what is written, and what the manifest says.

    of_written  gives what must hold of the tables in `others`, once they are written
    tables  small tables by name, let go of as they are written
    others  write tables that come in pieces
    """

    counts: RowCounts
    controls: list[checks.Control]
    of_written: Callable[[], list[checks.Control]]
    tables: dict[str, pa.Table]
    night: Night
    others: Sequence[Callable[[], PublishedFile]]
    notices: list[RunNotice]


class _Told(NamedTuple):
    """What the ERP is told: the files, and what the manifest says of it."""

    files: list[PublishedFile]
    facts: dict[str, Any]
    notices: list[RunNotice]


class _Passed(NamedTuple):
    """What the passes over the ledger leave."""

    preparation: Preparation
    keys: Keys
    rows: RowsResult


class Computation:
    """One run over one ledger; one use."""

    def __init__(
        self, setting: Setting, ledger: Ledger, staging: Staging, earlier: EarlierRun | None
    ) -> None:
        """Remember what to work on; nothing is read yet.

        earlier  the run whose breaches this one remembers
        """
        self._setting, self._ledger, self._staging = setting, ledger, staging
        self._earlier = earlier

    def check(self) -> RowCounts:
        """Run the checks alone; bad rows go to the quarantine."""
        passed = self._passes(None)
        self._commitments(passed)
        return row_counts(self._ledger, passed.rows.totals, self._setting.quarantine)

    def require_few_rejected(self, counts: RowCounts) -> None:
        """Refuse the run (65) when a table lost more rows than configured."""
        setting = self._setting
        require_few_rejected(counts, setting.quarantine, setting.configuration.input.max_rejected)

    def write(self, identity: Identity) -> Computed:
        """Compute every table, check the controls, and write everything but the manifest."""
        setting = self._setting
        passed = self._passes(self._staging)
        with setting.clock.stage("accounts"):
            decided = self._decide(passed, identity)
            context, keys, rows = passed.preparation.context, passed.keys, passed.rows
            del passed  # with the limits: nothing that is written needs them
            give_memory_back()
            names, tied = frozenset(decided.tables), decided.tables.get("tie_out")
            published, told = self._write(decided, rows, context, identity)
            of_written = decided.of_written()
            checks.require(of_written)
        notices = [
            *notices_of_run(keys, rows.totals),
            *notices_of_tie_out(tied, required=setting.options.require_tie_out),
            *decided.notices,
            *told.notices,
        ]
        controls = [*decided.controls, *of_written]
        facts = manifest_facts(context, rows.totals, controls, setting.quarantine, names, published)
        return Computed(facts, decided.counts, published, told.facts, notices)

    # -- the passes over the ledger ----------------------------------------------------------------

    def _passes(self, target: Staging | None) -> _Passed:
        """Read master data, then keys, then rows."""
        setting = self._setting
        with setting.clock.stage("master"):
            master = read_master(
                self._ledger, setting.configuration, setting.quarantine, setting.threads
            )
            if setting.options.scenario is not None:
                master = altered(master, setting.options.scenario, setting.as_of_day)
        with setting.clock.stage("keys"):
            keys = self._keys(master)
            duplicates = resolve_duplicates(self._ledger.tables["open_items"], keys.twins)
            give_memory_back()
        preparation = self._prepared(
            build_context(self._ledger, master, keys, setting.as_of_day, setting.configuration)
        )
        with setting.clock.stage("rows"):
            rows = self._rows(preparation, keys, duplicates, target)
            keys.close()
            give_memory_back()
        return _Passed(preparation, keys, rows)

    def _keys(self, master: Master) -> Keys:
        """Match keys over the whole ledger; quarantine allocations of items that are not there."""
        setting, tables = self._setting, self._ledger.tables
        remembers = setting.configuration.rules.due_date_moved.enabled
        allocations = tables.get("allocations")
        keys = KeysPass(
            tables["open_items"],
            allocations,
            master.customer_index,
            setting.quarantine,
            self._staging.spill,
            setting.threads,
            self._earlier if remembers else None,
        ).run(setting.as_of_day, setting.progress)
        if allocations is not None:
            causes = [("item_id", Reason.UNKNOWN_ITEM)] * len(keys.unknown_items)
            setting.quarantine.add_ordinals(allocations, keys.unknown_items, causes)
        return keys

    def _prepared(self, preparation: Preparation) -> Preparation:
        """Add the day of the earlier run and what a scenario delays."""
        context, scenario = preparation.context, self._setting.options.scenario
        if self._earlier is not None:
            earlier_day = (self._earlier.as_of - EPOCH).days
            context = replace(context, previous_day=earlier_day)
        if scenario is not None:
            delays = payment_delays(scenario, context.master.customers)
            context = replace(context, payment_delay_days=delays)
        return replace(preparation, context=context)

    def _rows(
        self, preparation: Preparation, keys: Keys, duplicates: Duplicates, target: Staging | None
    ) -> RowsResult:
        """Take every row once; quarantine allocations that their items refuse."""
        setting, tables = self._setting, self._ledger.tables
        insurance: Ahead[Insurance] | None = None
        if has_insured_limits(preparation.limits.limits):
            insurance = Ahead(
                lambda: build_insurance(preparation.limits, preparation.context), setting.threads
            )
        rows = RowsPass(
            tables["open_items"],
            keys,
            duplicates,
            setting.extract_day,
            setting.options.chunk_rows,
            preparation.context,
            setting.quarantine,
            target,
            insurance,
        ).run(setting.threads, setting.progress)
        if insurance is not None:
            insurance.result()  # even where no row asked for it: its limits may be at fault
        allocations = tables.get("allocations")
        rows.has_allocations = allocations is not None
        if allocations is not None and rows.refused_ordinals:
            ordinals = np.concatenate(rows.refused_ordinals)
            setting.quarantine.add_ordinals(allocations, ordinals, rows.refused_causes)
        return rows

    # -- what follows from them --------------------------------------------------------------------

    def _commitments(self, passed: _Passed, orders: OrderBook | None = None) -> Committed:
        """Add the commitments up, and park the orders."""
        setting, context = self._setting, passed.preparation.context
        return sum_commitments(
            self._ledger,
            context,
            passed.rows,
            setting.quarantine,
            setting.threads,
            setting.progress,
            orders,
        )

    def _decide(self, passed: _Passed, identity: Identity) -> _Decided:
        """Work everything out that follows the rows, and check it; what is written stays alone."""
        preparation, _, rows = passed
        context, threads = preparation.context, self._setting.threads
        orders = open_book(self._ledger.tables.get("commitments"), self._staging.spill, context)
        credit = self._credit(passed, orders)
        give_memory_back()
        counts = row_counts(self._ledger, rows.totals, self._setting.quarantine)
        self.require_few_rejected(counts)
        sums = sums_of_accounts(credit.account_table)
        controls, room = side_by_side(
            lambda: gather_controls(counts, rows, credit, sums, context),
            lambda: room_of(credit),
            threads,
        )
        checks.require(controls)
        rows.let_go()
        tally = Tally(checks.CHECKED_OF_ACCOUNTS)
        return _Decided(
            counts,
            controls,
            lambda: checks.written_controls(tally.sums, sums),
            {**credit.tables, "quarantine": self._setting.quarantine.table()},
            self._night(identity, credit, preparation, counts),
            self._writers_of_pieces(credit, orders, room, tally, context),
            credit.notices,
        )

    def _credit(self, passed: _Passed, orders: OrderBook | None) -> CreditResult:
        """Take the passes' sums, and what they parked, to the tables about accounts."""
        preparation, _, rows = passed
        threads = self._setting.threads

        committed, of_items = side_by_side(
            lambda: self._commitments(passed, orders), lambda: sums_of_items(rows.lines), threads
        )

        ahead = Ahead(lambda: positioned(committed, of_items, preparation), threads)
        rows.settle_cover(self._staging, threads, self._setting.progress)
        covered, _ = side_by_side(
            lambda: covered_accounts(rows, ahead.result(), preparation.context),
            lambda: rows.settle_late(threads),
            threads,
        )
        give_memory_back()
        return credit_steps(preparation, rows, ahead.result(), covered, self._earlier, threads)

    def _writers_of_pieces(
        self,
        credit: CreditResult,
        orders: OrderBook | None,
        room: Room,
        tally: Tally,
        context: RunContext,
    ) -> Sequence[Callable[[], PublishedFile]]:
        """Say how the tables are written that are never in memory as a whole, the longest first.

        tally  is told the sums of the credit accounts
        """
        staging, threads = self._staging, self._setting.threads
        accounts, breaches = credit.account_table, credit.rules.rows
        found, coming = credit.accounts.without_sums(), credit.outlook

        def write_accounts() -> PublishedFile:
            pieces = tally.listening(accounts.pieces())
            return write_pieces(staging, "credit_accounts", accounts.schema, pieces)

        return (
            lambda: write_order_decisions(staging, orders, room, found, context, threads),
            write_accounts,
            lambda: write_pieces(staging, "breaches", breaches.schema, breaches.pieces()),
            lambda: write_pieces(staging, "outlook", coming.schema, coming.pieces()),
        )

    def _file_head(self, identity: Identity) -> FileHead:
        """Give what every file for the ERP says of its run."""
        setting = self._setting
        currency = setting.configuration.reporting.currency
        return FileHead(identity.run_id, setting.as_of, currency)

    def _night(
        self, identity: Identity, credit: CreditResult, preparation: Preparation, counts: RowCounts
    ) -> Night:
        """Gather what the hold files are made of."""
        earlier = None if self._earlier is None else self._earlier.manifest
        table, holds = credit.account_table, credit.rules.holds
        customers = preparation.context.master.customers
        matters = holds.holds > 0
        if identity.chain.told.num_rows:
            told = accounts_told(identity.chain.told, customers)
            is_told = pc.is_in(table.accounts.account_ids, value_set=told)
            is_told = is_told.to_numpy(zero_copy_only=False)
            matters |= is_told[table.accounts.account_code]
        rows = np.flatnonzero(matters)
        return Night(
            head=self._file_head(identity),
            accounts=table.chosen(matters, LINE_COLUMNS),
            account_code=table.accounts.account_code[rows],
            account_count=len(table),
            reasons=holds.some(rows).reasons_text(),
            customers=customers,
            erp_holds=preparation.erp_holds,
            rows_read=rows_read(counts),
            earlier_rows=[] if earlier is None else [rows_read(earlier["rows"])],
        )

    def _write(
        self, decided: _Decided, rows: RowsResult, context: RunContext, identity: Identity
    ) -> tuple[list[PublishedFile], _Told]:
        """Write the tables, and tell the ERP; give all files, and what the ERP is told."""
        staging, threads = self._staging, self._setting.threads

        def tabulate() -> list[PublishedFile]:
            others = decided.others
            return write_tables(staging, decided.tables, rows, context, threads, others)

        tables, told = side_by_side(
            tabulate, lambda: self._tell(decided.night, identity.chain), threads
        )
        return [*tables, *told.files], told

    def _tell(self, night: Night, chain: Chain) -> _Told:
        """Decide what the ERP is told, and write it."""
        staging, settings = self._staging, self._setting.configuration.erp
        telling = decide_telling(night, chain, settings)
        files, facts = write_telling(staging, telling, night.head, night.rows_read, chain, settings)
        tables = [write_whole(staging, name, table) for name, table in telling.tables.items()]
        return _Told([*files, *tables], facts, telling.notices)
