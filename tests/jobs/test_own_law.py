"""Regimes, contracts and rates of the user's own, through the job; and what it cannot compute."""

from decimal import Decimal

import pytest

from tests.jobs.ledgers import Night, Row, allocation, item, row

FLAT = '[interest.regimes.HOUSE]\nbased_on = "FR"\ncontractual_rate = "18"\n'
EVERYTHING = ("--max-rejected", "1")


def interest(night: Night, *columns: str) -> list[tuple[str, ...]]:
    wanted = ("item_id", *(columns or ("interest_regime", "penalty_interest")))
    return [tuple(map(str, found)) for found in night.rows("items", *wanted)]


def late(item_id: str, **facts: str) -> Row:
    """Give an invoice of 10,000 EUR, 92 days late on 31 October 2026."""
    return item(item_id, **{"amount": "10000.00", "due_date": "2026-07-31"} | facts)


def rate(series: str, day: str, percent: str, source: str = "") -> Row:
    return row(
        "reference_rates", series=series, effective_date=day, rate_percent=percent, source=source
    )


def test_contract__by_item_and_by_customer(fresh: Night) -> None:
    option = fresh.configure(FLAT + '[interest.regimes.OVER_ECB]\nbased_on = "FR"\nmargin = 12\n')
    fresh.ledger.csv(
        "customers",
        row("customers", customer_id="C1"),
        row("customers", customer_id="C2", interest_regime="OVER_ECB"),
    )
    fresh.ledger.csv(
        "open_items",
        late("I1"),
        late("I2", interest_regime="HOUSE"),
        late("I3", customer_id="C2"),
    )
    fresh.publish(*option)
    # 92 days of 12.40 %, of 18 %, and of 2.40 + 12 % over 365.
    assert interest(fresh) == [
        ("I1", "FR_business", "312.550"),
        ("I2", "HOUSE", "453.700"),
        ("I3", "OVER_ECB", "362.960"),
    ]
    assert interest(fresh, "fixed_indemnity") == [(i, "40.000") for i in ("I1", "I2", "I3")]


def test_bundled_regime__is_overridden_key_by_key(fresh: Night) -> None:
    fresh.ledger.csv("open_items", late("I1"))
    own = "[interest.regimes.FR_business]\nday_count = 'ACT/360'\nindemnity = []\n"
    fresh.publish(*fresh.configure(own))
    wanted = [("I1", "FR_business", "316.890", "0.000")]  # 92 x 12.40 % / 360
    assert interest(fresh, "interest_regime", "penalty_interest", "fixed_indemnity") == wanted


def test_contract_rate__below_the_french_floor_is_raised_to_it(fresh: Night) -> None:
    fresh.ledger.csv(
        "open_items",
        late("I1", document_date="2024-05-01", due_date="2024-05-31", interest_regime="HOUSE"),
        late("I2", document_date="2024-05-01", due_date="2024-05-31"),
    )
    option = fresh.configure('[interest.regimes.HOUSE]\nbased_on = "FR"\ncontractual_rate = 12\n')
    fresh.publish("--interest-periods", *option, as_of="2024-08-31")
    rows = fresh.rows(
        "interest_periods", "item_id", "days", "rate_percent", "interest", as_of="2024-08-31"
    )
    # Three times 5.07 and 4.92; the statutory 14.50 and 14.25 stay what they are.
    assert [(one[0], one[1], one[2].normalize(), str(one[3])) for one in rows] == [
        ("I1", 30, Decimal("15.21"), "125.010"),
        ("I1", 62, Decimal("14.76"), "250.720"),
        ("I2", 30, Decimal("14.5"), "119.180"),
        ("I2", 62, Decimal("14.25"), "242.050"),
    ]


def test_unknown_regime__of_a_row_is_bad_input_and_a_configured_one_is_known(fresh: Night) -> None:
    fresh.ledger.csv("open_items", late("I1", interest_regime="HOUSE"))
    fresh.publish(*EVERYTHING)
    assert fresh.rows("quarantine", "column", "reason") == [("interest_regime", "unknown_regime")]
    fresh.publish("--revise", *fresh.configure(FLAT))
    assert interest(fresh) == [("I1", "HOUSE", "453.700")]


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("[interest.regimes.HOUSE]\nfixing = 'contractual'\n", "interest regime HOUSE"),
        ("[interest.regimes.HOUSE]\nbased_on = 'FR_busines'\n", "expected FR_business"),
        ("[interest.regimes.HOUSE]\nbased_on = 'FR'\ncountries = ['FR']\n", "FR_business serves"),
        ("[interest.regimes.HOUSE]\nmargins = 3\n", "did you mean interest.regimes.HOUSE.margin?"),
        ("[interest.regimes.HOUSE]\nday_count = 'ACT/365'\n", "did you mean `ACT/365F`?"),
        ("[interest.regimes.HOUSE]\nbased_on = 'FR'\nreference = 'euribor'\n", "rate series eurib"),
    ],
)
def test_own_regime__that_is_wrong_is_configuration(night: Night, own: str, said: str) -> None:
    result = night.run("--revise", *night.configure(own))
    assert result.exit_code == 78
    assert said in result.stderr


# -- rates -----------------------------------------------------------------------------------------


def test_rates__of_the_configuration_extend_a_series(fresh: Night) -> None:
    fresh.ledger.csv("open_items", late("I1", document_date="2026-12-01", due_date="2026-12-31"))
    own = (
        "[[interest.rates]]\nseries = 'ecb_main_refinancing_rate'\n"
        "effective_date = 2027-01-01\nrate_percent = '2.90'\nsource = 'ECB'\n"
    )
    fresh.publish(*fresh.configure(own), as_of="2027-01-31")
    amounts = fresh.rows("items", "penalty_interest", as_of="2027-01-31")
    assert [str(amount) for amount in amounts] == ["109.560"]  # 31 days of 12.90 %
    assert "2027-06-30" in str(fresh.manifest("2027-01-31")["rate_series"])


def test_rates__that_contradict_each_other_name_file_row_and_both_values(night: Night) -> None:
    night.ledger.csv(
        "reference_rates", rate("own", "2026-01-01", "1.5"), file="reference_rates/a.csv"
    )
    night.ledger.csv(
        "reference_rates", rate("own", "2026-01-01", "2"), file="reference_rates/b.csv"
    )
    said = night.refused(65, *EVERYTHING)
    assert "series own, effective_date 2026-01-01" in said
    assert "1.5 (reference_rates/a.csv, row 1) and 2 (reference_rates/b.csv, row 1)" in said


def test_rates__of_table_and_configuration_that_differ_are_refused(fresh: Night) -> None:
    own = (
        "[[interest.rates]]\nseries = 'dk_morarente_rate'\n"
        "effective_date = 2026-07-01\nrate_percent = '{}'\n"
    )
    fresh.ledger.csv("reference_rates", rate("dk_morarente_rate", "2026-07-01", "9.80"))
    said = fresh.refused(65, *fresh.configure(own.format("9.75")))
    assert "9.75 (interest.rates) and 9.80 (reference_rates.csv, row 1)" in said
    fresh.publish(*fresh.configure(own.format("9.8")))


def test_rates__that_are_missing_are_counted_over_the_whole_run(night: Night) -> None:
    companies = [
        row("companies", company_code="1000", country="FR"),
        row("companies", company_code="2000", country="DK"),
    ]
    night.ledger.csv("companies", *companies)
    old = {"company_code": "2000", "due_date": "2026-05-31"}
    # Files are units of their own: 3 Danish items need 2026-H2, one of them nothing later.
    night.ledger.csv("open_items", late("D1", **old), late("F1"), file="open_items/a.csv")
    night.ledger.csv("open_items", late("D2", **old), late("F2"), file="open_items/b.csv")
    paid = late("D3", **old)
    night.ledger.csv("open_items", paid, late("F3", due_date="2027-09-01"), file="open_items/c.csv")
    night.ledger.csv("allocations", allocation("D3", amount="10000.00", value_date="2026-08-01"))
    krone = row("fx_rates", from_currency="DKK", rate_date="2027-01-30", rate="0.13")
    night.ledger.csv("fx_rates", krone)
    said = night.refused(66, as_of="2027-01-31")
    assert "rate series dk_morarente_rate has no value for 2026-H2, which 3 items need" in said
    assert "rate series dk_morarente_rate has no value for 2027-H1, which 2 items need" in said
    assert "ecb_main_refinancing_rate has no value for 2027-H1, which 2 items need" in said
    assert "dk_morarente_rate known to 2026-06-30" in said
    assert "append the rate of 2026-H2, 2027-H1 to the table reference_rates" in said


# -- items that no figure can hold -----------------------------------------------------------------


def test_amount_too_large_once_converted__names_file_row_and_shape_of_the_item(
    night: Night,
) -> None:
    night.ledger.csv("open_items", item("A-1"), file="open_items/a.csv")
    large = item("B-22", currency="GBP", amount="900000000000000.00")
    night.ledger.csv("open_items", item("A-2"), large, file="open_items/b.csv")
    night.ledger.csv("fx_rates", row("fx_rates", from_currency="GBP", rate="2"))
    said = night.refused(65)
    assert "converted from GBP to EUR" in said
    assert "open_items, open_items/b.csv, row 2, item_id A-99" in said
    assert "900000000000000" not in said
    assert "B-22" not in said


def test_commitment_too_large_once_converted__names_file_and_row(night: Night) -> None:
    large = {"currency": "GBP", "amount": "900000000000000.00"}
    commitments = [
        row("commitments", commitment_id="K1"),
        row("commitments", commitment_id="K2", **large),
    ]
    night.ledger.csv("commitments", *commitments)
    night.ledger.csv("fx_rates", row("fx_rates", from_currency="GBP", rate="2"))
    assert "commitments, commitments.csv, row 2, commitment_id A9" in night.refused(65)


def test_allocations_too_large__name_file_row_and_shape_of_the_item(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"), item("I22"))
    most = [allocation("I22", amount=f"-{9 * 10**14}.00") for _ in range(9)]
    night.ledger.csv("allocations", *most)
    said = night.refused(65)
    assert "the allocations of an item add up to more than money can hold" in said
    assert "open_items, open_items.csv, row 2, item_id A99" in said


def test_interest_too_large__names_file_row_and_shape_of_the_item(night: Night) -> None:
    own = night.configure('[interest.regimes.HOUSE]\nbased_on = "FR"\ncontractual_rate = 2000\n')
    huge = item("X-1", amount="999999999999999.99", interest_regime="HOUSE", due_date="2020-01-01")
    night.ledger.csv("open_items", item("I1"), huge)
    said = night.refused(65, *own)
    assert "the interest of an item is larger than money can hold" in said
    assert "open_items, open_items.csv, row 2, item_id A-9" in said


# -- which regime, and which lump sum --------------------------------------------------------------


def test_regime__is_the_item_s_then_the_customer_s_then_the_public_buyer_s_then_the_law_s(
    fresh: Night,
) -> None:
    fresh.ledger.csv(
        "companies",
        row("companies", company_code="1000", country="FR"),
        row("companies", company_code="2000", country="US"),
    )
    fresh.ledger.csv(
        "customers",
        row("customers", customer_id="C1", country="DE"),
        row("customers", customer_id="TOWN", country="FR", public_buyer="true"),
        row("customers", customer_id="CITY", country="DE", public_buyer="true"),
        row(
            "customers",
            customer_id="FRAME",
            country="FR",
            public_buyer="true",
            interest_regime="AT_business",
        ),
    )
    fresh.ledger.csv(
        "open_items",
        late("creditor"),
        late("no law", company_code="2000"),
        late("public", customer_id="TOWN"),
        late("public elsewhere", customer_id="CITY"),
        late("contract", customer_id="FRAME"),
        late("item", customer_id="FRAME", interest_regime="BE_business"),
    )
    fresh.publish()
    assert interest(fresh, "interest_regime") == [
        ("creditor", "FR_business"),
        ("no law", "NONE"),
        ("public", "FR_public"),
        ("public elsewhere", "FR_business"),
        ("contract", "AT_business"),
        ("item", "BE_business"),
    ]
    fresh.publish("--revise", *fresh.configure('[interest]\nregime_by = "debtor"\n'))
    by_debtor = {found[0]: found[1] for found in interest(fresh, "interest_regime")}
    assert (by_debtor["creditor"], by_debtor["public"]) == ("DE_business", "FR_public")
    assert by_debtor["no law"] == "DE_business"


def test_lump_sum__is_due_once_per_document_or_per_due_date(fresh: Night) -> None:
    fresh.ledger.csv(
        "companies",
        row("companies", company_code="1000", country="FR"),
        row("companies", company_code="2000", country="DE"),
    )
    lines = [
        late(f"{company}-{due}", company_code=company, document_number="D1", due_date=due)
        for company in ("1000", "2000")
        for due in ("2026-07-31", "2026-08-31")
    ]
    fresh.ledger.csv("open_items", *lines)
    fresh.publish()
    assert interest(fresh, "fixed_indemnity") == [
        ("1000-2026-07-31", "40.000"),
        ("1000-2026-08-31", "0.000"),
        ("2000-2026-07-31", "40.000"),
        ("2000-2026-08-31", "40.000"),
    ]
