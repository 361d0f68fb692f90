"""The reference pages are made from the code, and the ones in the tree are current."""

import json
from pathlib import Path

import pytest

from encours_schemas import ERP_FILES, INPUT_TABLES, OUTPUT_TABLES
from encours_schemas.__main__ import main
from encours_schemas.configuration.keys import static_keys
from encours_schemas.errors import UsageWrong
from encours_schemas.reasons import Reason
from encours_schemas.render import reference_pages, render_contract, write_reference_pages
from encours_schemas.rule_ids import RuleId
from encours_schemas.status import ExitStatus
from encours_schemas.warnings import ItemWarning, RunWarning

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["tables.md", "codes.md", "configuration.md"])
def test_reference_pages__in_the_tree_are_current(name: str) -> None:
    written = (REFERENCE / name).read_text(encoding="utf-8")
    assert written == reference_pages()[name], "run `python -m encours_schemas docs/reference`"


def test_write_reference_pages__writes_all_pages(tmp_path: Path) -> None:
    write_reference_pages(tmp_path)
    written = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert written == reference_pages()


def test_main__refuses_what_is_no_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "absent")]) == ExitStatus.USAGE
    assert "docs/reference" in capsys.readouterr().err
    assert main([str(tmp_path)]) == ExitStatus.DONE


def test_render_contract__gives_all_tables_as_json() -> None:
    facts = json.loads(render_contract(form="json"))
    assert facts["contract_version"] == 1
    assert [table["name"] for table in facts["tables"]] == [
        *INPUT_TABLES,
        *OUTPUT_TABLES,
        *ERP_FILES,
    ]


def test_render_contract__gives_one_table_as_json() -> None:
    facts = json.loads(render_contract("open_items", "json"))
    assert (facts["name"], facts["direction"], facts["key"]) == ("open_items", "input", ["item_id"])
    amount = next(column for column in facts["columns"] if column["name"] == "amount")
    assert amount == {
        "name": "amount",
        "kind": "money",
        "type": "decimal128(18, 3)",
        "required": True,
        "meaning": "Original amount incl. tax, signed: what the customer owes is positive.",
        "default": None,
        "allowed": None,
        "unit": "item currency",
        "at_least": None,
        "at_most": None,
        "above": None,
    }


def test_render_contract__gives_one_table_as_markdown() -> None:
    page = render_contract("fx_rates")
    assert page.startswith("# fx_rates\n")
    assert "| `rate` | fx_rate | R |" in page
    assert "Above 0." in page


def test_render_contract__escapes_what_would_break_a_grid() -> None:
    line = next(line for line in render_contract("items").splitlines() if "`warnings`" in line)
    assert line.count("|") - line.count("\\|") == 5  # four cells


def test_render_contract__names_the_nearest_table() -> None:
    with pytest.raises(UsageWrong, match="did you mean open_items"):
        render_contract("openitems")
    with pytest.raises(UsageWrong, match="expected one of open_items"):
        render_contract("zzz")


@pytest.mark.parametrize("codes", [Reason, ItemWarning, RunWarning, RuleId])
def test_codes_page__lists_every_code(codes: type[Reason]) -> None:
    page = reference_pages()["codes.md"]
    for code in codes:
        assert f"| `{code}` |" in page


def test_configuration_page__lists_every_key_with_a_meaning() -> None:
    page = reference_pages()["configuration.md"]
    for path in static_keys():
        rows = [line for line in page.splitlines() if line.startswith(f"| `{path[-1]}` |")]
        assert rows, path
        assert all(row.split("|")[-2].strip() for row in rows)
