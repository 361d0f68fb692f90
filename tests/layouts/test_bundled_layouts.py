"""Every layout in the box: complete, understood, and what it makes of limits and blocks."""

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from encours.ledger.layouts.catalog import BUNDLED, names
from encours_schemas.layouts.loading import load_layout
from tests.layouts.layout_nights import EXTRACTS, FIXTURES, Rows, mapped

STATED = {"payment_terms": "NET30"}


@pytest.mark.parametrize("name", names())
def test_bundled_layout__is_valid_and_says_what_it_reads(name: str) -> None:
    layout = load_layout(name, BUNDLED, STATED).layout
    assert layout.name == name
    assert layout.title
    assert len(layout.about.split()) > 60
    for parameter in layout.parameters.values():
        assert parameter.about
    for source in layout.sources.values():
        assert source.fields


@pytest.mark.parametrize("path", sorted(EXTRACTS.glob("*.toml")), ids=lambda path: path.stem)
def test_layout_of_an_extract__is_valid(path: Path) -> None:
    assert load_layout(str(path), BUNDLED, STATED).layout.about


def test_bundled_layouts__are_those_of_the_guide() -> None:
    assert names() == [
        "dynamics_365", "ecb_eurofxref", "erpnext", "fr_fec", "odoo", "oracle_ar",
        "sap_bsid", "sap_s4_odata",
    ]  # fmt: skip
    for name in names():
        assert name == "ecb_eurofxref" or (FIXTURES / name).is_dir()


# -- limits, blocks and master data, as the contract's tables get them -----------------------------


def chosen(rows: Rows, *columns: str) -> set[tuple[Any, ...]]:
    """Give columns of rows, amounts and days as text."""
    return {tuple(_text(row.get(column)) for column in columns) for row in rows}


def _text(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    return value if value is None or isinstance(value, bool) else str(value)


LIMIT = ("party_id", "credit_segment", "kind", "amount", "currency", "valid_to")


def test_sap_limits__of_KNKK_stand_with_the_account_that_carries_them(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "sap_bsid", "sap_bsid", tmp_path, client="100")
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("0000100001", "1000", "internal", "5000", "EUR", None),
        ("ACME01", "1000", "internal", "0", "EUR", None),  # KLIMK 0 is a limit
        ("0000100001", "3000", "internal", "8000000", "JPY", None),  # stored as 80000.00
        ("0000100001", "1000", "insured", "2500", "EUR", "2027-12-31"),  # KNB1
    }
    insured = [row for row in tables["credit_limits"] if row["kind"] == "insured"]
    assert [row["policy"] for row in insured] == ["POL1"]
    assert [Decimal(row["coverage_percent"]) for row in insured] == [Decimal(90)]
    assert chosen(tables["customers"], "customer_id", "credit_account_id", "country") == {
        ("0000100001", "0000100001", "DE"),
        ("0000100002", "0000100001", "JP"),  # KNKLI
        ("0000100003", "0000100003", "DE"),  # no row: no limit management
        ("ACME01", "ACME01", "KW"),
    }
    assert chosen(tables["erp_holds"], "customer_id", "credit_segment", "hold_kind", "origin") == {
        ("ACME01", "1000", "orders", "KNKK-CRBLB"),
        ("0000100003", None, "orders", "KNA1-AUFSD"),
    }
    own = [row["customer_id"] for row in tables["customers"] if row.get("intragroup")]
    assert own == ["0000100003"]
    assert chosen(tables["companies"], "company_code", "credit_segment", "currency") == {
        ("1000", "1000", "EUR"), ("3000", "3000", "EUR"),
    }  # fmt: skip


UKM = {
    "UKMBP_CMS_SGM.csv": (
        "CLIENT,PARTNER,CREDIT_SGMNT,CREDIT_LIMIT,X_LIMIT_ZERO,LIMIT_VALID_DATE,LIMIT_CHG_DATE,"
        "XBLOCKED\n"
        "100,0000500001,EU,7500.00,,20261231,20260101,\n"  # an amount, linked to 100001
        "100,0000500002,EU,0.00,X,99991231,20260201,X\n"  # a limit of zero
        "100,0000500003,EU,0.00,,00000000,00000000,\n"  # none
        "100,0000100003,JP,1000.00,,00000000,00000000,\n"  # 100,000 JPY; no link
    ),
    "UKMCRED_SGM0C.csv": "CREDIT_SGMNT,CURRENCY\nEU,EUR\nJP,JPY\n",
    "UKM_KKBER2SGM.csv": "KKBER,CREDIT_SGMNT\n1000,EU\n3000,EU\n",
    "BUT000.csv": (
        "PARTNER,PARTNER_GUID\n0000500001,A1\n0000500002,A2\n0000500003,A3\n0000100003,A4\n"
    ),
    "CVI_CUST_LINK.csv": "PARTNER_GUID,CUSTOMER\nA1,0000100001\nA2,ACME01\nA3,0000100002\n",
}


def test_sap_limits__of_UKM_have_three_states(tmp_path: Path) -> None:
    ledger = shutil.copytree(FIXTURES / "sap_bsid", tmp_path / "ledger")
    (ledger / "KNKK.csv").unlink()
    for name, text in UKM.items():
        (ledger / name).write_text(text, encoding="utf-8")
    tables = mapped(ledger, "sap_bsid", tmp_path / "staging", client="100")
    internal = [row for row in tables["credit_limits"] if row["kind"] == "internal"]
    assert chosen(internal, *LIMIT) == {
        ("0000100001", "EU", "internal", "7500", "EUR", "2026-12-31"),
        ("ACME01", "EU", "internal", "0", "EUR", None),
        ("0000100003", "JP", "internal", "100000", "JPY", None),
    }
    assert {row["party_id"]: str(row["valid_from"]) for row in internal} == {
        "0000100001": "2026-01-01", "ACME01": "2026-02-01", "0000100003": "1900-01-01",
    }  # fmt: skip
    held = chosen(tables["erp_holds"], "customer_id", "credit_segment", "origin")
    assert ("ACME01", "EU", "UKM-XBLOCKED") in held
    assert {row["credit_segment"] for row in tables["companies"]} == {"EU"}


def test_s4_limits__of_zero_need_their_flag(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "sap_s4_odata", "sap_s4_odata", tmp_path)
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("0017100001", "0000", "internal", "10000", "EUR", None),
        ("0017100002", "0000", "internal", "0", "EUR", "2026-12-31"),
    }
    assert chosen(tables["erp_holds"], "customer_id") == {("0017100002",)}


def test_oracle_limits__are_those_of_the_account_in_the_chosen_currency(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "oracle_ar", "oracle_ar", tmp_path, limit_currency="EUR")
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("1002", None, "internal", "1500", "EUR", None),
    }
    tables = mapped(FIXTURES / "oracle_ar", "oracle_ar", tmp_path / "usd", limit_currency="USD")
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("1001", None, "internal", "10000", "USD", None),
        ("1002", None, "internal", "2000", "USD", "2026-12-31"),
    }
    assert chosen(tables["customers"], "customer_id", "name", "country", "risk_class") == {
        ("1001", "Globex", "US", "LOW"),
        ("1002", "Initech", "FR", "HIGH"),
        ("1003", "Initech", "FR", None),
    }
    assert chosen(tables["erp_holds"], "customer_id", "hold_kind") == {("1002", "orders")}
    discounts = [row for row in tables["allocations"] if row["kind"] == "discount"]
    assert chosen(discounts, "item_id", "amount") == {("5001", "10")}


def test_dynamics_limits__know_zero_none_unlimited_and_temporary(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "dynamics_365", "dynamics_365", tmp_path)
    assert chosen(tables["credit_limits"], *LIMIT, "unlimited", "effect") == {
        ("USMF/US-001", "USMF", "internal", "5000", "USD", "2026-12-31", False, None),
        ("USMF/US-003", "USMF", "internal", "0", "USD", None, False, None),  # mandatory
        ("USMF/US-004", "USMF", "internal", "0", "USD", None, True, None),
        ("DEMF/DE-001", "DEMF", "internal", "2500.5", "EUR", None, False, None),
        ("USMF/US-001", "USMF", "temporary", "9000", "USD", "2026-11-30", None, "replace"),
    }
    assert chosen(tables["erp_holds"], "customer_id", "hold_kind") == {
        ("DEMF/DE-001", "orders"), ("DEMF/DE-001", "deliveries"), ("USMF/US-003", "deliveries"),
    }  # fmt: skip
    kinds = chosen(tables["allocations"], "item_id", "amount", "kind")
    assert ("4/2026-10-01", "6", "discount") in kinds
    assert ("1/2026-09-30", "100", "payment") in kinds


def test_odoo_limits__count_where_they_are_switched_on(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "odoo", "odoo", tmp_path, limit_currency="EUR")
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("10", None, "internal", "2000", "EUR", None),
        ("11", None, "internal", "0", "EUR", None),
    }
    assert {row["customer_id"] for row in tables["customers"]} == {"10", "11", "13"}


def test_erpnext_limits__of_zero_are_none(tmp_path: Path) -> None:
    tables = mapped(FIXTURES / "erpnext", "erpnext", tmp_path, country="FR")
    assert chosen(tables["credit_limits"], *LIMIT) == {
        ("CUST-1", "Acme", "internal", "2500", "EUR", None),
    }
    assert chosen(tables["erp_holds"], "customer_id", "hold_kind") == {("CUST-2", "orders")}
    assert chosen(tables["customers"], "customer_id", "country", "intragroup") == {
        ("CUST-1", "DE", False), ("CUST-2", "IN", False), ("CUST-3", "FR", True),
    }  # fmt: skip
