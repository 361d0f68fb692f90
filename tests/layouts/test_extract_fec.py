"""Accounting entries files that do not comply: what is wrong, where, in words."""

from pathlib import Path

import pytest

from tests.layouts.layout_nights import EXTRACTS, LayoutNight
from tests.shared_material import SHARED

LEDGER = SHARED / "data" / "fec_small_fixtures"
SHORT = str(EXTRACTS / "fec_short.toml")

pytestmark = pytest.mark.skipif(
    not LEDGER.is_dir(),
    reason="the files have no licence and lie beside the repository, if at all",
)


def night_of(file: str, root: Path, layout: str = "fr_fec") -> LayoutNight:
    settings = (
        f'[input.sources.entries]\nfiles = ["{file}"]\n'
        '[input.parameters]\npayment_terms = "NET30"\n'
    )
    return LayoutNight(LEDGER, (layout,), root, settings)


def open_by_document(night: LayoutNight, as_of: str) -> list[tuple[object, ...]]:
    columns = ("document_number", "document_type", "customer_id", "open_amount")
    return sorted(night.items(as_of, *columns).values(), key=str)


def normalised(night: LayoutNight, as_of: str) -> str:
    warnings = night.manifest(as_of)["warnings"]
    return "\n".join(one["message"] for one in warnings if one["code"] == "values_normalised")


def test_line_with_a_field_too_many__is_named_with_both_counts(tmp_path: Path) -> None:
    night = night_of("sample_fec_bijouterie.txt", tmp_path)
    said = night.refused("2024-12-31", 65)
    assert "found wrong_field_count 1" in said
    (row,) = night.rejected()
    assert (row["file"], row["row_number"], row["reason"]) == (
        "sample_fec_bijouterie.txt", 43, "wrong_field_count",
    )  # fmt: skip
    assert "19" in row["message"]
    assert "18" in row["message"]
    assert "CVAE" in row["raw"]


def test_rest_of_that_file__is_read_and_its_forms_counted(tmp_path: Path) -> None:
    night = night_of("sample_fec_bijouterie.txt", tmp_path)
    night.publish("2024-12-31", "--max-rejected", "0.1")
    night.publish("2024-01-31", "--max-rejected", "0.1")
    assert open_by_document(night, "2024-01-31") == [
        ("DEP001", "payment", "51200", "-8700"),
        ("FAC001", "invoice", "40100", "5500"),
        ("FAC002", "invoice", "40200", "3200"),
    ]
    # Eight sales, the last two on the wrong side, and four deposits of a customer who is the bank.
    assert open_by_document(night, "2024-12-31") == [
        ("DEP001", "payment", "51200", "-8700"),
        ("DEP002", "payment", "51200", "-12050"),
        ("DEP003", "payment", "51200", "-6050"),
        ("DEP004", "payment", "51200", "-4300"),
        ("DEP005", "payment", "51200", "-9050"),
        ("FAC001", "invoice", "40100", "5500"),
        ("FAC002", "invoice", "40200", "3200"),
        ("FAC003", "invoice", "40300", "7850"),
        ("FAC004", "invoice", "40400", "4200"),
        ("FAC005", "invoice", "40500", "1850"),
        ("FAC006", "invoice", "40600", "2300"),
        ("FAC007", "credit_note", "40700", "-4750"),
        ("FAC008", "credit_note", "40800", "-5600"),
    ]
    said = normalised(night, "2024-12-31")
    assert "EcritureDate" in said
    assert "Debit" in said


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        (
            "fec-corrected-2024.txt",
            "JournalLib CompAuxNum CompAuxLib EcritureLet DateLet Montantdevise Idevise",
        ),
        (
            "fec-simple-realistic-2024.txt",
            "JournalLib CompAuxNum CompAuxLib EcritureLet DateLet ValidDate Montantdevise Idevise",
        ),
    ],
)
def test_columns_that_are_missing__are_all_named(tmp_path: Path, file: str, missing: str) -> None:
    said = night_of(file, tmp_path).refused("2024-12-31", 66)
    assert file in said
    for column in missing.split():
        assert column in said


def test_file_without_those_columns__is_read_by_a_layout_that_says_so(tmp_path: Path) -> None:
    corrected = night_of("fec-corrected-2024.txt", tmp_path / "corrected", SHORT)
    # Paid on 20 March, but nothing says so: both stay open, one against the other.
    corrected.publish("2024-03-15")
    assert open_by_document(corrected, "2024-03-15") == [("FAC003", "invoice", "411", "2500")]
    corrected.publish("2024-03-31")
    assert open_by_document(corrected, "2024-03-31") == [
        ("DEP001", "credit_note", "411", "-2500"),
        ("FAC003", "invoice", "411", "2500"),
    ]
    simple = night_of("fec-simple-realistic-2024.txt", tmp_path / "simple", SHORT)
    simple.publish("2024-03-31")
    assert open_by_document(simple, "2024-03-31") == [("FAC001", "invoice", "411", "2500")]
    days = simple.items("2024-03-31", "due_date", "days_past_due")
    assert list(days.values()) == [("2024-03-11", 20)]


def test_lettering_date_without_a_code__letters_nothing(tmp_path: Path) -> None:
    night = night_of("fec-complete-test-2024.txt", tmp_path)
    night.publish("2024-12-31")
    # Sales stand on the credit side of 411 and receipts on the debit side, as the file has them.
    assert open_by_document(night, "2024-12-31") == [
        ("CHQ123", "debit_note", "411", "5000"),
        ("CHQ124", "debit_note", "411", "3000"),
        ("CHQ125", "debit_note", "411", "2000"),
        ("FAV001", "credit_note", "411", "-5000"),
        ("FAV002", "credit_note", "411", "-3000"),
        ("FAV003", "credit_note", "411", "-2000"),
        ("REC001", "debit_note", "411", "500"),
    ]
    assert night.rows("quarantine", "2024-12-31") == []


def test_file_with_dashes_and_points__is_read_and_counted(tmp_path: Path) -> None:
    night = night_of("test-import-2024.txt", tmp_path)
    night.publish("2024-12-31")
    assert open_by_document(night, "2024-12-31") == [
        ("CHQ123", "debit_note", "411", "2500"),
        ("FAV001", "credit_note", "411", "-2500"),
    ]
    assert "PieceDate" in normalised(night, "2024-12-31")
