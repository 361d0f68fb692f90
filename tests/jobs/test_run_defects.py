"""A synthetic ledger with planted defects: the engine finds each of them, and no other."""

import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from encours_jobs.planted import REPORT_NAME
from encours_jobs.synthetic import generate_ledger
from tests.jobs.ledgers import AS_OF, Night

ITEMS = 3_000
STRICT = ("--max-rejected", "1")


@pytest.fixture(scope="module", params=["parquet", "csv"])
def spoiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Night:
    made = Night(tmp_path_factory.mktemp(f"spoiled-{request.param}"))
    generate_ledger(
        made.ledger.directory,
        ITEMS,
        seed=11,
        as_of=date.fromisoformat(AS_OF),
        defects=True,
        file_format=request.param,
    )
    settings = made.configure('input.unknown_customer = "quarantine"')
    assert made.call("run", *STRICT, *settings).exit_code == 0
    return made


@pytest.fixture
def planted(spoiled: Night) -> dict[str, Any]:
    text = (spoiled.ledger.directory / REPORT_NAME).read_text(encoding="utf-8")
    report: dict[str, Any] = json.loads(text)
    return report


def counted(night: Night, *, kept: bool) -> dict[str, dict[str, int]]:
    """Count the rows of the quarantine by table and reason."""
    found: dict[str, Counter[str]] = {}
    for table, reason, is_kept in night.rows("quarantine", "table", "reason", "kept"):
        if is_kept is kept:
            found.setdefault(table, Counter())[reason] += 1
    return {table: dict(counts) for table, counts in found.items()}


@pytest.mark.parametrize(("kind", "kept"), [("quarantined", False), ("kept", True)])
def test_defects__are_found_as_planted(
    spoiled: Night, planted: dict[str, Any], kind: str, kept: bool
) -> None:
    wanted = {table: reasons for table, reasons in planted[kind].items() if reasons}
    assert counted(spoiled, kept=kept) == wanted
    assert sum(len(reasons) for reasons in wanted.values()) >= (4 if kept else 35)


def test_defects__are_counted_in_the_manifest(spoiled: Night, planted: dict[str, Any]) -> None:
    for table, counts in spoiled.manifest()["rows"].items():
        assert counts["quarantined"] == sum(planted["quarantined"].get(table, {}).values())
        assert counts["kept"] == sum(planted["kept"].get(table, {}).values())
        assert counts["read"] == counts["accepted"] + counts["quarantined"]


def test_defects__have_the_rows_that_were_named_as_examples(
    spoiled: Night, planted: dict[str, Any]
) -> None:
    raws: dict[tuple[str, str], list[str]] = {}
    for table, reason, raw in spoiled.rows("quarantine", "table", "reason", "raw"):
        raws.setdefault((table, reason), []).append(raw)
    for table, examples in planted["examples"].items():
        for reason, key in examples.items():
            assert any(key in raw for raw in raws[table, reason]), (table, reason, key)


def items_as_text(directory: Path) -> list[tuple[str | None, str | None]]:
    """Give currency and amount of every row of the open items, as another reader finds them."""
    pairs: list[tuple[str | None, str | None]] = []
    for path in sorted((directory / "open_items").iterdir()):
        if path.suffix == ".parquet":
            table = pq.ParquetFile(path).read(columns=["currency", "amount"])
        else:
            options = pa_csv.ConvertOptions(
                include_columns=["currency", "amount"],
                column_types={"currency": pa.string(), "amount": pa.string()},
            )
            table = pa_csv.read_csv(path, convert_options=options)
        amounts = table.column("amount").cast(pa.string()).to_pylist()
        pairs += zip(table.column("currency").cast(pa.string()).to_pylist(), amounts, strict=True)
    return pairs


def test_defects__leave_control_totals_that_close(spoiled: Night) -> None:
    totals = {
        currency: {name: Decimal(amount) for name, amount in terms.items()}
        for currency, terms in spoiled.manifest()["control_totals"].items()
    }
    for terms in totals.values():
        parts = ("open_amount", "allocated", "extract_difference", "not_yet_posted")
        assert terms["amount"] == sum(terms[name] for name in parts)
    published: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in spoiled.rows("items", "currency", "open_amount"):
        published[currency] += amount
    assert published == {name: terms["open_amount"] for name, terms in totals.items()}


def test_defects__lose_no_amount_that_can_be_read(spoiled: Night) -> None:
    manifest = spoiled.manifest()
    known = manifest["control_totals"]
    read: defaultdict[str, Decimal] = defaultdict(Decimal)
    unreadable = 0
    for currency, amount in items_as_text(spoiled.ledger.directory):
        number = as_money(amount)
        if number is None or currency is None or currency not in known:
            unreadable += 1
        else:
            read[currency] += number
    assert read == {
        name: Decimal(terms["amount"]) + Decimal(terms["quarantined_amount"])
        for name, terms in known.items()
    }
    assert manifest["quarantined_unreadable"] == unreadable


def as_money(text: str | None) -> Decimal | None:
    """Give an amount that is one: at most three decimals and 15 digits before them."""
    if not text or not text.lstrip("-").replace(".", "", 1).isdecimal():
        return None
    number = Decimal(text)
    fits = number == number.quantize(Decimal("0.001")) and abs(number) < 10**15
    return number if fits else None


def test_defects__of_unknown_customers_get_placeholders_by_default(
    spoiled: Night, planted: dict[str, Any], tmp_path: Path
) -> None:
    result = spoiled.call("validate", *STRICT, "--out", str(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert "unknown_customer" not in result.stdout
    for table, reasons in planted["quarantined"].items():
        for reason, count in reasons.items():
            if reason != "unknown_customer":
                assert f"  {table}: {reason} {count:,}\n" in result.stdout
