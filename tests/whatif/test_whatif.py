"""Scenarios: the run with changed inputs in memory is the run of the ledger changed on disk."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import encours
from encours.report.difference import ACCOUNTS, difference
from encours.report.published import open_run
from encours.rules.regimes import load_regimes
from encours_jobs.cli import main
from encours_schemas.configuration import Configuration
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.scenario import Scenario, load_scenario
from tests.property.ledgers import Case
from tests.property.limit_ledgers import build_limit_case
from tests.property.published import read_table, run_engine

SEED = 10
TABLES = ("credit_accounts", "groups", "items")


def scenario_of(**parts: Any) -> Scenario:
    return Scenario.model_validate(parts)


def run_scenario(case: Case, place: Path, scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    """Run a scenario on the ledger as it is, and give the published tables."""
    base = run_engine(case, place, SEED)
    result = encours.run(
        place / "ledger",
        case.as_of,
        place / "scenario",
        Configuration.model_validate(case.configuration),
        extract_date=case.extract_date,
        scenario=scenario,
    )
    assert result.manifest["run_id"] != base.manifest["run_id"]
    return {name: read_table(result.directory, name) for name in TABLES}


def run_changed(case: Case, place: Path) -> dict[str, list[dict[str, Any]]]:
    """Run the ledger that was changed on disk, and give the published tables."""
    run = run_engine(case, place, SEED)
    return {name: run.table(name) for name in TABLES}


def quiet_case() -> Case:
    """Give a ledger of one currency, so that a limit times a factor is a whole cent."""
    return build_limit_case(SEED, with_defects=False)


def with_rows(case: Case, name: str, change: Any) -> Case:
    """Give the case with every row of a table changed."""
    rows = [{**row, **change(row)} for row in case.tables.get(name, [])]
    return replace(case, tables={**case.tables, name: rows})


def test_cover_withdrawn__is_a_withdrawal_on_the_as_of_date(tmp_path: Path) -> None:
    case = quiet_case()
    assert any(row["kind"] == "insured" for row in case.tables["credit_limits"])

    def withdraw(row: dict[str, Any]) -> dict[str, Any]:
        if row["kind"] != "insured":
            return {}
        day = row.get("withdrawn_on") or case.as_of
        return {"withdrawn_on": min(day, case.as_of)}

    told = run_scenario(case, tmp_path / "a", scenario_of(cover_withdrawn=[{}]))
    assert told == run_changed(with_rows(case, "credit_limits", withdraw), tmp_path / "b")


def test_limits_to_nothing__leave_a_limit_of_zero(tmp_path: Path) -> None:
    case = quiet_case()
    told = run_scenario(
        case, tmp_path / "a", scenario_of(limits=[{"factor": "0", "kinds": ["internal"]}])
    )
    before = {
        (row["credit_segment"], row["credit_account_id"]): row
        for row in run_changed(case, tmp_path / "b")["credit_accounts"]
    }
    for row in told["credit_accounts"]:
        was = before[row["credit_segment"], row["credit_account_id"]]
        assert row["limit_status"] == was["limit_status"]
        internal = was["internal_limit"]
        assert row["internal_limit"] == (None if internal is None else Decimal(0))
        assert row["exposure"] == was["exposure"]


def test_payments_later__are_the_same_allocations_some_days_on(tmp_path: Path) -> None:
    case = quiet_case()
    delay = timedelta(days=20)

    def later(row: dict[str, Any]) -> dict[str, Any]:
        if row.get("kind") not in {None, "payment"}:
            return {}
        posted = row.get("posting_date")
        return {
            "value_date": row["value_date"] + delay,
            "posting_date": posted + delay if posted else None,
        }

    def posted_later(row: dict[str, Any]) -> dict[str, Any]:
        if row["document_type"] != "payment":
            return {}
        return {"posting_date": (row.get("posting_date") or row["document_date"]) + delay}

    changed = with_rows(case, "allocations", later)
    changed = with_rows(changed, "open_items", posted_later)
    told = run_scenario(case, tmp_path / "a", scenario_of(payments_later=[{"days": 20}]))
    expected = run_changed(changed, tmp_path / "b")
    assert told["credit_accounts"] == expected["credit_accounts"]


def test_insolvency__stops_the_customer(tmp_path: Path) -> None:
    case = quiet_case()
    customer = case.tables["customers"][0]["customer_id"]

    def opened(row: dict[str, Any]) -> dict[str, Any]:
        if row["customer_id"] != customer:
            return {}
        return {
            "insolvency_date": case.as_of,
            "insolvency_kind": "liquidation",
            "insolvency_ended_on": None,
        }

    told = run_scenario(case, tmp_path / "a", scenario_of(insolvency=[{"customer": customer}]))
    expected = run_changed(with_rows(case, "customers", opened), tmp_path / "b")
    assert told == expected


def test_difference__of_a_run_to_itself_is_empty(tmp_path: Path) -> None:
    run = open_run(run_engine(quiet_case(), tmp_path, SEED).directory)
    assert difference(run, run, ACCOUNTS).num_rows == 0


def test_command__tells_the_difference_and_publishes_nothing(tmp_path: Path) -> None:
    case = build_limit_case(SEED, with_defects=False)
    case.configuration["input"] = {"max_rejected": "1"}
    case.configuration["defaults"] = {"creditor_country": "FR"}
    for row in case.tables["open_items"] + case.tables["customers"]:
        if row.get("interest_regime") not in load_regimes():  # the command is given no regimes
            row["interest_regime"] = None
    base = run_engine(replace(case, configuration={"input": {}}), tmp_path, SEED)
    scenario = tmp_path / "scenario.toml"
    scenario.write_text('[[limits]]\nfactor = "0.5"\n[[cover_withdrawn]]\n', encoding="utf-8")
    before = sorted(path for path in (tmp_path / "out").rglob("*"))
    command = ["whatif", str(scenario), "--ledger", str(tmp_path / "ledger")]
    command += ["--as-of", case.as_of.isoformat(), "--format", "json", "--quiet"]
    if case.extract_date is not None:
        command += ["--extract-date", case.extract_date.isoformat()]
    saved = ["--run", str(base.directory), "--save", str(tmp_path / "saved")]
    alone = CliRunner().invoke(main, command)
    beside = CliRunner().invoke(main, [*command, *saved])
    assert alone.exit_code == beside.exit_code == 0, alone.output + beside.output
    told = json.loads(alone.stdout)
    assert told == json.loads(beside.stdout)
    assert told["accounts_that_differ"] > 0
    assert Decimal(told["totals"]["credit_limit"]) < 0
    assert sorted(path for path in (tmp_path / "out").rglob("*")) == before
    table = pq.read_table(tmp_path / "saved" / "credit_accounts.parquet")
    assert table.num_rows == told["accounts_that_differ"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[limit]]\nfactor = 1\n", "did you mean limits"),
        ('[[limits]]\nfactor = "1.2345"\n', "factor from 0"),
        ("[[limits]]\nfactor = 1\nsegment = ['x']\n", "did you mean segments"),
        ("[[payments_later]]\ndays = 0\n", "wrong value"),
        ("", "changes nothing"),
        ("[[", "not TOML"),
    ],
)
def test_scenario__is_refused_with_a_cure(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationWrong, match=words):
        load_scenario(path)


def test_unknown_names__are_refused(tmp_path: Path) -> None:
    case = quiet_case()
    for parts in (
        {"insolvency": [{"customer": "NO SUCH"}]},
        {"cover_withdrawn": [{"insurers": ["NO SUCH"]}]},
        {"payments_later": [{"days": 1, "segments": ["NO SUCH"]}]},
    ):
        with pytest.raises(ConfigurationWrong, match="knows no such"):
            run_scenario(case, tmp_path / next(iter(parts)), scenario_of(**parts))
