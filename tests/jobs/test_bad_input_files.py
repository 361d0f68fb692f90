"""Ledgers that cannot be read: one status, one line that says what to do, and nothing published."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from tests.jobs.ledgers import Night, allocation, arrow_table, csv_text, item, items, row

CUSTOMER = row("customers", customer_id="C1")

# -- tables and columns that are not there ---------------------------------------------------------


def test_run__without_a_required_table_names_it(night: Night) -> None:
    night.ledger.csv("customers", CUSTOMER)
    said = night.call_refused(66, "run", "--revise")
    assert "the required table open_items is missing" in said
    assert str(night.ledger.directory) in said
    assert "open_items.parquet" in said


@pytest.mark.parametrize("near", ["open_item.csv", "openitems.parquet", "open-items.csv.gz"])
def test_run__without_a_required_table_names_the_nearest_file(night: Night, near: str) -> None:
    night.ledger.csv("customers", CUSTOMER)
    night.ledger.text(near, "item_id\n")
    said = night.call_refused(66, "run", "--revise")
    assert "the required table open_items is missing" in said
    assert f"rename {near}" in said


def test_run__without_customers_is_refused(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"))
    assert "required table customers is missing" in night.call_refused(66, "run", "--revise")


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_run__without_a_required_column_names_the_nearest(night: Night, form: str) -> None:
    rows = [{("amout" if name == "amount" else name): v for name, v in item("I1").items()}]
    getattr(night.ledger, form)("open_items", *rows)
    said = night.refused(66)
    assert "table open_items lacks the required column amount" in said
    assert f"open_items.{form}" in said
    assert "rename amout to amount" in said


def test_run__without_a_required_column_in_one_of_the_files_names_the_file(night: Night) -> None:
    whole = item("I2")
    night.ledger.csv("open_items", item("I1"), file="open_items/a.csv")
    night.ledger.csv(
        "open_items",
        {name: value for name, value in whole.items() if name != "currency"},
        file="open_items/b.csv",
    )
    said = night.refused(66)
    assert "lacks the required column currency: open_items/b.csv" in said


@pytest.mark.parametrize("table", ["allocations", "commitments", "fx_rates", "credit_limits"])
def test_run__of_an_optional_table_needs_its_required_columns(night: Night, table: str) -> None:
    night.ledger.text(f"{table}.csv", "currency,policy,clearing_id,rate_date\n")
    said = night.refused(66)
    assert f"table {table} lacks the required column" in said
    assert f"{table}.csv" in said


def test_run__of_a_file_without_header_says_so(night: Night) -> None:
    night.ledger.text("customers.csv", "C1,FR\nC2,DE\n")
    said = night.refused(65)
    assert "the first row of a CSV file is not a header: customers.csv" in said


def test_run__of_a_missing_ledger_says_so(night: Night) -> None:
    said = night.call_refused(66, "run", "--revise")
    assert f"the ledger directory does not exist: {night.ledger.directory}" in said
    assert "check --ledger" in said


def test_run__of_a_file_as_ledger_says_so(night: Night) -> None:
    night.ledger.directory.write_text("item_id\n", encoding="utf-8")
    assert "a file, not a directory" in night.call_refused(66, "run", "--revise")


def test_run__of_a_table_in_two_forms_is_refused(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"))
    night.ledger.parquet("open_items", item("I2"))
    said = night.refused(65)
    assert "table open_items is there twice" in said
    assert "open_items.csv and open_items.parquet" in said


def test_run__of_one_file_under_two_names_is_refused(night: Night) -> None:
    for file in ("open_items/a.csv", "open_items/b.csv"):
        night.ledger.csv("open_items", item("I1"), file=file)
    said = night.refused(65)
    assert "the same file is there twice: open_items/a.csv and open_items/b.csv" in said


def test_run__of_a_link_in_the_ledger_is_refused(night: Night, tmp_path: Path) -> None:
    night.ledger.csv("open_items", item("I1"))
    elsewhere = tmp_path / "elsewhere.csv"
    (night.ledger.directory / "open_items.csv").rename(elsewhere)
    (night.ledger.directory / "open_items.csv").symlink_to(elsewhere)
    assert "open_items.csv is not a regular file" in night.refused(65)


# -- broken Parquet --------------------------------------------------------------------------------


def sound_parquet(night: Night) -> bytes:
    """Give the bytes of a Parquet file of open items, with page checksums."""
    path = night.ledger.parquet("open_items", *items(200))
    return path.read_bytes()


def flipped(data: bytes, position: int) -> bytes:
    """Turn one bit over."""
    return data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda data: b"", id="zero bytes"),
        pytest.param(lambda data: data[:-1], id="last byte gone"),
        pytest.param(lambda data: data[: len(data) // 2], id="cut in half"),
        pytest.param(lambda data: data[:4], id="four bytes left"),
        pytest.param(lambda data: flipped(data, 0), id="bit in the first mark"),
        pytest.param(lambda data: flipped(data, 200), id="bit in a page"),
        pytest.param(lambda data: flipped(data, len(data) // 3), id="bit in a later page"),
        pytest.param(lambda data: flipped(data, len(data) - 6), id="bit in the footer's length"),
        pytest.param(lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1", id="forged footer"),
        pytest.param(lambda data: data[:4] + data[4:][::-1], id="bytes in reverse"),
        pytest.param(lambda data: b"item_id,amount\nI1,1\n", id="CSV by the name of Parquet"),
    ],
)
def test_run__of_broken_parquet_names_the_file(
    night: Night, spoil: Callable[[bytes], bytes]
) -> None:
    data = spoil(sound_parquet(night))
    night.ledger.text("open_items.parquet", data)
    said = night.refused(65)
    assert "a file is broken: open_items.parquet" in said
    assert "deliver it again" in said


def test_run__of_parquet_with_a_flipped_bit_anywhere_never_fails_unexpectedly(
    night: Night,
) -> None:
    data = sound_parquet(night)
    footer = int.from_bytes(data[-8:-4], "little")
    for position in range(len(data) - 8 - footer, len(data) - 8, max(footer // 12, 1)):
        night.ledger.text("open_items.parquet", flipped(data, position))
        result = night.call("run", "--revise", "--max-rejected", "0")
        # A bit in a statistic or a description changes no value: such a run may be published.
        assert result.exit_code in {0, 65, 66}, (position, result.stderr)


# -- broken CSV ------------------------------------------------------------------------------------


def test_run__of_an_empty_csv_file_names_it(night: Night) -> None:
    night.ledger.text("open_items.csv", b"")
    said = night.refused(65)
    assert "a file is broken: open_items.csv" in said
    assert "not even a header" in said


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.zst"])
def test_run__of_cut_compression_names_the_file(night: Night, suffix: str) -> None:
    lines = csv_text("open_items", items(500))
    path = night.ledger.text(f"open_items.{suffix}", lines)
    path.write_bytes(path.read_bytes()[:-12])
    said = night.refused(65)
    assert f"a file is broken: open_items.{suffix}" in said


def test_run__of_an_unclosed_quote_names_the_row(night: Night) -> None:
    lines = csv_text("open_items", items(5)).splitlines()
    lines[3] = lines[3].replace("I3", '"I3')
    night.ledger.text("open_items.csv", "\n".join([*lines, ""]))
    said = night.refused(65)
    assert "a quoted field is not closed: open_items.csv, row 3" in said
    assert "RFC 4180" in said


def test_run__of_lines_that_end_with_a_carriage_return_alone_is_refused(night: Night) -> None:
    text = csv_text("open_items", items(3))
    night.ledger.text("open_items.csv", text.replace("\n", "\r"))
    said = night.refused(65)
    assert "lines end with a carriage return alone: open_items.csv" in said
    assert "convert the line ends" in said


@pytest.mark.parametrize("suffix", ["csv", "csv.gz"])
def test_run__of_another_format_by_the_name_of_csv_says_what_it_is(
    night: Night, suffix: str
) -> None:
    night.ledger.text(f"open_items.{suffix}", b"PK\x03\x04" + bytes(60))
    said = night.refused(65)
    assert f"a file is broken: open_items.{suffix}" in said
    assert "zip archive or a spreadsheet" in said


def test_run__of_utf_16_without_saying_so_tells_how_to_declare_it(night: Night) -> None:
    night.ledger.text("open_items.csv", csv_text("open_items", items(2)).encode("utf-16"))
    said = night.refused(65)
    assert "not in the declared encoding: open_items.csv" in said
    assert '[input.tables.open_items] encoding = "utf-16"' in said


def test_run__of_a_column_twice_is_refused(night: Night) -> None:
    text = csv_text("open_items", [item("I1")]).replace("due_date", "amount")
    night.ledger.text("open_items.csv", text)
    said = night.refused(65)
    assert "a column name occurs twice: open_items.csv; found amount" in said


# -- types that would lose something ---------------------------------------------------------------


def test_run__of_float_money_is_refused_and_tells_how_to_declare_it(night: Night) -> None:
    night.ledger.parquet("open_items", *items(3), amount=pa.float64())
    said = night.refused(65)
    assert "column amount of table open_items has a type that is not accepted" in said
    assert "open_items.parquet; found double" in said
    assert "[input.tables.open_items.float_decimals] amount = 2" in said


@pytest.mark.parametrize(
    ("column", "type_", "found"),
    [
        ("due_date", pa.timestamp("us", "Europe/Paris"), "timestamp[us, tz=Europe/Paris]"),
        ("item_id", pa.int64(), "int64"),
        ("customer_id", pa.int32(), "int32"),
        ("amount", pa.string(), "string"),
        ("due_date", pa.string(), "string"),
    ],
)
def test_run__of_a_type_that_loses_something_is_refused(
    night: Night, column: str, type_: pa.DataType, found: str
) -> None:
    table = arrow_table("open_items", [item("1", customer_id="7", due_date="2026-09-30")])
    position = table.column_names.index(column)
    night.ledger.arrow(
        table.set_column(position, column, table.column(column).cast(type_)), "open_items.parquet"
    )
    said = night.refused(65)
    assert f"column {column} of table open_items has a type that is not accepted" in said
    assert f"found {found}" in said


# -- rates and countries ---------------------------------------------------------------------------


def test_run__without_an_exchange_rate_names_the_pair(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"), item("I2", currency="USD"))
    said = night.refused(66)
    assert "no exchange rate from USD to EUR" in said
    assert "fx_rates, as of 2026-10-31" in said


def test_run__with_a_stale_exchange_rate_names_pair_and_day(night: Night) -> None:
    night.ledger.csv("open_items", item("I1", currency="USD"))
    night.ledger.csv(
        "fx_rates",
        row("fx_rates", from_currency="USD", rate_date="2026-10-20", rate="0.9"),
        row("fx_rates", from_currency="USD", rate_date="2026-11-01", rate="0.9"),
    )
    said = night.refused(66)
    assert "no exchange rate from USD to EUR" in said
    assert "USD to EUR of 2026-10-20" in said
    assert "at most 10 days old" in said


def test_run__with_a_rate_of_the_last_day_that_counts_publishes(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1", currency="USD"))
    fresh.ledger.csv(
        "fx_rates", row("fx_rates", from_currency="USD", rate_date="2026-10-21", rate="0.9")
    )
    fresh.publish()
    assert [str(value) for value in fresh.rows("items", "open_amount_rc")] == ["90.000"]


def test_run__without_an_exchange_rate_for_a_commitment_names_the_pair(night: Night) -> None:
    night.ledger.csv("commitments", row("commitments", commitment_id="K1", currency="JPY"))
    assert "no exchange rate from JPY to EUR" in night.refused(66)


def test_run__beyond_a_rate_series_names_series_and_half_year(night: Night) -> None:
    said = night.refused(66, as_of="2027-03-01")
    assert "rate series ecb_main_refinancing_rate has no value for 2027-H1" in said
    assert "known to 2026-12-31" in said
    assert "append the rate of 2027-H1 to the table reference_rates" in said


def test_run__beyond_a_rate_series_publishes_with_the_users_rate(fresh: Night) -> None:
    fresh.ledger.csv(
        "reference_rates",
        row(
            "reference_rates",
            series="ecb_main_refinancing_rate",
            effective_date="2027-01-01",
            rate_percent="2.15",
            source="test",
        ),
    )
    fresh.publish(as_of="2027-03-01")
    assert fresh.rows("items", "interest_to", as_of="2027-03-01")[0].isoformat() == "2027-03-01"


def test_run__beyond_a_rate_series_without_late_items_publishes(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1", due_date="2027-06-30"))
    fresh.publish(as_of="2027-03-01")
    assert fresh.rows("items", "no_interest_reason", as_of="2027-03-01") == ["not_late"]


def test_run__of_a_company_without_country_names_it_and_the_cure(night: Night) -> None:
    night.ledger.csv("open_items", item("I1"), item("I2", company_code="2000"))
    said = night.refused(66)
    assert "company code 2000 has no country" in said
    assert "table companies" in said
    assert '[defaults] creditor_country = "FR"' in said


def test_run__of_a_company_that_only_commitments_name_needs_its_country(night: Night) -> None:
    night.ledger.csv("commitments", row("commitments", commitment_id="K1", company_code="2000"))
    assert "company code 2000 has no country" in night.refused(66)


def test_run__of_a_bad_row_needs_no_country_for_its_company(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I1"), item("I2", company_code="2000", amount="?"))
    fresh.publish("--max-rejected", "1")
    assert fresh.rows("quarantine", "row_number", "reason") == [(2, "wrong_type")]


def test_run__of_a_company_whose_row_is_bad_keeps_the_quarantine(night: Night) -> None:
    night.ledger.csv("companies", row("companies", company_code="1000", country="ZZ"))
    said = night.refused(66, "--max-rejected", "1")
    assert "company code 1000 has no country" in said
    assert [one["reason"] for one in night.rejected()] == ["unknown_country"]


def test_run__takes_the_country_of_an_unlisted_company_from_the_defaults(fresh: Night) -> None:
    fresh.ledger.csv("open_items", item("I2", company_code="2000"))
    fresh.publish(*fresh.configure('defaults.creditor_country = "DE"'))
    assert fresh.rows("items", "interest_regime") == ["DE_business"]


@pytest.mark.parametrize("country", ["CZ", "HU", "NO"])
def test_run__of_a_country_whose_law_is_not_on_file_names_it(night: Night, country: str) -> None:
    night.ledger.csv("companies", row("companies", company_code="1000", country=country))
    said = night.refused(66)
    assert country in said
    assert "regime" in said


def test_run__of_a_country_without_such_a_law_publishes_without_interest(fresh: Night) -> None:
    fresh.ledger.csv("companies", row("companies", company_code="1000", country="US"))
    fresh.publish()
    assert fresh.rows("items", "interest_regime", "no_interest_reason") == [("NONE", "no_regime")]


# -- amounts that are right one by one and too large together --------------------------------------

MOST = "999999999999999.99"


def large_item(night: Night) -> None:
    night.ledger.csv("open_items", item("I1", amount=MOST, due_date="2026-08-01"))
    night.ledger.csv(
        "fx_rates", row("fx_rates", from_currency="EUR", to_currency="IDR", rate="20000")
    )


def large_allocations(night: Night) -> None:
    returned = [allocation("I1", kind="return", amount=f"-{MOST}") for _ in range(20)]
    night.ledger.csv("allocations", *returned)


def large_commitment(night: Night) -> None:
    net = row("commitments", commitment_id="K1", amount=MOST, tax_percent="20")
    night.ledger.csv("commitments", net)


def large_interest(night: Night) -> None:
    old = item("I1", amount=MOST, document_date="1999-02-01", due_date="1999-03-01")
    night.ledger.csv("open_items", old)


def large_together(night: Night) -> None:
    night.ledger.csv("open_items", item("I1", amount=MOST), item("I2", amount=MOST))


@pytest.mark.parametrize(
    ("write", "status", "says"),
    [
        (large_item, 65, "EUR to IDR"),
        (large_allocations, 65, "allocations of an item add up to more than money can hold"),
        (large_commitment, 65, "table commitments, column amount"),
        (large_interest, 65, "the interest of an item is larger than money can hold"),
        (large_together, 65, "table credit_accounts, column receivables"),
    ],
)
def test_overflow__is_an_error_and_never_wraps(
    night: Night, write: Callable[[Night], None], status: int, says: str
) -> None:
    write(night)
    others = ("--reporting-currency", "IDR") if write is large_item else ()
    said = night.refused(status, *others)
    assert says in said
    assert MOST not in said


# -- what stands on the command line and in the configuration --------------------------------------


@pytest.mark.parametrize(
    ("as_of", "problem"),
    [
        ("2026-02-30", "is no day of the calendar"),
        ("31/10/2026", "is not written as YYYY-MM-DD"),
        ("9999-12-31", "lies outside 1900-01-01 to 2999-12-31"),
    ],
)
def test_run__with_a_malformed_as_of_date_is_wrong_usage(
    night: Night, as_of: str, problem: str
) -> None:
    night.ledger.complete()
    assert problem in night.call_refused(2, "run", "--revise", as_of=as_of)


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[ageing]\nbound = [30]", "ageing.bound", "ageing.bounds"),
        ("[interrest]\ngrace_days = 1", "interrest", "interest"),
        ("[input]\nmax_reject = 0.1", "input.max_reject", "input.max_rejected"),
        ("grace_days = 3", "grace_days", "interest.grace_days"),
    ],
)
def test_run__with_an_unknown_key_names_the_nearest(
    night: Night, text: str, key: str, near: str
) -> None:
    said = night.refused(78, *night.configure(text))
    assert "unknown key" in said
    assert f"key {key}" in said
    assert f"did you mean {near}?" in said


def test_run__with_a_wrong_value_in_the_configuration_says_what_was_expected(night: Night) -> None:
    said = night.refused(78, *night.configure('[interest]\nregime_by = "credtor"'))
    assert "interest.regime_by" in said
    assert "did you mean `creditor`?" in said


def test_run__with_an_unknown_reporting_currency_is_a_wrong_configuration(night: Night) -> None:
    assert "not an ISO 4217 currency" in night.refused(78, "--reporting-currency", "EUX")


def test_run__with_a_carried_column_that_no_table_has_names_the_nearest(night: Night) -> None:
    night.ledger.csv("open_items", item("I1", sales_area="north"))
    said = night.refused(66, *night.configure('carry = ["sales_aera"]'))
    assert "no table has the column sales_aera" in said
    assert "sales_area, which is near" in said


# -- outputs that cannot be written ----------------------------------------------------------------


def test_run__into_a_file_is_refused(fresh: Night) -> None:
    fresh.out.write_text("mine", encoding="utf-8")
    fresh.ledger.complete()
    said = fresh.call_refused(73, "run")
    assert f"the output is not a directory: {fresh.out}" in said
    assert fresh.out.read_text(encoding="utf-8") == "mine"


def test_run__below_a_file_is_refused(fresh: Night, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    fresh.ledger.complete()
    below = str(tmp_path / "file" / "runs")
    said = fresh.call_refused(73, "run", "--out", below)
    assert below in said
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_run__of_a_date_whose_name_something_else_has_is_refused(fresh: Night) -> None:
    fresh.published().mkdir(parents=True)
    (fresh.published() / "notes.txt").write_text("mine", encoding="utf-8")
    said = fresh.refused(73)
    assert "something else has the name of the run to publish" in said
    assert str(fresh.published()) in said
