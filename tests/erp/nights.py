"""Nights of holds, told through the real outbox: no ledger, the holds are given."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from encours.calc.columns import money_array
from encours.erp.hold_files import FileHead
from encours.passes.erp_files import Night, decide_telling, place_in_chain, write_telling
from encours.publish.commit import Publication, already_published, commit
from encours.publish.manifest import build_manifest, make_run_id
from encours.publish.parquet import part_name, write_small_table
from encours.publish.staging import Staging
from encours_schemas import OUTPUT_TABLES
from encours_schemas.configuration import Erp

Key = tuple[str, str]
Holds = Mapping[Key, int]
FIRST = date(2026, 10, 1)


@dataclass(frozen=True)
class Ledger:
    """What decides a night: holds by (account, segment) as bits, and what else there is.

    members  customers of accounts that several share; an account is its own customer otherwise
    rows     rows read per input table
    """

    holds: Holds
    others: tuple[Key, ...] = ()
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=lambda: {"open_items": 100})
    erp_holds: tuple[tuple[str, str | None, str, str | None], ...] | None = None
    exposure: int = 1_000


def customers_of(ledger: Ledger) -> Any:
    """Give the customers of a ledger as the run holds them."""
    accounts = sorted({account for account, _ in (*ledger.holds, *ledger.others)})
    pairs = [
        (member, account)
        for account in accounts
        for member in ledger.members.get(account, (account,))
    ]
    account_ids = pa.array(accounts, pa.string())
    return SimpleNamespace(
        ids=pa.array([member for member, _ in pairs], pa.string()),
        account_ids=account_ids,
        account_code=np.array([accounts.index(account) for _, account in pairs], np.int32),
        texts={"name": pa.array([f"Name of {member}" for member, _ in pairs], pa.string())},
    )


def codes_of(ledger: Ledger) -> Any:
    """Give the position of each row's credit account among the customers' accounts."""
    keys = [*ledger.holds, *ledger.others]
    accounts = sorted({account for account, _ in keys})
    return np.array([accounts.index(account) for account, _ in keys], np.int64)


def accounts_of(ledger: Ledger) -> pa.Table:
    """Give the columns of `credit_accounts` that hold files are made of."""
    keys = [*ledger.holds, *ledger.others]
    bits = np.array([ledger.holds.get(key, 0) for key in keys], np.uint8)
    amounts = money_array(np.arange(len(keys), dtype=np.int64) * 10 + ledger.exposure)
    return pa.table(
        {
            "credit_account_id": pa.array([account for account, _ in keys], pa.string()),
            "credit_segment": pa.array([segment for _, segment in keys], pa.string()),
            "customer_name": pa.nulls(len(keys), pa.string()),
            "hold_orders": pa.array((bits & 1) > 0),
            "hold_deliveries": pa.array((bits & 2) > 0),
            "hold_production": pa.array((bits & 4) > 0),
            "exposure": amounts,
            "credit_limit": pa.nulls(len(keys), pa.decimal128(18, 3)),
            "cure_amount": amounts,
        }
    )


def erp_holds_of(ledger: Ledger) -> Any:
    if ledger.erp_holds is None:
        return None
    names = ("customer_id", "credit_segment", "hold_kind", "origin")
    columns = {name: [row[place] for row in ledger.erp_holds] for place, name in enumerate(names)}
    return SimpleNamespace(columns={**columns, "set_on": [None] * len(ledger.erp_holds)})


def tell(
    output: Path,
    as_of: date,
    ledger: Ledger,
    *,
    revise: bool = False,
    approve_first: bool = True,
    without_memory: bool = False,
    settings: Erp | None = None,
) -> Publication:
    """Publish a night: the steps of the nightly run from the accounts on."""
    settings = settings or Erp()
    inputs = [{"table": "t", "file": "f", "sha256": repr(ledger)}]

    def run_id_of(follows: str | None) -> str:
        return make_run_id(
            as_of=as_of, inputs=inputs, configuration={}, previous_run=None, follows=follows
        )

    with Staging(output, as_of, revise=revise) as staging:
        run_id, chain = place_in_chain(
            staging.output,
            as_of,
            run_id_of,
            approve_first=approve_first,
            without_memory=without_memory,
        )
        known = already_published(staging.output, as_of, run_id, revise=revise)
        if known is not None:
            return known
        accounts = accounts_of(ledger)
        night = Night(
            FileHead(run_id, as_of, "EUR"),
            accounts,
            codes_of(ledger),
            accounts.num_rows,
            pa.array(["manual_hold"] * accounts.num_rows),
            customers_of(ledger),
            erp_holds_of(ledger),
            dict(ledger.rows),
        )
        telling = decide_telling(night, chain, settings)
        files, erp = write_telling(staging, telling, night.head, night.rows_read, chain, settings)
        outputs = list(files)
        for name, table in telling.tables.items():
            path = staging.table_directory(name) / part_name(0)
            outputs.append(write_small_table(path, table, OUTPUT_TABLES[name].key))
        manifest = build_manifest(
            {
                "run_id": run_id,
                "as_of": as_of,
                "configuration": {},
                "inputs": inputs,
                "rows": {name: {"read": count} for name, count in ledger.rows.items()},
                "items": {},
                "controls": [],
                "control_totals": {},
                "outputs": outputs,
                "tables": {name: table.num_rows for name, table in telling.tables.items()},
                "rate_series": {},
                "warnings": [
                    {"code": each.code.value, "count": each.count, "message": each.message}
                    for each in telling.notices
                ],
                "quarantine": {},
                "erp": erp,
                "timing": {},
            }
        )
        return commit(staging, manifest, revise=revise)


# -- the consumer ----------------------------------------------------------------------------------


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def bits_of(row: Mapping[str, str]) -> int:
    flags = (row["hold_orders"], row["hold_deliveries"], row["hold_production"])
    return sum(bit for bit, flag in zip((1, 2, 4), flags, strict=True) if flag == "Y")


def picture_of(run: Path) -> dict[Key, int]:
    """Give all holds that a run's `holds.csv` shows."""
    rows = rows_of((run / "erp" / "holds.csv").read_bytes())
    return {(row["customer_id"], row["credit_segment"]): bits_of(row) for row in rows}


def changes_of(run: Path) -> list[dict[str, str]]:
    return rows_of((run / "erp" / "hold_changes.csv").read_bytes())


def take_in(state: dict[Key, int], changes: list[dict[str, str]]) -> None:
    """Take changes into what an ERP holds, refusing any that does not fit what it holds."""
    for row in changes:
        key, bits = (row["customer_id"], row["credit_segment"]), bits_of(row)
        if row["action"] == "BLOCK":
            assert key not in state, f"{key} is blocked twice"
            assert bits
            state[key] = bits
        elif row["action"] == "CHANGE":
            assert bits not in {0, state[key]}, f"{key} changes to what it is"
            state[key] = bits
        else:
            assert row["action"] == "RELEASE"
            assert bits == 0
            del state[key]
