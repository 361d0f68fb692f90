"""The registry of tables says what the contract says, table by table and in its order."""

import subprocess
import sys

import pyarrow as pa
import pytest

from encours_schemas import CONTRACT_VERSION, ERP_FILES, INPUT_TABLES, OUTPUT_TABLES
from encours_schemas.reasons import NoInterestReason, Reason
from encours_schemas.tables import Column, Kind, Table

# Written by hand from the contract, not from the registry; `!` marks a required column.
INPUT_COLUMNS = {
    "open_items": (
        "item_id! company_code! customer_id! document_type! document_number document_date! "
        "posting_date delivery_date baseline_date due_date original_due_date payment_terms "
        "currency! amount! tax_amount open_amount order_id disputed disputed_amount "
        "disputed_from disputed_to dispute_reason financing interest_regime interest_billed_to "
        "interest_billed_amount indemnity_billed_amount"
    ),
    "allocations": (
        "allocation_id item_id! value_date! posting_date currency amount! kind clearing_id"
    ),
    "commitments": (
        "commitment_id! order_id company_code! customer_id! kind! currency! amount! tax_percent "
        "prepaid_amount document_date closed_date expected_date payment_terms"
    ),
    "customers": (
        "customer_id! name parent_id credit_account_id country! risk_class segment "
        "account_manager public_buyer consumer intragroup netting_agreement interest_regime "
        "imputation payment_terms insolvency_date insolvency_kind insolvency_published_on "
        "insolvency_ended_on manual_hold"
    ),
    "companies": "company_code! name country! currency credit_segment sector",
    "credit_limits": (
        "limit_id! party_id! scope credit_segment kind! effect amount! unlimited currency! "
        "valid_from! valid_to withdrawn_on policy layer coverage_percent approved_by approved_on"
    ),
    "policies": (
        "policy! insurer insured_percent tax_base max_credit_days max_extension_days "
        "notify_after_days binding_orders_days dispute_grace_days valid_from! valid_to"
    ),
    "default_limits": "risk_class! credit_segment amount! currency!",
    "overrides": (
        "customer_id! credit_segment action! rule valid_from! valid_to max_exposure reason! "
        "decided_by!"
    ),
    "erp_holds": "customer_id! credit_segment hold_kind! origin set_on",
    "fx_rates": "from_currency! to_currency! rate_date! rate!",
    "reference_rates": "series! effective_date! rate_percent! source",
    "ledger_balances": "company_code! currency! customer_id balance!",
    "sales": "company_code! customer_id month! currency! amount_incl_tax! amount_excl_tax",
}
OUTPUT_COLUMNS = {
    "items": (
        "item_id company_code credit_segment customer_id credit_account_id document_type "
        "document_number document_date due_date currency amount open_amount open_amount_rc "
        "disputed_amount days_past_due bucket settled_on interest_regime interest_from "
        "interest_to interest_days penalty_interest penalty_interest_rc interest_suspended "
        "interest_unbilled fixed_indemnity fixed_indemnity_currency fixed_indemnity_rc "
        "indemnity_unbilled no_interest_reason insured_covered_rc warnings"
    ),
    "credit_accounts": (
        "credit_account_id credit_segment customer_name country risk_class segment "
        "account_manager group_id receivables bills_of_exchange financed_with_recourse "
        "deliveries_not_invoiced production open_orders orders_beyond_horizon credit_notes "
        "unapplied_payments down_payments credit_balance exposure insured_covered guarantees "
        "secured unsecured internal_limit temporary_limit insured_limit credit_limit "
        "limit_status available available_to_sell utilisation overdue overdue_net "
        "disputed_amount oldest_due_date max_days_past_due penalty_interest interest_unbilled "
        "fixed_indemnity item_count hold_orders hold_deliveries hold_production worst_severity "
        "cure_amount"
    ),
    "groups": (
        "group_id depth member_count exposure overdue overdue_net group_limit available "
        "utilisation worst_severity"
    ),
    "ageing": (
        "company_code customer_id currency bucket bucket_position open_amount open_amount_rc "
        "disputed_amount_rc item_count"
    ),
    "interest_periods": (
        "item_id customer_id from_date to_date days principal reference_rate_percent "
        "rate_percent day_count interest currency"
    ),
    "interest_statement": (
        "customer_id company_code item_id document_type document_number document_date due_date "
        "settled_on currency amount open_amount interest_regime articles interest_from interest_to "
        "interest_days penalty_interest interest_billed interest_unbilled indemnity_currency "
        "fixed_indemnity indemnity_billed indemnity_unbilled no_interest_reason"
    ),
    "breaches": (
        "breach_id rule severity scope party_id credit_segment subject measured threshold "
        "excess currency hold_orders hold_deliveries hold_production status first_seen override "
        "message_code message message_values"
    ),
    "order_decisions": (
        "commitment_id order_id customer_id credit_segment kind amount_rc expected_date "
        "decision rule room_after"
    ),
    "outlook": "date credit_account_id credit_segment rule event severity subject amount",
    "hold_differences": "customer_id credit_segment hold_kind difference origin set_on",
    "movements": (
        "credit_account_id credit_segment opening_exposure invoiced orders deliveries cash "
        "credits write_offs fx restated scope closing_exposure"
    ),
    "quarantine": "table file row_number column reason message raw kept",
    "tie_out": "company_code currency customer_id ledger_balance computed_balance difference",
}
ERP_COLUMNS = {
    "erp/holds": (
        "run_id as_of customer_id credit_segment hold_orders hold_deliveries hold_production "
        "reasons exposure credit_limit cure_amount currency"
    ),
    "erp/holds_readable": (
        "run_id as_of customer_id customer_name credit_segment hold_orders hold_deliveries "
        "hold_production reasons exposure credit_limit cure_amount currency"
    ),
    "erp/hold_changes": (
        "sequence action run_id as_of customer_id credit_segment hold_orders hold_deliveries "
        "hold_production reasons exposure credit_limit cure_amount currency"
    ),
}
KINDS = {
    ("open_items", "amount"): pa.decimal128(18, 3),
    ("open_items", "due_date"): pa.date32(),
    ("open_items", "disputed"): pa.bool_(),
    ("policies", "max_credit_days"): pa.int32(),
    ("fx_rates", "rate"): pa.decimal128(38, 18),
    ("reference_rates", "rate_percent"): pa.decimal128(18, 9),
    ("items", "open_amount_rc"): pa.decimal128(18, 3),
    ("items", "days_past_due"): pa.int32(),
    ("items", "bucket"): pa.string(),
    ("credit_accounts", "utilisation"): pa.decimal128(18, 6),
    ("credit_accounts", "item_count"): pa.int64(),
    ("credit_accounts", "oldest_due_date"): pa.date32(),
    ("groups", "depth"): pa.int32(),
    ("groups", "member_count"): pa.int64(),
    ("ageing", "bucket_position"): pa.int32(),
    ("interest_periods", "rate_percent"): pa.decimal128(18, 9),
    ("breaches", "measured"): pa.decimal128(38, 6),
    ("breaches", "threshold"): pa.decimal128(38, 6),
    ("quarantine", "row_number"): pa.int64(),
    ("quarantine", "kept"): pa.bool_(),
}
KEYS = {
    "open_items": "item_id",
    "commitments": "commitment_id",
    "customers": "customer_id",
    "companies": "company_code",
    "credit_limits": "limit_id",
    "items": "item_id",
    "credit_accounts": "credit_segment credit_account_id",
    "groups": "group_id",
    "ageing": "company_code customer_id currency bucket_position",
    "breaches": "breach_id",
    "order_decisions": "commitment_id",
    "movements": "credit_segment credit_account_id",
    "quarantine": "table file row_number",
}
ALL_TABLES = {**INPUT_TABLES, **OUTPUT_TABLES, **ERP_FILES}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (INPUT_TABLES, INPUT_COLUMNS),
        (OUTPUT_TABLES, OUTPUT_COLUMNS),
        (ERP_FILES, ERP_COLUMNS),
    ],
    ids=["input", "output", "erp"],
)
def test_tables__hold_the_columns_of_the_contract_in_its_order(
    tables: dict[str, Table], expected: dict[str, str]
) -> None:
    assert list(tables) == list(expected)
    for name, table in tables.items():
        assert table.name == name
        assert list(table.names) == expected[name].replace("!", "").split()


def test_input_tables__require_what_the_contract_marks() -> None:
    for name, written in INPUT_COLUMNS.items():
        marked = [column.rstrip("!") for column in written.split() if column.endswith("!")]
        required = [column.name for column in INPUT_TABLES[name].columns if column.required]
        assert required == marked, name
    assert [name for name, table in INPUT_TABLES.items() if table.required] == [
        "open_items",
        "customers",
    ]


@pytest.mark.parametrize(("place", "expected"), KINDS.items(), ids=str)
def test_arrow_schema__has_the_types_of_the_contract(
    place: tuple[str, str], expected: pa.DataType
) -> None:
    table, column = place
    assert ALL_TABLES[table].arrow_schema().field(column).type == expected


def test_arrow_schema__follows_the_columns_and_their_nullability() -> None:
    for table in ALL_TABLES.values():
        schema = table.arrow_schema()
        assert tuple(schema.names) == table.names
        assert [not field.nullable for field in schema] == [
            column.required for column in table.columns
        ]


def test_arrow_type__prints_as_its_name() -> None:
    spelled = {"date32[day]": "date32"}
    for kind in Kind:
        printed = str(kind.arrow_type())
        assert spelled.get(printed, printed) == kind.arrow_name


@pytest.mark.parametrize(("name", "key"), KEYS.items())
def test_key__is_that_of_the_contract(name: str, key: str) -> None:
    assert ALL_TABLES[name].key == tuple(key.split())


def test_key__of_a_sorted_output_is_never_null_but_where_the_contract_allows_it() -> None:
    nullable = {
        (table.name, column)
        for table in OUTPUT_TABLES.values()
        for column in table.key
        if not table.column(column).required
    }
    assert nullable == {
        ("tie_out", "customer_id"),
        ("hold_differences", "credit_segment"),
        ("outlook", "credit_segment"),
        ("outlook", "subject"),
    }


def test_sorted_by_key__is_false_for_the_tables_that_follow_the_input() -> None:
    unsorted = [name for name, table in OUTPUT_TABLES.items() if not table.sorted_by_key]
    assert unsorted == ["items", "interest_periods", "interest_statement"]


def test_columns__say_what_they_mean() -> None:
    for table in ALL_TABLES.values():
        assert table.meaning.endswith(".")
        for column in table.columns:
            assert column.meaning.endswith("."), (table.name, column.name)


def test_money_columns__name_their_currency() -> None:
    for table in ALL_TABLES.values():
        for column in table.columns:
            if column.kind is Kind.MONEY:
                assert column.unit, (table.name, column.name)


def test_input_tables__of_optional_lists_name_a_default_of_the_list_or_none() -> None:
    for table in INPUT_TABLES.values():
        for column in table.columns:
            if column.allowed and column.default:
                assert column.default.strip("`") in column.allowed, (table.name, column.name)


def test_allowed__are_the_codes_of_the_registry() -> None:
    items, quarantine = OUTPUT_TABLES["items"], OUTPUT_TABLES["quarantine"]
    assert items.column("no_interest_reason").allowed == tuple(NoInterestReason)
    assert quarantine.column("reason").allowed == tuple(Reason)


def test_column__names_the_nearest_one_for_an_unknown_name() -> None:
    with pytest.raises(KeyError, match="no column itemid; did you mean item_id"):
        INPUT_TABLES["open_items"].column("itemid")


def test_table__refuses_a_column_named_twice() -> None:
    column = Column("a", Kind.TEXT)
    with pytest.raises(ValueError, match="twice"):
        Table("t", "Meaning.", (column, column))


def test_table__refuses_a_key_that_it_does_not_contain() -> None:
    with pytest.raises(ValueError, match="key"):
        Table("t", "Meaning.", (Column("a", Kind.TEXT),), key=("b",))


def test_contract_version__is_one() -> None:
    assert CONTRACT_VERSION == 1


def test_package__loads_alone_and_without_heavy_libraries() -> None:
    program = (
        "import sys, encours_schemas, encours_schemas.errors, encours_schemas.render\n"
        "heavy = {'pydantic', 'pyarrow', 'numpy', 'polars', 'numba', 'encours', 'encours_jobs'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
