"""Explanations of single items, their figures written as the arithmetic."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from encours_jobs.cli import main
from tests.jobs.ledgers import Night, allocation, item, row

HOUSE = """
[interest.regimes.HOUSE]
based_on = "FR"
contractual_rate = "5"
"""
FULL_DUE = {"document_date": "2026-03-01", "due_date": "2026-05-01", "amount": "10000.00"}


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Publish items of every kind of explanation."""
    made = Night(tmp_path_factory.mktemp("explained"))
    made.ledger.csv(
        "companies",
        row("companies", company_code="1000", country="FR"),
        row("companies", company_code="NL", country="NL"),
        row("companies", company_code="IE", country="IE"),
        row("companies", company_code="DE", country="DE"),
        row("companies", company_code="IT", country="IT"),
    )
    made.ledger.csv(
        "customers",
        row("customers", customer_id="C1"),
        row("customers", customer_id="TOWN", public_buyer="true"),
        row("customers", customer_id="PERSON", consumer="true"),
        row("customers", customer_id="BROKE", insolvency_date="2026-09-01"),
        row("customers", customer_id="AGREED", interest_regime="HOUSE"),
    )
    made.ledger.csv(
        "open_items",
        item("PART", document_number="F1", interest_billed_amount="100.00", **FULL_DUE),
        item("SECOND", document_number="F1", due_date="2026-06-01", amount="5000.00"),
        item("TOWN", customer_id="TOWN", due_date="2025-05-01", interest_billed_to="2026-01-31"),
        item("COMPOUND", company_code="NL", due_date="2024-02-29", amount="1234567.89"),
        item("IRISH", company_code="IE", due_date="2025-12-01", amount="9000.00"),
        item("DE-1", company_code="DE", document_number="G", due_date="2024-02-15"),
        item("DE-2", company_code="DE", document_number="G", due_date="2024-03-15"),
        item("ITALIAN", company_code="IT", due_date="2026-05-01"),
        item("DISPUTED", disputed="true"),
        item("CONSUMER", customer_id="PERSON"),
        item("BROKE", customer_id="BROKE", due_date="2026-07-31"),
        item("CONTRACT", customer_id="AGREED", due_date="2023-12-31", amount="1000.00"),
        item("CREDITED", due_date="2026-11-30", interest_billed_amount="25.00"),
        item("LATER", posting_date="2026-11-02"),
        item("TWICE"),
        item("TWICE", amount="7.00"),
        item("FAULTY", amount="1,2,3"),
    )
    made.ledger.csv(
        "allocations",
        allocation("PART", value_date="2026-07-15", amount="4000.00", allocation_id="A1"),
        allocation("IRISH", value_date="2026-02-10", amount="4000.00"),
        allocation("IRISH", value_date="2026-10-10", posting_date="2026-11-05", amount="1000.00"),
    )
    made.publish("--max-rejected", "1", *made.configure(HOUSE))
    return made


def explain(night: Night, item_id: str, *arguments: str) -> Any:
    """Explain an item as JSON."""
    result = CliRunner().invoke(
        main,
        [
            "explain",
            "item",
            item_id,
            "--run",
            str(night.published()),
            "--format",
            "json",
            *arguments,
        ],
    )
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def text(night: Night, item_id: str, *arguments: str) -> str:
    """Explain an item as text."""
    result = CliRunner().invoke(
        main, ["explain", "item", item_id, "--run", str(night.published()), *arguments]
    )
    assert result.exit_code == 0, result.stderr
    return result.stdout


def periods(record: Any, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(period[name] for name in names) for period in record["interest"]["periods"]]


def test_explain_item__splits_by_semester_and_by_payment(night: Night) -> None:
    record = explain(night, "PART")
    # 10000 x 12.15 % x 60/365, + 10000 x 12.40 % x 15/365, + 6000 x 12.40 % x 108/365
    assert periods(record, "from", "to", "principal", "rate_percent", "exact", "running_total") == [
        ("2026-05-02", "2026-06-30", "10000.00", "12.15", "14580/73", "199.73"),
        ("2026-07-01", "2026-07-15", "10000.00", "12.4", "3720/73", "250.68"),
        ("2026-07-16", "2026-10-31", "6000.00", "12.4", "80352/365", "470.83"),
    ]
    reference = record["interest"]["periods"][1]["reference"]
    assert reference["series"] == "ecb_main_refinancing_rate"
    assert (reference["looked_up_on"], reference["effective_date"]) == ("2026-07-01", "2026-06-17")
    assert record["interest"]["rounding"] == {"to": "0.01", "half": "away from zero"}
    assert record["interest"]["interest_unbilled"] == "370.83"
    assert record["allocations"] == [
        {
            "allocation_id": "A1",
            "value_date": "2026-07-15",
            "posting_date": "2026-07-15",
            "amount": "4000.00",
            "kind": "payment",
            "effect": "counts",
        }
    ]


def test_explain_item__names_the_rule_and_the_text_of_the_regime(night: Night) -> None:
    rules = {
        "PART": ("creditor_country", "FR", "FR_business", "Code de commerce, L441-10 II"),
        "TOWN": ("public_buyer", "FR", "FR_public", None),
        "CONTRACT": ("contract", None, "HOUSE", None),
        "CONSUMER": ("consumer", None, None, None),
    }
    for item_id, (rule, country, name, articles) in rules.items():
        regime = explain(night, item_id)["regime"]
        assert (regime["rule"], regime["country"], regime["name"]) == (rule, country, name)
        if articles:
            assert regime["articles"] == articles
            assert regime["source"]
            assert regime["confidence"] == "high"
    italian = explain(night, "ITALIAN")["regime"]
    assert italian["name"] == "EU_default"
    assert "231/2002" in italian["articles"]  # the creditor's own text, not the directive


def test_explain_item__rounds_before_interest_joins_the_principal(night: Night) -> None:
    found = periods(explain(night, "COMPOUND"), "from", "principal", "rounded_on", "running_total")
    assert found[2:5] == [
        ("2025-01-01", "1234567.89", None, "150071.03"),
        ("2025-03-01", "1384638.92", "2025-02-28", "201674.44"),  # 1234567.89 + 150071.03
        ("2025-07-01", "1384638.92", None, "272522.43"),
    ]


def test_explain_item__gives_each_irish_part_the_rate_of_its_payment(night: Night) -> None:
    record = explain(night, "IRISH")
    assert periods(record, "from", "to", "principal", "rate_day", "rate_percent") == [
        ("2025-12-02", "2026-02-10", "4000.00", "2026-02-10", "10.15"),
        ("2025-12-02", "2026-10-31", "5000.00", "2026-10-31", "10.4"),
    ]
    assert [one["effect"] for one in record["allocations"]] == ["counts", "posted_later"]
    compensation = record["compensation"]
    assert compensation["band"] == {"above": "1000", "up_to": "10000", "sum": "70"}
    assert compensation["fixed_indemnity"] == "70.00"


def test_explain_item__says_on_which_item_the_compensation_stands(night: Night) -> None:
    first, second = explain(night, "PART"), explain(night, "SECOND")
    assert first["compensation"]["standing"] == "here"
    assert second["compensation"]["standing"] == "elsewhere"
    assert second["compensation"]["document"] == [
        {"item_id": "PART", "due_date": "2026-05-01", "is_late": True, "bears": True},
        {"item_id": "SECOND", "due_date": "2026-06-01", "is_late": True, "bears": False},
    ]
    assert second["compensation"]["fixed_indemnity"] == "0.00"
    for item_id in ("DE-1", "DE-2"):  # Germany: once per due date
        compensation = explain(night, item_id)["compensation"]
        assert (compensation["standing"], compensation["per"]) == ("here", "due_date")
        assert compensation["fixed_indemnity"] == "40.00"


def test_explain_item__writes_days_of_leap_years_apart_under_act_act(night: Night) -> None:
    found = periods(explain(night, "DE-1"), "year_fraction", "exact")
    # 100 x (3.62 + 9) % x 136/366 from 16 February to 30 June 2024
    assert found[0] == (
        "136/366",
        str(Fraction(100) * Fraction("12.62") / 100 * Fraction(136, 366)),
    )


def test_explain_item__shows_what_is_suspended_and_why(night: Night) -> None:
    record = explain(night, "DISPUTED")
    assert record["interest"]["reason"] == "disputed"
    assert record["interest"]["penalty_interest"] == "0.00"
    last = record["interest"]["periods"][-1]
    assert last["running_total"] == record["interest"]["interest_suspended"] == "1.05"
    assert record["sentence"]["text"] is None


def test_explain_item__ends_prior_claims_on_the_eve_of_proceedings(night: Night) -> None:
    record = explain(night, "BROKE")
    assert record["interest"]["last_possible_day"] == "2026-08-31"
    assert record["interest"]["last_possible_day_by"] == "insolvency"
    assert record["interest"]["days"] == 31


def test_explain_item__shows_that_the_floor_decides_a_contract(night: Night) -> None:
    record = explain(night, "CONTRACT")
    first = record["interest"]["periods"][0]
    assert first["floor"]["decides"] is True
    assert first["floor"]["times"] == "3"
    assert first["rate_percent"] == "15.21"  # 3 x 5.07, first half of 2024
    assert "(as agreed by contract)" in record["sentence"]["text"]


def test_explain_item__tells_what_was_claimed_up_to_a_day(night: Night) -> None:
    interest = explain(night, "TOWN")["interest"]
    # 100 x 11.15 % x 275/365 from 2 May 2025 to 31 January 2026
    assert (interest["billed_by"], interest["billed_to"]) == ("date", "2026-01-31")
    assert interest["billed_amount"] == "8.40"
    assert interest["interest_unbilled"] == "8.34"  # 100 x 11.15 % x 548/365 = 16.74, less 8.40


def test_explain_item__gives_back_what_was_claimed_of_an_item_not_due(night: Night) -> None:
    record = explain(night, "CREDITED")
    assert record["interest"]["interest_unbilled"] == "-25.00"
    assert record["sentence"]["text"] == (
        "Invoice CREDITED of 1 August 2026 over EUR 100.00 is due on 30 November 2026. "
        "Late-payment interest of EUR 25.00 was claimed and is not owed: this amount is credited "
        "to you."
    )


def test_explain_item__has_a_sentence_for_the_debtor_in_both_languages(night: Night) -> None:
    assert explain(night, "PART")["sentence"]["text"] == (
        "Invoice F1 of 1 March 2026 over EUR 10,000.00 fell due on 1 May 2026. Late-payment "
        "interest of EUR 470.83 has accrued for 183 days from 2 May 2026 to 31 October 2026 (Code "
        "de commerce, L441-10 II). EUR 100.00 of it was claimed before; EUR 370.83 remains to be "
        "paid. A fixed compensation of EUR 40.00 for recovery costs is due as well (Code de "
        "commerce, D441-5)."
    )
    assert explain(night, "PART", "--language", "fr")["sentence"]["text"] == (
        "La facture F1 du 1er mars 2026 d'un montant de 10 000,00 EUR était à échéance du 1er mai "
        "2026. Des intérêts de retard de 470,83 EUR ont couru pendant 183 jours, du 2 mai 2026 au "
        "31 octobre 2026 (Code de commerce, L441-10 II). 100,00 EUR ont déjà été réclamés ; il "
        "reste 370,83 EUR à payer. S'y ajoute une indemnité forfaitaire pour frais de recouvrement "
        "de 40,00 EUR (Code de commerce, D441-5)."
    )


def test_explain_item__says_what_became_of_an_item_that_is_not_published(night: Night) -> None:
    assert explain(night, "LATER")["status"] == "not_yet_posted"
    twice = explain(night, "TWICE")
    assert twice["status"] == "quarantined"
    assert [one["reason"] for one in twice["quarantine"]] == ["conflicting_duplicate"] * 2
    assert [one["row_number"] for one in twice["quarantine"]] == [15, 16]
    faulty = explain(night, "FAULTY")["quarantine"]
    assert (faulty[0]["column"], faulty[0]["reason"]) == ("amount", "wrong_type")


def test_explain_item__as_text_tells_the_whole_way(night: Night) -> None:
    told = " ".join(text(night, "PART").split())  # lines are wrapped
    for part in (
        "Item PART, as of 31 October 2026",
        "4. the creditor's country, FR",
        "14580/73",
        "ecb_main_refinancing_rate 2.15 % (in force on 01/01/2026, since 11/06/2025)",
        "+ 10 points = 12.15 %",
        "rounded once to EUR 0.01, half away from zero",
        "EUR 370.83",
        "it stands on the first late item of it: this one",
    ):
        assert part in told
    french = text(night, "COMPOUND", "--language", "fr")
    assert "1 384 638,92" in french
    assert "à la fin du 28/02/2025" in french
    contract = " ".join(text(night, "CONTRACT").split())
    assert "at least 3 x 5.07 % = 15.21 %, which decides" in contract
    assert "conflicting_duplicate" in text(night, "TWICE")


def test_explain_item__does_not_know_an_id_that_the_ledger_lacks(night: Night) -> None:
    result = CliRunner().invoke(main, ["explain", "item", "part", "--run", str(night.published())])
    assert result.exit_code == 2
    assert "no item of the ledger has this id" in result.stderr


def test_explain__does_not_know_every_subject() -> None:
    result = CliRunner().invoke(main, ["explain", "items", "I1"])
    assert result.exit_code == 2
    assert "did you mean `item`?" in result.stderr


def test_words__are_the_same_in_both_languages() -> None:
    from encours.explain import item_words, sentence
    from encours.statements import words

    for languages in (item_words.WORDS, words.WORDS, sentence._WORDS):
        assert languages["en"].keys() == languages["fr"].keys()


def test_words__are_all_used() -> None:
    from encours.explain import item_words

    source = (Path(item_words.__file__).parent / "item_text.py").read_text(encoding="utf-8")
    stems = (
        *("status_", "rule_", "fixing_", "end_", "reason_", "effect_", "standing_", "per_"),
        *("open_by_", "billed_by_", "band_", "periods_"),
    )
    unused = [
        key
        for key in item_words.ENGLISH
        if f'"{key}"' not in source.replace("'", '"') and not key.startswith(stems)
    ]
    assert unused == []
