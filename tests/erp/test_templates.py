"""Files for ERPs are data: the bundled ones as they are, and further ones from a configuration."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from encours.erp import templates
from encours.erp.changes import CHANGE_SCHEMA
from encours.erp.hold_files import FileHead
from encours.erp.lines import LINE_SCHEMA
from encours.publish.hold_check import check_hold_files
from encours_schemas.configuration import AdapterTemplate, Erp, load_configuration
from encours_schemas.errors import ConfigurationWrong, InputRefused
from tests.erp.nights import FIRST, Ledger, tell

HEAD = FileHead("0123456789abcdef", date(2026, 10, 31), "EUR")
ROWS = [
    # action, customer, segment, name, holds, reasons, exposure, limit, cure
    (
        "BLOCK",
        "4711",
        "1000",
        "Müller; Söhne",
        3,
        "limit_exceeded|overdue_age",
        1234565,
        1000000,
        5,
    ),
    ("CHANGE", "C-0815", "1000", 'The "best"', 1, "insolvency", -500, None, None),
    ("RELEASE", "00042", "2000", None, 0, "", 0, 99994, None),
]


def lines() -> pa.Table:
    columns = list(zip(*ROWS, strict=True))
    action, customer, segment, name, holds, reasons, exposure, limit, cure = columns
    return pa.table(
        {
            "sequence": list(range(1, len(ROWS) + 1)),
            "action": action,
            "customer_id": customer,
            "credit_segment": segment,
            "credit_account_id": customer,
            "customer_name": name,
            "holds": holds,
            "reasons": reasons,
            "exposure": exposure,
            "credit_limit": limit,
            "cure_amount": cure,
        }
    ).cast(CHANGE_SCHEMA)


def written(template: AdapterTemplate, name: str = "file.csv") -> str:
    chosen = templates.lines_of(template, lines().select(LINE_SCHEMA.names), lines())
    return b"".join(templates.render(name, template, chosen, HEAD)).decode()


def test_bundled__are_these() -> None:
    names = templates.bundled_names()
    assert names == ("csv", "json_lines", "sap_credit_control_area", "sap_credit_segment")
    found = templates.chosen_adapters(Erp(files=names))
    assert sorted(found) == [
        "changes_generic.csv",
        "hold_changes.jsonl",
        "sap_credit_control_area.csv",
        "sap_credit_segment.csv",
    ]


def test_sap_credit_control_area__has_keys_and_dates_as_sap_writes_them() -> None:
    text = written(templates.load_bundled("sap_credit_control_area"))
    assert text.splitlines() == [
        "KUNNR;KKBER;CRBLB;KLIMK;SKFOR;WAERS;DATUM;MSGFN;GRUND;LAUF;LFDNR",
        (
            "0000004711;1000;X;1000.00;1234.57;EUR;20261031;004;limit_exceeded|overdue_age;"
            "0123456789abcdef;000001"
        ),
        "C-0815;1000;X;;-0.50;EUR;20261031;004;insolvency;0123456789abcdef;000002",
        "0000000042;2000;;99.99;0.00;EUR;20261031;004;;0123456789abcdef;000003",
    ]


def test_sap_credit_segment__has_a_reason_as_long_as_it_blocks() -> None:
    rows = list(csv.DictReader(
        io.StringIO(written(templates.load_bundled("sap_credit_segment"))), delimiter=";"
    ))  # fmt: skip
    assert [(row["PARTNER"], row["XBLOCKED"], row["BLOCK_REASON"]) for row in rows] == [
        ("0000004711", "X", "01"), ("C-0815", "X", "01"), ("0000000042", "", ""),
    ]  # fmt: skip


def test_json_lines__hold_exact_amounts_and_real_flags() -> None:
    found = [json.loads(line) for line in
             written(templates.load_bundled("json_lines")).splitlines()]  # fmt: skip
    assert found[0]["hold_deliveries"] is True
    assert found[1] | {"run_id": ""} == {
        "sequence": 2, "action": "CHANGE", "customer_id": "C-0815", "credit_segment": "1000",
        "credit_account_id": "C-0815", "hold_orders": True, "hold_deliveries": False,
        "hold_production": False, "reasons": "insolvency", "exposure": "-0.500",
        "credit_limit": None, "cure_amount": None, "currency": "EUR", "as_of": "2026-10-31",
        "run_id": "",
    }  # fmt: skip


def test_csv__names_every_field() -> None:
    rows = list(csv.DictReader(io.StringIO(written(templates.load_bundled("csv")))))
    assert [row["customer"] for row in rows] == ["4711", "C-0815", "00042"]
    assert rows[2]["reasons"] == ""


THIRD = """
[erp]
files = ["sap_credit_control_area", "dynamics"]

[erp.adapters.dynamics]
meaning = "Dynamics 365: hold status of a customer"
file = "CustCustomerV3Entity.csv"
actions = ["BLOCK", "RELEASE"]
separator = "|"
quoting = "all"
line_end = "\\r\\n"

[[erp.adapters.dynamics.columns]]
name = "CUSTOMERACCOUNT"
value = "customer_id"
longest = 20

[[erp.adapters.dynamics.columns]]
name = "DATAAREAID"
value = "credit_segment"
map = { ALL = "USMF" }
unmapped = "refuse"

[[erp.adapters.dynamics.columns]]
name = "ONHOLDSTATUS"
value = "hold_any"
map = { Y = "All", N = "No" }

[[erp.adapters.dynamics.columns]]
name = "CREDITLIMIT"
value = "credit_limit"
decimals = 0
empty = "0"

[[erp.adapters.dynamics.columns]]
name = "NOTE"
value = "as_of"
date_format = "%d.%m.%Y"
prefix = "credit check "
"""


def test_third_adapter__needs_no_code(tmp_path: Path, output: Path) -> None:
    (tmp_path / "encours.toml").write_text(THIRD, encoding="utf-8")
    settings = load_configuration(tmp_path / "encours.toml", {}, {}).configuration.erp
    key, other = ("A", "ALL"), ("B", "ALL")
    tell(output, FIRST, Ledger({key: 1}, (other,)), settings=settings)
    run = tell(output, FIRST.replace(day=2), Ledger({other: 2}, (key,)), settings=settings)
    text = (run.directory / "erp" / "CustCustomerV3Entity.csv").read_bytes().decode()
    assert text == (
        '"CUSTOMERACCOUNT"|"DATAAREAID"|"ONHOLDSTATUS"|"CREDITLIMIT"|"NOTE"\r\n'
        '"A"|"USMF"|"No"|"0"|"credit check 02.10.2026"\r\n'
        '"B"|"USMF"|"All"|"0"|"credit check 02.10.2026"\r\n'
    )
    found = check_hold_files(run.directory / "erp")
    assert found.problems == ()
    assert {"CustCustomerV3Entity.csv", "sap_credit_control_area.csv"} <= set(found.checked)


def one_column(**facts: object) -> AdapterTemplate:
    column = {"name": "X", "value": "customer_id", **facts}
    return AdapterTemplate.model_validate({"columns": [column], "quoting": "none"})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"longest": 5}, "at most 5 characters"),
        ({"map": {"4711": "1"}, "unmapped": "refuse"}, "one of the texts in `map`"),
        ({"value": "customer_name"}, "no separator, quote or line end"),
    ],
)
def test_render__refuses_what_it_cannot_write(facts: dict[str, object], expected: str) -> None:
    with pytest.raises(InputRefused, match=expected) as refusal:
        written(one_column(**facts))
    assert refusal.value.exit_status == 65
    for row in ROWS:
        assert row[1] not in str(refusal.value)


def test_chosen_adapters__refuse_unknown_names_and_files_of_two() -> None:
    with pytest.raises(ConfigurationWrong, match="did you mean json_lines") as refusal:
        templates.chosen_adapters(Erp(files=("json_line",)))
    assert refusal.value.exit_status == 78
    own = templates.load_bundled("csv")
    with pytest.raises(ConfigurationWrong, match="same file"):
        templates.chosen_adapters(Erp(files=("csv", "mine"), adapters={"mine": own}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('value = "custmer_id"', "did you mean `customer_id`"),
        ('value = "as_of"\nconstant = "x"', "either value or constant"),
        ("", "either value or constant"),
        ('value = "as_of"\ndate_format = "%y"', "%Y, %m and %d"),
        ('value = "as_of"\nzeropad = 3', "unknown key"),
    ],
)
def test_configuration__refuses_a_column_that_says_nothing(
    tmp_path: Path, text: str, found: str
) -> None:
    (tmp_path / "encours.toml").write_text(f'[[erp.adapters.x.columns]]\nname = "X"\n{text}\n')
    with pytest.raises(ConfigurationWrong, match=found):
        load_configuration(tmp_path / "encours.toml", {}, {})


@pytest.mark.parametrize("name", ["holds.csv", "../x.csv", "a/b", "control.json", ".x"])
def test_configuration__refuses_file_names_of_ours_and_paths(tmp_path: Path, name: str) -> None:
    (tmp_path / "encours.toml").write_text(
        f'[erp.adapters.x]\nfile = "{name}"\ncolumns = [{{ name = "X", value = "as_of" }}]\n'
    )
    with pytest.raises(ConfigurationWrong, match="plain file name"):
        load_configuration(tmp_path / "encours.toml", {}, {})
