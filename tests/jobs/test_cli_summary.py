"""The summary of a published run: figures re-added by hand, in plain text and on a terminal."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from encours.publish.manifest import build_manifest, write_manifest
from encours.publish.parquet import write_small_table
from encours.report.layout import (
    Grid,
    Page,
    amount_text,
    cell_width,
    plain_page,
    rich_page,
    share_text,
    shortened,
)
from encours.report.published import open_run
from encours.report.summary import summary_text
from encours_jobs.cli import main
from encours_schemas import OUTPUT_TABLES

ZERO = Decimal(0)


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Give a published table with zeros where a row says nothing of a required figure."""
    schema = OUTPUT_TABLES[name].arrow_schema()
    filled = []
    for row in rows:
        blank = {field.name: _blank(field.type) if not field.nullable else None for field in schema}
        filled.append(blank | row)
    return pa.Table.from_pylist(filled, schema=schema)


def _blank(kind: pa.DataType) -> object:
    if pa.types.is_string(kind):
        return ""
    return ZERO if pa.types.is_decimal(kind) else 0


AGEING = [
    # company, customer, currency, position, bucket, open, rc, disputed rc, count
    ("FR01", "C1", "EUR", 0, "not_due", "1000.10", "1000.10", "0", 3),
    ("FR01", "C1", "EUR", 1, "1-30", "234567.90", "234567.90", "100.00", 2),
    ("FR01", "C2", "EUR", 1, "1-30", "-0.90", "-0.90", "0", 1),
    ("GB01", "C1", "GBP", 0, "not_due", "100.00", "117.65", "0", 1),
    ("JP01", "C3", "JPY", 5, ">180", "5000", "31.25", "0", 4),
]
ACCOUNTS = [
    # account, segment, name, exposure, limit, overdue, days late
    ("C2", "ALL", "Ordinary", "100.00", None, "0", 0),
    ("C1", "ALL", "Evil [red]name[/]\x1b[2J\n", "235684.75", "200000", "234567.00", 12),
    ("C4", "ALL", None, "100.00", "0", "0", 0),
    ("C3", "EXP", "株式会社エンクール", "31.25", None, "31.25", 200),
]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    directory = tmp_path / "as_of=2026-10-31"
    (directory / "ageing").mkdir(parents=True)
    (directory / "credit_accounts").mkdir()
    ageing = [
        {
            "company_code": company, "customer_id": customer, "currency": currency,
            "bucket_position": position, "bucket": bucket, "open_amount": Decimal(amount),
            "open_amount_rc": Decimal(rc), "disputed_amount_rc": Decimal(disputed),
            "item_count": count,
        }
        for company, customer, currency, position, bucket, amount, rc, disputed, count in AGEING
    ]  # fmt: skip
    accounts = [
        {
            "credit_account_id": account, "credit_segment": segment, "customer_name": name,
            "exposure": Decimal(exposure), "credit_limit": limit and Decimal(limit),
            "overdue": Decimal(overdue), "max_days_past_due": days,
        }
        for account, segment, name, exposure, limit, overdue, days in ACCOUNTS
    ]  # fmt: skip
    first, second = ageing[:2], ageing[2:]  # two parts, as a large run has
    outputs = [
        write_small_table(directory / "ageing" / "part-00000.parquet", table("ageing", first)),
        write_small_table(directory / "ageing" / "part-00001.parquet", table("ageing", second)),
        write_small_table(
            directory / "credit_accounts" / "part-00000.parquet",
            table("credit_accounts", accounts),
            ("credit_segment", "credit_account_id"),
        ),
    ]
    facts = {
        "run_id": "0123456789abcdef",
        "as_of": date(2026, 10, 31),
        "configuration": {"reporting": {"currency": "EUR"}, "ageing": {"basis": "due_date"}},
        "inputs": [],
        "rows": {},
        "items": {"settled_late": 1234},
        "controls": [],
        "control_totals": {},
        "outputs": outputs,
        "tables": {},
        "rate_series": {},
        "warnings": [{"code": "no_credit_limits", "count": 1, "message": "limit rules are off"}],
        "quarantine": {"open_items": {"wrong_type": 1500, "missing_value": 2}},
        "timing": {"peak_memory_bytes": 1_234_567_890, "wall_seconds": {"keys": 1.5, "rows": 2.25}},
    }
    write_manifest(directory, build_manifest(facts))
    return directory


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_summary__adds_up_per_company_and_currency(published: Path) -> None:
    lines = squeezed(summary_text(published))
    assert "FR01 EUR 6 235,567.10 235,567.10" in lines
    assert "GB01 GBP 1 100.00 117.65" in lines
    assert "JP01 JPY 4 5,000 31.25" in lines
    assert "all 11 235,716.00" in lines


def test_summary__adds_up_per_bucket(published: Path) -> None:
    lines = squeezed(summary_text(published))
    assert "Ageing by due date, in EUR" in lines
    assert "not_due 4 1,117.75 0.5 % 0.00" in lines
    assert "1-30 3 234,567.00 99.5 % 100.00" in lines
    assert ">180 4 31.25 0.0 % 0.00" in lines
    assert "all 11 235,716.00 100.0 % 100.00" in lines


def test_summary__ranks_exposures_and_breaks_ties_by_key(published: Path) -> None:
    lines = squeezed(summary_text(published))
    start = lines.index("Greatest exposures, in EUR") + 3
    assert [line.split()[0] for line in lines[start : start + 4]] == ["C1", "C2", "C4", "C3"]
    assert lines[start].endswith("235,684.75 200,000.00 234,567.00 12")
    assert lines[start + 2] == "C4 ALL - 100.00 0.00 0.00 0"
    assert "exposure 235,916.00" in lines


def test_summary__shows_nothing_that_a_terminal_obeys(published: Path) -> None:
    for width in (None, 100):
        text = summary_text(published, terminal_width=width)
        assert "Evil [red]name[/]�[2J�" in text
        assert "\x1b[2J" not in text


def test_summary__names_rejected_rows_warnings_and_files(published: Path) -> None:
    lines = squeezed(summary_text(published))
    assert "open_items missing_value 2" in lines
    assert "open_items wrong_type 1,500" in lines
    assert "no_credit_limits 1 limit rules are off" in lines
    assert f"Published in {published}" in lines
    assert "ageing 5 2 0.0" in lines
    assert "run 0123456789abcdef (follows none)" in lines


def test_summary__fits_its_width(published: Path) -> None:
    for line in summary_text(published).splitlines():
        if not line.startswith("Published in"):
            assert cell_width(line) <= 100


def test_summary__lists_the_greatest_totals_and_adds_the_others(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("encours.report.summary.TOTALS_LISTED", 1)
    lines = squeezed(summary_text(published))
    assert "FR01 EUR 6 235,567.10 235,567.10" in lines
    assert "2 others 5 148.90" in lines
    assert "all 11 235,716.00" in lines


def test_summary__tells_time_and_memory(published: Path) -> None:
    assert "computed in 3.8 s, 1,235 MB of memory at most" in squeezed(summary_text(published))


def test_report__prints_the_summary_again(published: Path) -> None:
    result = CliRunner().invoke(main, ["report", "--run", str(published)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == summary_text(published) + "\n"


def test_report__without_a_run_is_input_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["report", "--run", str(tmp_path)])
    assert result.exit_code == 65
    assert "manifest" in result.stderr


def test_sums__of_an_empty_table_are_none(published: Path) -> None:
    run = open_run(published)
    assert run.sums("groups", ["group_id"], ["exposure"]).num_rows == 0
    assert run.greatest("groups", "exposure", ["group_id"], [], 10) == []


@pytest.mark.parametrize(
    ("amount", "exponent", "text"),
    [
        (Decimal("1234567.890"), 2, "1,234,567.89"),
        (Decimal("-0.500"), 2, "-0.50"),
        (Decimal("5000.000"), 0, "5,000"),
        (Decimal("10.005"), 2, "10.005"),  # finer than its currency: shown, not rounded
        (Decimal("12345678901234567890123456789012345.678"), 3,
         "12,345,678,901,234,567,890,123,456,789,012,345.678"),
        (Decimal("0E-3"), 2, "0.00"),
        (None, 2, "-"),
    ],
)  # fmt: skip
def test_amount_text__keeps_every_digit(amount: Decimal | None, exponent: int, text: str) -> None:
    assert amount_text(amount, exponent) == text


def test_share_text__has_no_share_of_nothing() -> None:
    assert share_text(Decimal(1), Decimal(3)) == "33.3 %"
    assert share_text(Decimal(1), ZERO) == "-"
    assert share_text(Decimal(1), Decimal(-3)) == "-"


def test_shortened__counts_wide_characters_twice() -> None:
    assert shortened("株式会社", 8) == "株式会社"
    assert shortened("株式会社", 7) == "株式会…"
    assert shortened("abc", 1) == "…"


def test_plain_page__shortens_text_before_figures() -> None:
    grid = Grid(
        title="t",
        headings=("name", "amount"),
        right=(False, True),
        rows=(("a" * 80, "1,234,567,890,123.00"),),
    )
    lines = plain_page(Page("p", (), (grid,)), 40).splitlines()
    assert lines[-1].endswith("… " + " 1,234,567,890,123.00")
    assert cell_width(lines[-1]) == 40
    narrow = plain_page(Page("p", (), (grid,)), 10).splitlines()
    assert narrow[-1].endswith("1,234,567,890,123.00")


def test_rich_page__has_all_cells() -> None:
    grid = Grid(title="t", headings=("a",), right=(True,), rows=(("1",),), last_line=("2",))
    text = rich_page(Page("title", (("name", "fact"),), (grid,)), 80)
    assert all(part in text for part in ("title", "name", "fact", "1", "2"))
