"""Foreign extracts opened through layouts: forms of files, rules, and what is refused where."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encours.ledger.checking import check_columns
from encours.ledger.quarantine import findings_of
from encours.ledger.sources import Ledger, open_ledger
from encours_schemas import INPUT_TABLES
from encours_schemas.configuration import Configuration
from encours_schemas.errors import InputMissing, InputRefused

LAYOUT = """
layout = 1
name = "mine"
[maps.kinds]
RV = "invoice"
DG = "credit_note"
[sources.items]
files = ["items*"]
SAID
[sources.items.fields]
id = "text"
name = "text"
kind = { type = "text", optional = true }
day = "date"
net = "amount"
[[tables.open_items]]
from = "items"
[tables.open_items.columns]
item_id = "id"
company_code = "'A'"
customer_id = "name"
document_type = "map(first(kind, 'RV'), 'kinds')"
document_date = "day"
due_date = "day + 30"
currency = "'EUR'"
amount = "net"
[[tables.customers]]
from = "items"
distinct = ["customer_id"]
[tables.customers.columns]
customer_id = "name"
country = "'FR'"
"""
HEADER = "id;name;day;net"
LINES = ["I1;Müller & Söhne;31.01.2026;1.234,50", "I2;Œuvre à 5 €;28.02.2026;-0,10"]
SAID = """
separator = ";"
decimal_mark = ","
thousands_separator = "."
date_format = "DD.MM.YYYY"
"""


@dataclass
class Extract:
    """A directory with an extract and a layout of our own."""

    root: Path
    said: str = SAID
    layout: str = LAYOUT

    def write(self, name: str, content: bytes | str) -> Extract:
        path = self.root / "ledger" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def open(self, **settings: Any) -> Ledger:
        layout = self.root / "mine.toml"
        layout.write_text(self.layout.replace("SAID", self.said), encoding="utf-8")
        chosen = {"layouts": [str(layout)], **settings}
        configuration = Configuration.model_validate({"input": chosen})
        number = len(list(self.root.glob("staging*")))
        return open_ledger(
            self.root / "ledger", configuration, self.root / f"staging{number}", 2, unit_rows=64
        )

    def rows(self, table: str = "open_items", **settings: Any) -> list[dict[str, Any]]:
        source = self.open(**settings).tables[table]
        rows = []
        for unit in source.units:
            rows += source.read(unit, source.columns).to_pylist()
        return rows

    def told(self, table: str = "open_items") -> list[str]:
        """Give what would stand in the quarantine: file, row, column, reason, message."""
        source = self.open().tables[table]
        found = []
        for unit in source.units:
            data = source.read(unit, source.columns)
            faults = check_columns(INPUT_TABLES[table], data, source.dialect).faults
            bad = np.flatnonzero(faults.bad)
            causes = [faults.of_row(row) for row in bad.tolist()]
            found += findings_of(source, unit, bad, causes)
        found += source.rejected
        return [
            f"{one.file} {one.row_number} {one.column} {one.reason}: {one.message}" for one in found
        ]


@pytest.fixture
def extract(tmp_path: Path) -> Extract:
    return Extract(tmp_path)


def text(lines: list[str] = LINES, header: str = HEADER, end: str = "\n") -> str:
    return end.join([header, *lines]) + end


def zipped(content: bytes) -> bytes:
    import io

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("items.csv", content)
    return packed.getvalue()


FILES: list[tuple[str, str, Callable[[str], bytes]]] = [
    ("items.csv", "utf-8", lambda it: it.encode()),
    ("items.csv", "utf-8", lambda it: it.encode("utf-8-sig")),
    ("items.txt", "utf-16", lambda it: it.encode("utf-16")),
    ("items.txt", "utf-16-le", lambda it: it.encode("utf-16-le")),
    ("items.csv", "cp1252", lambda it: it.encode("cp1252")),
    ("items.csv", "iso-8859-15", lambda it: it.encode("iso-8859-15")),
    ("ITEMS.CSV", "utf-8", lambda it: it.replace("\n", "\r\n").encode()),
    ("items.csv.gz", "cp1252", lambda it: gzip.compress(it.encode("cp1252"))),
    ("items.csv.zst", "utf-8", lambda it: pa.compress(it.encode(), "zstd", asbytes=True)),
    ("items.csv.zip", "utf-8", lambda it: zipped(it.encode())),
    ("items.zip", "utf-16", lambda it: zipped(it.encode("utf-16"))),
]


@pytest.mark.parametrize(("name", "encoding", "made"), FILES)
def test_files__of_every_encoding_and_packing_say_the_same(
    extract: Extract, name: str, encoding: str, made: Callable[[str], bytes]
) -> None:
    extract.said += f'encoding = "{encoding}"\n'
    extract.write(name, made(text()))
    rows = extract.rows()
    assert [row["customer_id"] for row in rows] == ["Müller & Söhne", "Œuvre à 5 €"]
    assert [str(row["amount"]) for row in rows] == ["1234.500", "-0.100"]
    assert [str(row["due_date"]) for row in rows] == ["2026-03-02", "2026-03-30"]


def test_files__in_another_encoding_are_told(extract: Extract) -> None:
    extract.write("items.csv", text().encode("cp1252"))
    told = extract.told()
    assert [one.split(":")[0] for one in told] == ["items.csv 1  not_text", "items.csv 2  not_text"]
    assert "expected text in utf-8" in told[0]


def test_lines__may_end_with_a_return_alone_where_that_is_declared(extract: Extract) -> None:
    extract.write("items.csv", text(end="\r"))
    with pytest.raises(InputRefused, match="carriage return alone"):
        extract.open()
    extract.said += 'line_ends = "any"\ndrop_nul = true\nskip_lines = 1\n'
    extract.write("items.csv", "Title\r" + text(["I1;A\0B;31.01.2026;1,00"], end="\r"))
    assert [row["customer_id"] for row in extract.rows()] == ["AB"]


def test_separator__is_the_one_of_the_list_that_the_header_fits(extract: Extract) -> None:
    extract.said = extract.said.replace('";"', '["\\t", "|", ";"]')
    for separator in "\t|;":
        extract.write("items.csv", text().replace(";", separator))
        assert len(extract.rows()) == 2
    extract.write("items.csv", text().replace(";", ":"))
    with pytest.raises(InputMissing, match="columns are missing: id, name, day, net"):
        extract.open()


def test_header__may_be_absent_loose_or_have_blank_names(extract: Extract) -> None:
    extract.said += 'header_match = "loose"\n'
    extract.write("items.csv", "ID ; Náme;DAY;Net;\n" + "\n".join(f"{one};" for one in LINES))
    assert len(extract.rows()) == 2
    extract.said += 'header = ["id", "name", "day", "net", "more"]\n'
    extract.write("items.csv", "\n".join(f"{one};" for one in LINES))
    assert len(extract.rows()) == 2


def test_missing_columns__are_named_with_what_is_near(extract: Extract) -> None:
    extract.write("items.csv", text(header="id;nmae;day;Nett"))
    with pytest.raises(InputMissing) as caught:
        extract.open()
    assert "columns are missing: name, net: items.csv" in str(caught.value)
    assert "nmae (for name)" in str(caught.value)


def test_records__with_another_number_of_fields_are_told(extract: Extract) -> None:
    extract.write("items.csv", text([LINES[0], f"{LINES[1]};more", *LINES[1:]]))
    assert extract.told() == [
        "items.csv 2  wrong_field_count: expected 4 fields, found 5",
    ]
    ledger = extract.open()
    assert sum(ledger.tables["open_items"].rows_counted.values()) == 3


def test_values__that_do_not_fit_are_told_with_shape_and_form(extract: Extract) -> None:
    lines = ["I1;A;2026-01-31;1,00", "I2;A;30.02.2026;1,00", "I3;A;01.02.2026;1.00", LINES[0]]
    extract.write("items.csv", text(lines))
    told = extract.told()
    assert [one.partition(":")[0] for one in told] == [
        "items.csv 1 day wrong_type",
        "items.csv 2 day out_of_range",
        "items.csv 3 net wrong_type",
    ]
    assert "found 9999-99-99; expected a date written DD.MM.YYYY" in told[0]
    assert "net (for amount)" in told[2]
    assert "found 9.99; expected a number with the decimal mark ',', groups of three" in told[2]


def test_maps__and_refusals_say_why(extract: Extract) -> None:
    extract.layout = extract.layout.replace(
        'from = "items"\n[tables.open_items.columns]',
        'from = "items"\nrefuse = [{ when = "net > 1000", message = "too good" }]\n'
        "[tables.open_items.columns]",
    )
    extract.write(
        "items.csv",
        text(["XX;I1;A;31.01.2026;1,00", "RV;I2;A;31.01.2026;2.000,00"], "kind;id;name;day;net"),
    )
    told = extract.told()
    assert "not_in_list" in told[0]
    assert "expected one of DG, RV (map kinds)" in told[0]
    assert told[1] == "items.csv 2 item_id refused_by_layout: item_id: too good"


def test_rows__left_out_are_never_quarantined_and_counted(extract: Extract) -> None:
    extract.layout = extract.layout.replace(
        'from = "items"\n[tables.open_items.columns]',
        'from = "items"\nwhere = "name != \'X\'"\n[tables.open_items.columns]',
    )
    extract.write("items.csv", text(["I1;X;never;never", *LINES]))
    assert extract.told() == []
    (layout,) = extract.open().layouts
    (rule, _) = layout.rules
    assert (rule["read"], rule["left_out"], rule["made"]) == (3, 1, 2)


def test_distinct__keeps_the_first_or_last_and_adds_up(extract: Extract) -> None:
    lines = [f"I{n};C{n % 3};{n + 1:02d}.01.2026;{n},00" for n in range(9)]
    extract.write("items1.csv", text(lines[:5])).write("items2.csv", text(lines[5:]))
    assert [row["customer_id"] for row in extract.rows("customers")] == ["C0", "C1", "C2"]
    extract.layout = extract.layout.replace(
        'from = "items"\n[tables.open_items.columns]\nitem_id = "id"',
        'from = "items"\ndistinct = ["customer_id"]\nsum = ["amount"]\nkeep = "last"\n'
        '[tables.open_items.columns]\nitem_id = "id"',
    )
    rows = extract.rows()
    assert [(row["item_id"], str(row["amount"])) for row in rows] == [
        ("I6", "9.000"),
        ("I7", "12.000"),
        ("I8", "15.000"),
    ]


def test_sum__over_a_value_that_cannot_be_read_is_no_sum(extract: Extract) -> None:
    extract.layout = extract.layout.replace(
        'from = "items"\n[tables.open_items.columns]\nitem_id = "id"',
        'from = "items"\ndistinct = ["customer_id"]\nsum = ["amount"]\n'
        '[tables.open_items.columns]\nitem_id = "id"',
    )
    extract.write("items.csv", text(["I1;A;01.01.2026;1,00", "I2;A;01.01.2026;x", *LINES]))
    (told,) = extract.told()
    assert told.startswith("items.csv 1 net wrong_type: net (for amount)")


JSON_ROWS = [
    {
        "id": "I1",
        "name": {"de": "A"},
        "day": "31.01.2026",
        "net": 12345678901234567.25,
        "more": [1],
    },
    {"id": "I2", "name": {"de": "B"}, "day": "31.01.2026", "net": -0.1, "kind": None, "x": True},
]
JSON_FIELDS = (
    'id = "text"\nname = { type = "text", columns = ["name.de"] }',
    'id = "text"\nname = "text"',
)


@pytest.mark.parametrize("form", ["jsonl", "value", "d.results", ""])
def test_json__numbers_stay_their_text(extract: Extract, form: str) -> None:
    # As text, because Python's own writer would make a float of the amount.
    one, two = (json.dumps(row) for row in JSON_ROWS)
    one = one.replace("1.2345678901234568e+16", "123456789012345.25").replace("31.01", "31.01")
    assert "123456789012345.25" in one
    documents = {
        "jsonl": f"{one}\n\n{two}\n",
        "value": f'{{"@odata.context": "a[{{b", "value": [{one}, {two}], "next": {{}}}}',
        "d.results": f'{{"x": {{"results": [1]}}, "d": {{"results": [{one},{two}]}}}}',
        "": f"[{one},\n{two}]",
    }
    extract.said = extract.said.replace('decimal_mark = ","\nthousands_separator = "."', "")
    extract.said += (
        'format = "jsonl"\n' if form == "jsonl" else f'format = "json"\nrows = ["nope", "{form}"]\n'
    )
    extract.layout = extract.layout.replace(JSON_FIELDS[1], JSON_FIELDS[0])
    extract.write("items.json", documents[form])
    rows = extract.rows()
    assert [str(row["amount"]) for row in rows] == ["123456789012345.250", "-0.100"]
    assert [row["customer_id"] for row in rows] == ["A", "B"]


def test_json__tells_rows_that_are_none_and_arrays_that_are_not_there(extract: Extract) -> None:
    extract.said = extract.said.replace('decimal_mark = ","\nthousands_separator = "."', "")
    good = json.dumps({"id": "I1", "name": "A", "day": "31.01.2026", "net": "1.00"})
    extract.write("items.json", f'{good}\n{{"id": \n[1]\n{good.replace("I1", "I2")}\n')
    extract.said += 'format = "jsonl"\n'
    assert [one[:22] for one in extract.told()] == [
        "items.json 2  not_text",
        "items.json 3  not_text",
    ]
    source = extract.open().tables["open_items"]
    assert source.row_numbers(source.units[0], np.array([0, 1])).tolist() == [1, 4]
    assert json.loads(source.raw_rows(source.units[0], np.array([1]))[0])["id"] == "I2"
    extract.said = extract.said.replace('"jsonl"', '"json"') + 'rows = "d.results"\n'
    for document in ('{"d": {"other": []}}', f'{{"d": {{"results": [{good}'):
        extract.write("items.json", document)
        with pytest.raises(InputRefused, match=r"not found|not closed"):
            extract.open()


def test_json__in_small_chunks_is_the_same(
    extract: Extract, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"id": f'I{n}"\\{{[', "name": "A", "day": "31.01.2026", "net": str(n)} for n in range(200)
    ]
    extract.said = extract.said.replace('thousands_separator = "."', "") + 'format = "json"\n'
    extract.write("items.json", json.dumps(rows))
    whole = extract.rows()
    monkeypatch.setattr("encours.ledger.text_files.BLOCK_BYTES", 37)
    assert extract.rows() == whole
    assert [row["item_id"] for row in whole] == [row["id"] for row in rows]


def test_parquet__columns_keep_their_types(extract: Extract) -> None:
    from datetime import date
    from decimal import Decimal

    table = pa.table(
        {
            "id": ["I1", "I2"],
            "name": pa.array(["A", "B"]).dictionary_encode(),
            "day": pa.array([date(2026, 1, 31), None]),
            "net": pa.array([Decimal("1.25"), Decimal("-3.5")]),
        }
    )
    (extract.root / "ledger").mkdir()
    pq.write_table(table, extract.root / "ledger" / "items.parquet")
    extract.said = 'format = "parquet"\n'
    rows = extract.rows()
    assert [str(row["amount"]) for row in rows] == ["1.250", "-3.500"]
    assert [row["due_date"] for row in rows] == [date(2026, 3, 2), None]


def test_unpivot__makes_a_row_of_every_column(extract: Extract) -> None:
    extract.layout = """
layout = 1
name = "rates"
[sources.ecb]
files = ["rates.csv"]
empty = ["", "N/A"]
[sources.ecb.fields]
Date = "date"
[[tables.fx_rates]]
from = "ecb"
where = "rate is not None"
unpivot = { columns = "[A-Z]{3}", name = "code", value = "rate", type = "rate" }
[tables.fx_rates.columns]
from_currency = "'EUR'"
to_currency = "code"
rate_date = "Date"
rate = "rate"
"""
    extract.write(
        "rates.csv", "Date, USD,JPY,Note,\n2026-01-02,1.1,N/A,x,\n2026-01-03,1.25,160,y,\n"
    )
    extract.write(
        "open_items.csv",
        "item_id,company_code,customer_id,document_type,document_date,currency,amount\n",
    )
    extract.write("customers.csv", "customer_id,country\n")
    rows = extract.rows("fx_rates")
    assert [(row["to_currency"], str(row["rate_date"]), row["rate"]) for row in rows] == [
        ("USD", "2026-01-02", "1.1"),
        ("USD", "2026-01-03", "1.25"),
        ("JPY", "2026-01-03", "160"),
    ]


JOINED = """
layout = 1
name = "joined"
[sources.items]
files = ["items.csv"]
[sources.items.fields]
id = "text"
ref = "text"
[sources.heads]
files = ["heads.csv"]
[sources.heads.fields]
no = "text"
cur = "text"
net = "amount"
day = "date"
[[tables.open_items]]
from = "items"
[tables.open_items.join.head]
source = "heads"
on = "ref"
to = "no"
RULE
[tables.open_items.columns]
item_id = "id"
company_code = "'A'"
customer_id = "'C'"
document_type = "'invoice'"
document_date = "head.day"
currency = "first(head.cur, 'EUR')"
amount = "head.net"
"""
HEADS = "no,cur,net,day\nH1,USD,1.00,2026-01-01\nH2,EUR,2.00,2026-01-02\nH2,GBP,3.00,2026-01-03\n"


@pytest.mark.parametrize(
    ("rule", "amounts", "told"),
    [
        (
            "",
            ["1.000", "2.000", "None"],
            ["2 item_id ambiguous_join", "3 document_date missing_value"],
        ),
        ('several = "first"', ["1.000", "2.000", "None"], ["3 document_date missing_value"]),
        (
            'several = "last"\nrequired = true',
            ["1.000", "3.000", "None"],
            ["3 item_id missing_join"],
        ),
        ('several = "first"\nwhere = "cur != \'EUR\'"', ["1.000", "3.000", "None"], ["3 "]),
    ],
)
def test_join__finds_one_row_or_says_so(
    extract: Extract, rule: str, amounts: list[str], told: list[str]
) -> None:
    extract.layout = JOINED.replace("RULE", rule)
    extract.write("items.csv", "id,ref\nI1,H1\nI2,H2\nI3,H9\n").write("heads.csv", HEADS)
    extract.write("customers.csv", "customer_id,country\n")
    assert [str(row["amount"]) for row in extract.rows()] == amounts
    for found, wanted in zip(extract.told(), told, strict=True):
        assert wanted in found


def test_join__adds_up_the_rows_of_a_key(extract: Extract) -> None:
    extract.layout = JOINED.replace(
        "RULE",
        'combine = { net = "sum(net)", day = "greatest(day)", n = "count()" }',
    ).replace("first(head.cur, 'EUR')", "'EUR' if head.n == 2 else 'USD'")
    extract.write("items.csv", "id,ref\nI1,H1\nI2,H2\n").write("heads.csv", HEADS)
    extract.write("customers.csv", "customer_id,country\n")
    found = [
        (row["currency"], str(row["amount"]), str(row["document_date"])) for row in extract.rows()
    ]
    assert found == [("USD", "1.000", "2026-01-01"), ("EUR", "5.000", "2026-01-03")]


def test_files__of_no_source_are_refused_or_read_as_contract_tables(extract: Extract) -> None:
    with pytest.raises(InputMissing, match=r"does not exist|cannot be read"):
        extract.open()
    extract.write("other.csv", "x")
    with pytest.raises(InputMissing, match="no file of the source items"):
        extract.open()
    extract.write("items.csv", text()).write("companies.csv", "company_code,country\nA,FR\n")
    ledger = extract.open()
    assert list(ledger.tables) == ["open_items", "customers", "companies"]
    assert any("other.csv belongs to no table" in notice.message for notice in ledger.warnings)
    extract.write("customers.csv", "customer_id,country\n")
    with pytest.raises(InputRefused, match="table customers is there twice"):
        extract.open()


def test_files__that_are_there_twice_are_refused(extract: Extract) -> None:
    extract.write("items1.csv", text()).write("items2.csv", text())
    with pytest.raises(InputRefused, match="the same file is there twice"):
        extract.open()
    extract.write("items2.csv.gz", gzip.compress(text().encode()))
    with pytest.raises(InputRefused, match="packed or not"):
        extract.open()


def test_forms__of_the_configuration_go_before_those_of_the_layout(extract: Extract) -> None:
    extract.write("items.csv", text(["I1|A|2026-01-31|1,00"], HEADER.replace(";", "|")))
    form = {"separator": "|", "date_format": "YYYY-MM-DD"}
    (row,) = extract.rows(sources={"items": form})
    assert str(row["document_date"]) == "2026-01-31"


def test_values_in_a_second_form__are_counted_in_a_warning(extract: Extract) -> None:
    extract.said = extract.said.replace('"DD.MM.YYYY"', '["DD.MM.YYYY", "YYYYMMDD"]')
    extract.write("items.csv", text(["I1;A;20260131;1,00", LINES[0]]))
    (notice,) = [one for one in extract.open().warnings if one.code == "values_normalised"]
    assert notice.count == 1
    assert "items.day" in notice.message


def test_input_that_changes__is_told(extract: Extract) -> None:
    ledger = extract.write("items.csv", text()).open()
    ledger.verify_unchanged()
    extract.write("items.csv", text([*LINES, LINES[0]]))
    with pytest.raises(InputRefused, match=r"changed while it was being read: items\.csv"):
        ledger.verify_unchanged()
