"""What stands at the end of a run: totals, ageing, exposures, rejected rows, where files are."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from encours.report.layout import (
    ABSENT,
    Grid,
    Page,
    amount_text,
    count_text,
    plain_page,
    rich_page,
    share_text,
)
from encours.report.published import PublishedRun, open_run
from encours.rules.currencies import CURRENCY_EXPONENTS

Row = dict[str, Any]

TOP_ACCOUNTS = 10
TOTALS_LISTED = 50
WIDTH = 100
"""Columns of a page that no terminal shows."""

_ACCOUNT_SUMS = (
    "exposure", "unsecured", "overdue", "overdue_net", "disputed_amount", "penalty_interest",
    "interest_unbilled", "fixed_indemnity", "item_count",
)  # fmt: skip
_HOLDS = {"hold_orders": "orders", "hold_deliveries": "deliveries", "hold_production": "production"}


def summary_text(directory: Path, *, terminal_width: int | None = None) -> str:
    """Give the summary of a published run as text.

    terminal_width  columns of a terminal, which gets colours and rules; None gives plain text

    Reads the manifest and the tables `ageing` and `credit_accounts`. Errors are those of
    `open_run`.
    """
    page = summary_page(open_run(directory))
    if terminal_width is not None:
        return rich_page(page, terminal_width)
    return plain_page(page, WIDTH)


def summary_page(run: PublishedRun) -> Page:
    """Give the summary as a page; every figure is a sum over published rows."""
    manifest = run.manifest
    grids = [
        _totals(run),
        _ageing(run),
        _top_accounts(run),
        _rejected(manifest["quarantine"]),
        _warnings(manifest["warnings"]),
        _files(run),
    ]
    return Page(
        title=f"Receivables as of {manifest['as_of']}",
        facts=tuple(_facts(run)),
        grids=tuple(grid for grid in grids if grid.rows),
    )


def _exponent(currency: str) -> int:
    return CURRENCY_EXPONENTS.get(currency, 2)


def _facts(run: PublishedRun) -> Iterable[tuple[str, str]]:
    manifest, currency = run.manifest, run.reporting_currency
    yield "run", f"{manifest['run_id']} (follows {manifest['previous_run'] or 'none'})"
    yield "amounts in", f"{currency}, unless another currency stands beside them"
    for row in run.sums("credit_accounts", [], _ACCOUNT_SUMS).to_pylist():
        for name in _ACCOUNT_SUMS[:-1]:
            if row[name] is not None:
                yield name.replace("_", " "), amount_text(row[name], _exponent(currency))
        yield "open items", count_text(row["item_count"])
    items = manifest["items"]
    yield "settled late", count_text(items["settled_late"])
    holds = _holds(run)
    if holds:
        yield "on hold", holds
    told = _told(manifest)
    if told:
        yield "ERP files", told
    timing = manifest["timing"]
    if timing:
        megabytes = round(timing["peak_memory_bytes"] / 1_000_000)
        seconds = sum(timing["wall_seconds"].values())
        yield "computed in", f"{seconds:,.1f} s, {megabytes:,} MB of memory at most"


def _told(manifest: Mapping[str, Any]) -> str:
    """Say what the run tells the ERP; empty where it tells nothing of holds."""
    erp = manifest.get("erp")
    if not erp:
        return ""
    changes = ", ".join(f"{count:,} {action}" for action, count in erp["changes"].items())
    if erp["state"] == "waiting":
        return f"{changes}; told once approved: {'; '.join(erp['why_waiting'])}"
    return changes if erp["state"] == "told" else "none: a later date was told already"


def _holds(run: PublishedRun) -> str:
    """Give the accounts per kind of hold; empty where holds are not computed (null)."""
    counts: dict[str, int | None] = dict.fromkeys(_HOLDS)
    for batch in run.batches("credit_accounts", list(_HOLDS)):
        for name in _HOLDS:
            held = pc.sum(batch.column(name)).as_py()  # null when every row is
            if held is not None:
                counts[name] = (counts[name] or 0) + held
    return ", ".join(
        f"{_HOLDS[name]} {count_text(count)}" for name, count in counts.items() if count is not None
    )


def _totals(run: PublishedRun) -> Grid:
    sums = run.sums(
        "ageing", ["company_code", "currency"], ["open_amount", "open_amount_rc", "item_count"]
    ).to_pylist()
    exponent = _exponent(run.reporting_currency)
    shown, others = _greatest_totals(sums)
    rows = [
        (
            row["company_code"],
            row["currency"],
            count_text(row["item_count"]),
            amount_text(row["open_amount"], _exponent(row["currency"])),
            amount_text(row["open_amount_rc"], exponent),
        )
        for row in shown
    ]
    if others:
        rows.append((f"{len(others)} others", *_common_total(others, exponent)))
    return Grid(
        title="Open amounts per company and currency",
        headings=("company", "currency", "items", "open amount", f"in {run.reporting_currency}"),
        right=(False, False, True, True, True),
        rows=tuple(rows),
        last_line=("all", *_common_total(sums, exponent)),
    )


def _greatest_totals(sums: list[Row]) -> tuple[list[Row], list[Row]]:
    """Part totals into those that are listed, in their own order, and the smaller rest."""
    by_size = sorted(sums, key=lambda row: -abs(row["open_amount_rc"]))
    listed = {(row["company_code"], row["currency"]) for row in by_size[:TOTALS_LISTED]}
    shown = [row for row in sums if (row["company_code"], row["currency"]) in listed]
    return shown, by_size[TOTALS_LISTED:]


def _common_total(rows: list[Row], exponent: int) -> tuple[str, str, str, str]:
    """Give the cells of several currencies together: no currency, no amount in it."""
    items = count_text(sum(row["item_count"] for row in rows))
    return "", items, "", amount_text(_sum(row["open_amount_rc"] for row in rows), exponent)


def _ageing(run: PublishedRun) -> Grid:
    rows = run.sums(
        "ageing",
        ["bucket_position", "bucket"],
        ["open_amount_rc", "disputed_amount_rc", "item_count"],
    ).to_pylist()
    exponent = _exponent(run.reporting_currency)
    total = _sum(row["open_amount_rc"] for row in rows)
    return Grid(
        title=f"Ageing by {_basis(run)}, in {run.reporting_currency}",
        headings=("days", "items", "open amount", "share", "of it disputed"),
        right=(False, True, True, True, True),
        rows=tuple(
            (
                row["bucket"],
                count_text(row["item_count"]),
                amount_text(row["open_amount_rc"], exponent),
                share_text(row["open_amount_rc"], total),
                amount_text(row["disputed_amount_rc"], exponent),
            )
            for row in rows
        ),
        last_line=(
            "all",
            count_text(sum(row["item_count"] for row in rows)),
            amount_text(total, exponent),
            share_text(total, total),
            amount_text(_sum(row["disputed_amount_rc"] for row in rows), exponent),
        ),
    )


def _basis(run: PublishedRun) -> str:
    return str(run.manifest["configuration"]["ageing"]["basis"]).replace("_", " ")


def _top_accounts(run: PublishedRun) -> Grid:
    rows = run.greatest(
        "credit_accounts",
        by="exposure",
        ties=["credit_segment", "credit_account_id"],
        columns=["customer_name", "credit_limit", "overdue", "max_days_past_due"],
        count=TOP_ACCOUNTS,
    )
    exponent = _exponent(run.reporting_currency)
    return Grid(
        title=f"Greatest exposures, in {run.reporting_currency}",
        headings=("account", "segment", "name", "exposure", "limit", "overdue", "days late"),
        right=(False, False, False, True, True, True, True),
        rows=tuple(
            (
                row["credit_account_id"],
                row["credit_segment"],
                row["customer_name"] or ABSENT,
                amount_text(row["exposure"], exponent),
                amount_text(row["credit_limit"], exponent),
                amount_text(row["overdue"], exponent),
                count_text(row["max_days_past_due"]),
            )
            for row in rows
        ),
    )


def _rejected(quarantine: dict[str, dict[str, int]]) -> Grid:
    return Grid(
        title="Rows in the quarantine",
        headings=("table", "reason", "rows"),
        right=(False, False, True),
        rows=tuple(
            (table, reason, count_text(count))
            for table, reasons in sorted(quarantine.items())
            for reason, count in sorted(reasons.items())
        ),
    )


def _warnings(warnings: Iterable[dict[str, Any]]) -> Grid:
    return Grid(
        title="Warnings",
        headings=("code", "count", "meaning"),
        right=(False, True, False),
        rows=tuple(
            (warning["code"], count_text(warning["count"]), warning["message"])
            for warning in warnings
        ),
    )


def _files(run: PublishedRun) -> Grid:
    files: dict[str, list[dict[str, Any]]] = {}
    for output in run.manifest["outputs"]:
        files.setdefault(output["table"], []).append(output)
    return Grid(
        title=f"Published in {run.directory}",
        headings=("table", "rows", "files", "MB"),
        right=(False, True, True, True),
        rows=tuple(
            (
                table,
                count_text(sum(output["rows"] or 0 for output in outputs)),
                count_text(len(outputs)),
                f"{Decimal(sum(output['size'] for output in outputs)) / 1_000_000:,.1f}",
            )
            for table, outputs in files.items()
        ),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    """Add amounts exactly: the usual 28 digits are too few for sums of sums."""
    with localcontext(prec=76):
        return sum(amounts, Decimal(0))
