"""Layout files: what is wrong in them is said before any ledger is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from encours_schemas.configuration import load_configuration
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.layouts.compiled import CompiledLayout
from encours_schemas.layouts.date_formats import ambiguous_pair, parts_of
from encours_schemas.layouts.expressions import (
    ExpressionWrong,
    Scope,
    compile_aggregate,
    compile_expression,
)
from encours_schemas.layouts.loading import load_layout, load_layouts

SCOPE = Scope(
    fields={"Name": "text", "Net": "amount", "Days": "integer", "Day": "date", "Open": "bool"},
    lets={"late": "Day + Days", "a": "b", "b": "a", "wrong": "nowhere"},
    parameters={"term": ("text", "NET30"), "none": ("text", None)},
    joins={"cust": Scope(fields={"City": "text"})},
    maps=frozenset({"kinds"}),
)
PLAIN = """
layout = 1
name = "plain"
[parameters.country]
default = "FR"
[sources.items]
files = ["items.csv"]
[sources.items.fields]
id = "text"
day = "date"
net = "amount"
[[tables.customers]]
from = "items"
distinct = ["customer_id"]
[tables.customers.columns]
customer_id = "id"
country = "parameters.country"
"""


def load(tmp_path: Path, text: str, **parameters: object) -> CompiledLayout:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_layout(str(path), tmp_path, parameters)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Name", "text"),
        ("late", "date"),
        ("Net * 2 - Net", "amount"),
        ("2 * Net", "amount"),
        ("first(Net, 0)", "amount"),
        ("Day - Day", "integer"),
        ("Days + Day", "date"),
        ("Day - 3", "date"),
        ("-Days", "integer"),
        ("Name in ('a', 'b') and not Open", "bool"),
        ("Day not in (date('2026-01-01'),)", "bool"),
        ("1 < Days <= 3", "bool"),
        ("Name is None or cust.City is not None or found(cust)", "bool"),
        ("None if Open else Net", "amount"),
        ("refuse('no') if Open else Name", "text"),
        ("key(Name, Days, Day, Net)", "text"),
        ("map(Name, 'kinds', Name)", "text"),
        ("parameters.term", "text"),
        ("rescaled(Net, 2, currency_decimals(Name))", "amount"),
        ("matches(Name, parameters.term)", "bool"),
        (r"extract(Name, '\((\d+)\)')", "text"),
        ("Name\n  if Open\n  else 'x'", "text"),
    ],
)
def test_compile_expression__knows_the_kind(text: str, kind: str) -> None:
    assert compile_expression(text, SCOPE).kind == kind


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Nmae", "did you mean `Name`?"),
        ("Nowhere", "A text constant is quoted: 'Nowhere'"),
        ("custt.City", "did you mean `cust`?"),
        ("cust.Citty", "did you mean `City`?"),
        ("parameters.trem", "did you mean parameters.term?"),
        ("frist(Net, 0)", "did you mean first()?"),
        ("map(Name, 'kind')", "did you mean 'kinds'?"),
        ("Name + Name", "join('', a, b)"),
        ("Net * Net", "amounts and whole numbers"),
        ("Net / 2", "amounts and whole numbers"),
        ("0.5 * Net", "as_amount('0.50')"),
        ("Net == None", "`is None` or `is not None`"),
        ("Name < 'b'", "numbers or dates"),
        ("Name if Net else Name", "a value of kind amount as a condition"),
        ("Name if Open else Net", "kinds amount and text"),
        ("pad(Name)", "1 arguments, expected 2"),
        ("pad(Name, Days)", "depends on the row"),
        ("extract(Name, 'abc')", "0 groups"),
        ("extract(Name, '(a)(b)')", "2 groups"),
        ("matches(Name, 'a(?=b)')", "cannot be read"),
        ("not " * 3_000 + "Open", "it is too deep"),
        ("matches(Name, '(')", "cannot be read"),
        ("as_date(Name, 'DD.MM.YY')", "century_pivot"),
        ("as_date(Name, 'DD.MM')", "one year"),
        ("date('2026-02-30')", "a date written YYYY-MM-DD"),
        ("a", "which needs itself (a -> b -> a)"),
        ("lambda: 1", "names, constants"),
        ("__import__('os')", "which is no function"),
        ("Name.upper()", "a function of the language"),
        ("[x for x in Name]", "names, constants"),
        ("Name[0]", "names, constants"),
        ("first(Name", "cannot be read"),
        ("", "names, constants"),
        ("Name; Net", "cannot be read"),
    ],
)
def test_compile_expression__says_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ExpressionWrong) as caught:
        compile_expression(text, SCOPE)
    wrong = caught.value
    assert told in f"{wrong.found}, expected {wrong.expected}; {wrong.cure}"


def test_compile_aggregate__wants_a_sum_an_extreme_or_a_count() -> None:
    assert compile_aggregate("count()", SCOPE) == ("count", None)
    name, node = compile_aggregate("greatest(late)", SCOPE)
    assert (name, node is not None and node.kind) == ("greatest", "date")
    for text in ("sum(Name)", "average(Net)", "sum()", "Net", "sum(Net) + 1"):
        with pytest.raises(ExpressionWrong):
            compile_aggregate(text, SCOPE)


@pytest.mark.parametrize(
    ("date_format", "tokens"),
    [
        ("YYYYMMDD", ["YYYY", "MM", "DD"]),
        ("D.M.YY", ["D", ".", "M", ".", "YY"]),
        ("M/D/YY 0:00", ["M", "/", "D", "/", "YY", " 0:00"]),
        ("D MMMM YYYY", ["D", " ", "MMMM", " ", "YYYY"]),
        ("YYYY-MM-DDThh:mm", ["YYYY", "-", "MM", "-", "DD", "T", "hh", ":", "mm"]),
        ("YYYYMMDD ss.fff", ["YYYY", "MM", "DD", " ", "ss", ".", "fff"]),
    ],
)
def test_parts_of__cuts_tokens(date_format: str, tokens: list[str]) -> None:
    assert [part.text for part in parts_of(date_format)] == tokens


@pytest.mark.parametrize(
    "date_format", ["MM-DD", "YYYY-YY-MM-DD", "DMYYYY", "YYYYMD", "DD.MM.", "é"]
)
def test_parts_of__refuses_what_leaves_something_open(date_format: str) -> None:
    with pytest.raises(ValueError, match=r"one|mark"):
        parts_of(date_format)


def test_ambiguous_pair__tells_orders_of_day_and_month() -> None:
    assert ambiguous_pair(("DD/MM/YYYY", "YYYYMMDD", "MM/DD/YYYY")) == ("DD/MM/YYYY", "MM/DD/YYYY")
    assert ambiguous_pair(("D/M/YYYY", "MM/DD/YYYY")) == ("D/M/YYYY", "MM/DD/YYYY")
    assert ambiguous_pair(("DD/MM/YYYY", "YYYY-MM-DD", "YYYYMMDD", "iso")) is None
    assert ambiguous_pair(("serial", "epoch_days")) == ("serial", "epoch_days")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('files = ["items.csv"]', 'filess = ["x"]'), "did you mean files?"),
        (('id = "text"', 'id = "txet"'), "`text`"),
        (('id = "text"', 'id = { type = "text", sign = "trailing" }'), "no `sign` for a field"),
        (('id = "text"', '"Entry No." = "text"'), 'columns = ["…"]'),
        (('day = "date"', 'day = { type = "date", format = "DD.MM.YY" }'), "century_pivot = 70"),
        (('files = ["items.csv"]', 'files = ["i"]\ndate_format = ["D/M/YYYY", "M/D/YYYY"]'), "two"),
        (('from = "items"', 'from = "itmes"'), "did you mean `items`?"),
        (("tables.customers", "tables.custmers"), "did you mean `customers`?"),
        (('customer_id = "id"', 'customerid = "id"'), "did you mean `customer_id`?"),
        (('country = "parameters.country"', ""), "the required column country of customers"),
        (('"parameters.country"', '"net"'), "a value of kind amount"),
        (('"parameters.country"', '"parameters.contry"'), "did you mean parameters.country?"),
        (("layout = 1", "layout = 2"), "1"),
        (("layout = 1", "layout = 1\nsize = 1.5"), "with decimals"),
        (("[parameters.country]", "[parameters.country]\nabout = 1"), "a text"),
        (('default = "FR"', ""), "[input.parameters] country"),
    ],
)
def test_load_layout__says_what_is_wrong_and_where(
    tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    load(tmp_path, PLAIN)
    assert change[0] in PLAIN
    with pytest.raises(ConfigurationWrong) as caught:
        load(tmp_path, PLAIN.replace(*change))
    assert told in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_load_layout__tells_everything_at_once(tmp_path: Path) -> None:
    text = PLAIN.replace('"id"', '"idd"').replace('"parameters.country"', '"nett"')
    with pytest.raises(ConfigurationWrong) as caught:
        load(tmp_path, text)
    assert len(caught.value.problems) == 2


def test_load_layout__wants_a_listed_value_of_its_list(tmp_path: Path) -> None:
    text = PLAIN + (
        '[[tables.credit_limits]]\nfrom = "items"\n[tables.credit_limits.columns]\n'
        'limit_id = "id"\nparty_id = "id"\nkind = "\'intern\' if net > 0 else \'insured\'"\n'
        'amount = "net"\ncurrency = "\'EUR\'"\nvalid_from = "day"\n'
    )
    with pytest.raises(ConfigurationWrong, match=r"'intern' is not allowed here.*'internal'"):
        load(tmp_path, text)


def test_load_layout__extends_and_takes_maps_in(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(PLAIN, encoding="utf-8")
    (tmp_path / "countries.csv").write_text("from,to\nFRA,FR\nDEU,DE\n", encoding="utf-8")
    text = (
        'extends = "base.toml"\nname = "mine"\n[maps.country]\nfile = "countries.csv"\n'
        '[sources.items]\nseparator = ";"\n'
    )
    layout = load(tmp_path, text)
    assert layout.name == "mine"
    assert layout.sources["items"].separator == (";",)
    assert layout.sources["items"].files == ("items.csv",)
    assert layout.layout.maps["country"] == {"FRA": "FR", "DEU": "DE"}
    before = layout.sha256
    (tmp_path / "countries.csv").write_text("from,to\nFRA,FR\nDEU,AT\n", encoding="utf-8")
    assert load(tmp_path, text).sha256 != before
    (tmp_path / "countries.csv").write_text("from,to\nFRA,FR\nFRA,DE\n", encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match="line 3"):
        load(tmp_path, text)


def test_load_layouts__refuses_what_no_layout_declares(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(PLAIN, encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match=r"did you mean country\?"):
        load_layouts([str(path)], tmp_path, {"contry": "DE"}, {})
    (tmp_path / "other.toml").write_text(PLAIN.replace("plain", "other"), encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match="two layouts fill the table customers"):
        load_layouts([str(path), str(tmp_path / "other.toml")], tmp_path, {}, {})
    (tmp_path / "plain.toml").write_text(PLAIN, encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match=r"did you mean plain\?"):
        load_layouts(["plian"], tmp_path, {}, {})


def test_load_configuration__takes_layouts_parameters_and_forms() -> None:
    loaded = load_configuration(
        None,
        {"ENCOURS_INPUT__LAYOUTS": "sap_bsid,ecb_eurofxref"},
        {"input.sources": {"items": {"date_format": "DD.MM.YYYY", "trim": True}}},
    ).configuration
    assert loaded.input.layouts == ("sap_bsid", "ecb_eurofxref")
    assert loaded.input.sources["items"].date_format == ("DD.MM.YYYY",)
    with pytest.raises(ConfigurationWrong, match=r"as `DD\.MM\.YYYY`"):
        load_configuration(None, {}, {"input.sources": {"items": {"date_format": "DD.MM"}}})
