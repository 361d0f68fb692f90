"""Holds from the ledger to the ERP's files, and the commands that approve and check them."""

import json
import shutil
from typing import Any

import pytest
from click.testing import CliRunner, Result

from encours_jobs.cli import main
from tests.erp.nights import changes_of, picture_of
from tests.jobs.ledgers import AS_OF, EVE, Night, Row, item, row

LATER = "2026-11-02"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def ledger_of(night: Night, held: dict[str, str], **tables: list[Row]) -> None:
    """Write a ledger in which the customers named in `held` have a manual hold."""
    customers = [
        row("customers", customer_id=name, manual_hold=flag) for name, flag in held.items()
    ]
    night.ledger.csv("customers", *customers)
    night.ledger.csv("open_items", *(item(f"I{name}", customer_id=name) for name in held))
    for table, rows in tables.items():
        night.ledger.csv(table, *rows)


def told(night: Night, as_of: str) -> list[tuple[str, str]]:
    return [(one["action"], one["customer_id"]) for one in changes_of(night.published(as_of))]


def last_line(result: Result) -> str:
    return str(result.stderr.splitlines()[-1])


def test_first_run__waits_and_says_so_last(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true", "C2": ""})
    result = fresh.publish()
    run = fresh.published()
    assert f"encours holds approve {run} --by NAME" in last_line(result)
    assert not (run / "erp").exists()
    erp = fresh.manifest()["erp"]
    assert (erp["state"], erp["changes"]["BLOCK"]) == ("waiting", 1)
    assert erp["why_waiting"] == ["the first run of an output tells nothing before it is approved"]
    # The same night again changes nothing, and reminds of it.
    assert "encours holds approve" in last_line(fresh.publish())
    approved = call("holds", "approve", str(run), "--by", " A. Martin ")
    assert approved.exit_code == 0, approved.stderr
    assert "are told now" in approved.stdout
    assert told(fresh, AS_OF) == [("BLOCK", "C1")]
    assert call("verify", str(run)).exit_code == 0
    again = call("holds", "approve", str(run), "--by", "B. Martin")
    assert "were told already" in again.stdout
    assert "encours holds approve" not in last_line(fresh.publish())


def test_changes__follow_the_ledger_night_by_night(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true", "C2": ""})
    fresh.publish("--approve-first", as_of=EVE)
    ledger_of(fresh, {"C1": "", "C2": "true"})
    fresh.publish()
    assert told(fresh, AS_OF) == [("RELEASE", "C1"), ("BLOCK", "C2")]
    line = changes_of(fresh.published())[1]
    flags = (line["hold_orders"], line["hold_deliveries"], line["hold_production"])
    assert (flags, line["reasons"]) == (("Y", "Y", "Y"), "manual_hold")
    assert (line["exposure"], line["currency"], line["cure_amount"]) == ("100.000", "EUR", "")
    # C2 has vanished from the ledger: released all the same.
    ledger_of(fresh, {"C1": ""})
    fresh.publish("--config", _exempt(fresh), as_of=LATER)
    assert told(fresh, LATER) == [("RELEASE", "C2")]
    assert picture_of(fresh.published(LATER)) == {}


def _exempt(night: Night) -> str:
    return night.configure('erp.shrink_exempt = ["customers", "open_items"]')[1]


def test_late_night__sends_an_empty_file_and_says_so(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true"})
    fresh.publish("--approve-first")
    late = fresh.publish(as_of=EVE)
    assert f"the ERP was told about {AS_OF} already: no changes are sent" in late.stderr
    assert told(fresh, EVE) == []
    assert "older_than_told" in fresh.warnings(EVE)


def test_lost_payments_file__blocks_nobody(fresh: Night) -> None:
    customers = {f"C{number}": "" for number in range(4)}
    payments = [row("allocations", item_id=f"I{name}", amount="90.00") for name in customers]
    ledger_of(fresh, customers, allocations=payments)
    fresh.publish("--approve-first", as_of=EVE)
    (fresh.ledger.directory / "allocations.csv").unlink()
    result = fresh.publish()
    assert result.exit_code == 0
    assert "table allocations has 0 rows after 4 ([erp] max_input_shrink)" in result.stderr
    assert fresh.manifest()["erp"]["state"] == "waiting"
    assert not (fresh.published() / "erp").exists()
    assert {"table_shrank", "breaker_waits"} <= set(fresh.warnings())


def test_erp_holds__of_others_are_listed_and_left_alone(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true", "C2": ""})
    fresh.publish("--approve-first", as_of=EVE)
    shown = [
        row("erp_holds", customer_id="C1", credit_segment="ALL", hold_kind=kind, origin="SD01")
        for kind in ("orders", "deliveries", "production")
    ]
    ledger_of(fresh, {"C1": "", "C2": ""}, erp_holds=shown)
    fresh.publish()
    assert told(fresh, AS_OF) == []
    differences = fresh.rows("hold_differences", "hold_kind", "difference")
    assert differences == [
        ("deliveries", "foreign_kept"),
        ("orders", "foreign_kept"),
        ("production", "foreign_kept"),
    ]
    assert "erp_holds_differ" in fresh.warnings()


def test_verify__tells_the_consumer_what_to_do(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true", "=2+3": "true"})
    fresh.publish("--approve-first", as_of=EVE)
    fresh.publish()
    first, second = (fresh.published(day) / "erp" for day in (EVE, AS_OF))
    run_id = fresh.manifest(EVE)["run_id"]
    good = call("holds", "verify", str(second / "hold_changes.csv"), "--last", run_id)
    assert good.exit_code == 0, good.stdout + good.stderr
    assert "hold_changes.csv: whole and right" in good.stdout
    twice = call("holds", "verify", str(first), "--last", run_id)
    assert twice.exit_code == 70
    assert "was loaded already" in twice.stdout
    facts: dict[str, Any] = json.loads(
        call("holds", "verify", str(second), "--format", "json").stdout
    )
    assert (facts["follows"], facts["problems"]) == (run_id, [])
    data = (second / "holds.csv").read_bytes()
    (second / "holds.csv").write_bytes(data[:-5])
    torn = call("holds", "verify", str(second / "holds.csv"))
    assert torn.exit_code == 70
    assert f"holds.csv: torn: {len(data) - 5} bytes of {len(data)}" in torn.stdout
    assert "must not be loaded" in torn.stderr
    assert "formula_id" in fresh.warnings()
    assert "'=2+3" in (second / "holds_readable.csv").read_text()
    assert b"\n" + b"=" not in data
    assert b",=2+3," in data


def test_verify__of_a_run_that_waits_says_that_there_is_nothing(fresh: Night) -> None:
    fresh.publish()
    result = call("holds", "verify", str(fresh.published() / "erp" / "holds.csv"))
    assert result.exit_code == 66
    assert "waits for approval" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("approve", "somewhere"), "--by"),
        (("approve", "somewhere", "--by", "  "), "a name is one line"),
        (("approve", "somewhere", "--by", "a\nb"), "a name is one line"),
        (("aprove", "somewhere"), "did you mean `approve`?"),
        (("release",), "there are approve, verify"),
    ],
)
def test_holds__wrong_usage(arguments: tuple[str, ...], problem: str) -> None:
    result = call("holds", *arguments)
    assert result.exit_code == 2
    assert problem in result.stderr


def test_approve__of_what_is_no_run(fresh: Night) -> None:
    result = call("holds", "approve", str(fresh.root), "--by", "A. Martin")
    assert result.exit_code == 73
    assert "there is no published run with files for an ERP" in result.stderr


def test_erp_files__of_two_threads_and_of_one_are_the_same_bytes(fresh: Night) -> None:
    ledger_of(fresh, {f"C{number}": "true" for number in range(30)})
    settings = fresh.configure('erp.files = ["csv", "json_lines", "sap_credit_segment"]')
    fresh.publish("--approve-first", "--threads", "1", *settings)
    before = {path.name: path.read_bytes() for path in (fresh.published() / "erp").iterdir()}
    assert len(before) == 7
    shutil.rmtree(fresh.out)
    fresh.publish("--approve-first", "--threads", "3", "--chunk-rows", "7", *settings)
    assert before == {
        path.name: path.read_bytes() for path in (fresh.published() / "erp").iterdir()
    }


def test_summary__says_what_the_erp_is_told(fresh: Night) -> None:
    ledger_of(fresh, {"C1": "true"})
    waits = fresh.publish().stdout
    assert "1 BLOCK, 0 CHANGE, 0 RELEASE; told once approved: the first run of" in waits
    late = fresh.publish("--approve-first", as_of=LATER).stdout
    assert "ERP files" in late
    assert "1 BLOCK, 0 CHANGE, 0 RELEASE" in late
    again = fresh.publish("--revise", *fresh.configure("ageing.bounds = [30]")).stdout
    assert "none: a later date was told already" in again


def test_unknown_adapter__is_refused_before_anything_is_read(fresh: Night) -> None:
    line = fresh.refused(78, *fresh.configure('erp.files = ["sap_credit_segments"]'))
    assert "did you mean sap_credit_segment?" in line
