"""The files for the ERP: what a night tells, whether it may, and where the files go (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.columns import milli_of
from encours.erp import text
from encours.erp.breaker import reasons_to_wait, shrunken_tables
from encours.erp.changes import Changes, find_changes, no_changes
from encours.erp.hold_files import (
    CHANGES,
    CONTROL,
    HOLDS,
    READABLE,
    FileHead,
    control_facts,
    hold_file,
    sum_exposure,
)
from encours.erp.lines import HOLD_BITS, TOLD_SCHEMA, as_array, hold_lines
from encours.erp.shown import hold_differences, shown_holds
from encours.erp.templates import chosen_adapters, lines_of, render
from encours.ledger.findings import RunNotice
from encours.publish import files, outbox
from encours.publish.manifest import amount_of, pretty
from encours_schemas.errors import InputRefused
from encours_schemas.warnings import RunWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from encours.ledger.master import Customers
    from encours.ledger.small import SmallTable
    from encours.publish.files import PublishedFile
    from encours.publish.outbox import Told
    from encours.publish.staging import Staging
    from encours_schemas.configuration import Erp

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Chain:
    """Where a run stands in the chain of hold files of its output.

    base           the run that it follows; None at the start
    approve_first  a first run needs no approval
    was_told       this very run was told before: it is published once more
    without_base   what the base told cannot be read, and the caller accepts what that costs
    """

    base: Told | None
    approve_first: bool = False
    was_told: bool = False
    without_base: bool = False

    @property
    def follows(self) -> str | None:
        """Give the id of the run that this one follows."""
        return None if self.base is None else self.base.run_id

    @cached_property
    def told(self) -> pa.Table:
        """Give whom the ERP holds before this run: `TOLD_SCHEMA`."""
        if self.base is None or self.without_base:
            return TOLD_SCHEMA.empty_table()
        return self.base.holds().cast(TOLD_SCHEMA)


def place_in_chain(
    output: Path,
    as_of: date,
    run_id_of: Callable[[str | None], str],
    *,
    approve_first: bool = False,
    without_memory: bool = False,
) -> tuple[str, Chain]:
    """Give a run's id and its place in the chain of hold files.

    run_id_of       gives the run's id for the id of the run that it follows
    without_memory  the caller accepts that what was told may not be read

    The night that stands there already follows whom it followed then; any other run of its date
    follows the run that the ERP was last told.
    """
    known = outbox.published_entry(output, as_of)
    if known is not None and run_id_of(known.follows) == known.run_id:
        base = outbox.told_by(output, known.follows)
        was_told = outbox.is_told(output, known)
        return known.run_id, _chain(base, approve_first, was_told, without_memory)
    base = outbox.last_told(output)
    chain = _chain(base, approve_first, False, without_memory)
    return run_id_of(chain.follows), chain


def _chain(base: Told | None, approve_first: bool, was_told: bool, without_memory: bool) -> Chain:
    """Give a place in the chain; without memory where what the base told cannot be read."""
    chain = Chain(base, approve_first, was_told)
    if without_memory:
        try:
            _ = chain.told
        except InputRefused:
            return replace(chain, without_base=True)
    return chain


@dataclass(frozen=True)
class Telling:
    """What a run tells the ERP: all holds, the changes, its state and the reasons to wait."""

    holds: pa.Table
    changes: Changes
    state: str
    position: int
    why_waiting: list[str]
    notices: list[RunNotice]
    tables: dict[str, pa.Table]


@dataclass(frozen=True)
class Night:
    """What a run gives to its hold files.

    accounts   `LINE_COLUMNS` of the published credit accounts with a hold, and of those that the
               ERP was told of; reasons string[n], null where nothing is held
    account_code  int64[n] positions in the customers' accounts, or beyond: of no customer
    account_count  of all credit accounts
    rows_read  rows per input table; `earlier_rows` those of the run of the date before
    """

    head: FileHead
    accounts: pa.Table
    account_code: Array
    account_count: int
    reasons: pa.Array
    customers: Customers
    erp_holds: SmallTable | None
    rows_read: dict[str, int]
    earlier_rows: list[dict[str, int]] = field(default_factory=list)


def decide_telling(night: Night, chain: Chain, settings: Erp) -> Telling:
    """Compare the night's holds with what the ERP was last told, and decide whether to tell."""
    accounts = _account_lines(night.accounts, night.reasons)
    holds = hold_lines(accounts, night.account_code, night.customers)
    told = chain.told
    tables, notices = {}, _formula_notices(holds)
    shown = None
    if night.erp_holds is not None:
        shown = shown_holds(night.erp_holds.columns, settings.own_origins)
    is_older = chain.base is not None and night.head.as_of.isoformat() < chain.base.entry.as_of
    if is_older:
        changes = no_changes(told)
    else:
        changes = find_changes(holds, told, accounts, night.customers, shown)
    if shown is not None:
        tables["hold_differences"] = hold_differences(shown, told, changes.kept)
        notices += _difference_notices(tables["hold_differences"])
    state, why = outbox.OLDER, list[str]()
    if is_older:
        message = f"the ERP was told about {chain.base.entry.as_of if chain.base else ''} already"
        notices.append(RunNotice(RunWarning.OLDER_THAN_TOLD, f"{message}: no changes are sent", 1))
    else:
        why = _reasons_to_wait(night, chain, changes, settings, notices)
        state = outbox.WAITING if why else outbox.TOLD
    position = chain.base.entry.position if chain.base is not None else 0
    return Telling(holds, changes, state, position + (not is_older), why, notices, tables)


def _reasons_to_wait(
    night: Night, chain: Chain, changes: Changes, settings: Erp, notices: list[RunNotice]
) -> list[str]:
    """Say why the files wait, and warn of it; empty when they need not."""
    earlier = list(night.earlier_rows)
    if chain.base is not None:
        earlier.append(chain.base.entry.rows_read)
    shrunken = shrunken_tables(night.rows_read, earlier, settings)
    notices += [RunNotice(RunWarning.TABLE_SHRANK, str(each), 1) for each in shrunken]
    is_first = chain.base is None
    counted = {} if is_first else changes.counts
    why = reasons_to_wait(counted, night.account_count, shrunken, settings)
    if is_first and not chain.approve_first:
        why.insert(0, "the first run of an output tells nothing before it is approved")
    if chain.without_base:
        why.insert(0, "what the ERP was last told cannot be read: all holds are told once more")
    if chain.was_told:
        return []
    if why:
        message = "the ERP files wait for `encours holds approve`: " + "; ".join(why)
        notices.append(RunNotice(RunWarning.BREAKER_WAITS, message, 1))
    return why


LINE_COLUMNS = (
    *("credit_account_id", "credit_segment", "customer_name"),
    *("exposure", "credit_limit", "cure_amount"),
    *(f"hold_{kind}" for kind in HOLD_BITS),
)
"""Columns of `credit_accounts` that lines are made of."""


def _account_lines(accounts: pa.Table, reasons: pa.Array) -> pa.Table:
    """Give the columns of credit accounts that lines are made of."""
    bits = np.zeros(accounts.num_rows, np.uint8)
    for kind, bit in HOLD_BITS.items():
        flags = pc.fill_null(as_array(accounts.column(f"hold_{kind}")), False)
        bits |= flags.to_numpy(zero_copy_only=False).astype(np.uint8) * np.uint8(bit)
    columns = {
        name: as_array(accounts.column(name))
        for name in ("credit_account_id", "credit_segment", "customer_name")
    }
    for name in ("exposure", "credit_limit", "cure_amount"):
        columns[name] = _milli(as_array(accounts.column(name)))
    return pa.table({**columns, "holds": pa.array(bits), "reasons": reasons})


def _milli(amounts: pa.Array) -> pa.Array:
    """Give an amount column as thousandths: int64[n], nulls kept."""
    values = milli_of(pa.chunked_array([amounts.cast(pa.decimal64(18, 3))]))
    if not amounts.null_count:
        return pa.array(values)
    return pa.array(values, mask=pc.is_null(amounts).to_numpy(zero_copy_only=False))


def _formula_notices(holds: pa.Table) -> list[RunNotice]:
    """Warn of ids that a spreadsheet could take for a formula."""
    found = np.zeros(holds.num_rows, bool)
    for name in ("customer_id", "credit_segment"):
        found |= text.starts_formula(as_array(holds.column(name)))
    if not found.any():
        return []
    message = "ids of held customers could start a formula in a spreadsheet: open "
    message += f"erp/{READABLE}, where an apostrophe stands before them, not erp/{HOLDS}"
    return [RunNotice(RunWarning.FORMULA_ID, message, int(found.sum()))]


def _difference_notices(differences: pa.Table) -> list[RunNotice]:
    """Warn of holds in the ERP that are not those that it was told."""
    if not differences.num_rows:
        return []
    message = "holds in the ERP are not those that it was last told: see hold_differences"
    return [RunNotice(RunWarning.ERP_HOLDS_DIFFER, message, differences.num_rows)]


# -- writing ---------------------------------------------------------------------------------------


def write_telling(
    staging: Staging,
    telling: Telling,
    head: FileHead,
    rows_read: dict[str, int],
    chain: Chain,
    settings: Erp,
) -> tuple[list[PublishedFile], dict[str, Any]]:
    """Write the files for the ERP and the entry of the outbox.

    rows_read  as in `Night`

    Gives the files that are published with the run (none while they wait) and what the manifest
    says of them.
    """
    waits = telling.state == outbox.WAITING
    folder = files.ensure_directory(staging.outbox) if waits else staging.directory
    written = _write_files(files.ensure_directory(folder / "erp"), telling, head, chain, settings)
    entries = [each.as_dict() for each in written]
    entry = outbox.Entry(
        run_id=head.run_id,
        as_of=head.as_of.isoformat(),
        state=telling.state,
        follows=chain.follows,
        position=telling.position,
        rows_read=rows_read,
        picture="",
        erp=entries if waits else [],
    )
    outbox.stage_entry(staging.outbox, entry, telling.changes.told)
    facts = {
        "state": telling.state,
        "follows": chain.follows,
        "position": telling.position,
        "changes": telling.changes.counts,
        "why_waiting": telling.why_waiting,
        "files": entry.erp,
    }
    return ([] if waits else written), facts


def _write_files(
    folder: Path,
    telling: Telling,
    head: FileHead,
    chain: Chain,
    settings: Erp,
) -> list[PublishedFile]:
    """Write every file, the control file last."""
    holds, changes = telling.holds, telling.changes.lines
    tasks: list[tuple[str, str, pa.Table, Iterable[bytes]]] = [
        (HOLDS, "holds", holds, hold_file(HOLDS, holds, head, None)),
        (READABLE, "holds", holds, hold_file(READABLE, holds, head, text.escape_formulas)),
        (CHANGES, "changes", changes, hold_file(CHANGES, changes, head, None)),
    ]
    for name, template in chosen_adapters(settings).items():
        lines = lines_of(template, holds, changes)
        tasks.append((name, template.content, lines, render(name, template, lines, head)))
    written, facts = [], {}
    for name, content, lines, pieces in tasks:
        file = _write(folder / name, pieces, lines.num_rows)
        written.append(file)
        facts[name] = {
            "content": content,
            "rows": lines.num_rows,
            "exposure": amount_of(sum_exposure(lines)),
            "size": file.size,
            "sha256": file.sha256,
        }
    place: Mapping[str, Any] = {
        "follows": chain.follows,
        "position": telling.position,
        "tells": telling.state != outbox.OLDER,
    }
    control = control_facts(head, place, telling.changes.counts, facts)
    written.append(files.write_published(folder / CONTROL, pretty(control)))
    return written


def _write(path: Path, pieces: Iterable[bytes], rows: int) -> PublishedFile:
    """Write a file piece by piece."""
    with files.NewFile(path) as new:
        for piece in pieces:
            new.write(piece)
    return new.published(rows)


def rows_read(counts: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Give the rows read per input table, from a run's counts or a manifest's."""
    return {table: int(count["read"]) for table, count in counts.items()}
