"""A customer explained: what is told adds up to what was published."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from encours.explain.breach import breach_record, breach_text, explain_breach
from encours.explain.customer import explain_customer
from encours.explain.customer_text import customer_record, customer_text
from encours_jobs.cli import main
from encours_schemas.errors import InputMissing, InputRefused
from tests.naive.credit import LIMIT_COLUMNS
from tests.property.limit_ledgers import build_limit_case
from tests.property.published import EngineRun, run_engine

SEEDS = (4, 10)
CREDITS = ("credit_notes", "unapplied_payments", "down_payments")


@pytest.fixture(scope="module", params=SEEDS)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EngineRun:
    """One ledger rich in limits, published."""
    case = build_limit_case(request.param, with_defects=False)
    case.configuration["exposure"] = {"components_left_out": [], "credits_reduce": True}
    return run_engine(case, tmp_path_factory.mktemp("explained"), request.param)


def stories(night: EngineRun) -> list[Any]:
    accounts = sorted({row["credit_account_id"] for row in night.table("credit_accounts")})
    return [explain_customer(night.directory, account) for account in accounts]


def test_story__has_every_account_with_its_published_row(night: EngineRun) -> None:
    told = [one.account for story in stories(night) for one in story.accounts]
    published = night.table("credit_accounts")
    assert all(row in published for row in told)
    assert all(row in told for row in published)


def test_items__add_up_to_the_component_columns(night: EngineRun) -> None:
    for one in (one for story in stories(night) for one in story.accounts):
        account = one.account
        for name in ("receivables", "bills_of_exchange", "financed_with_recourse"):
            assert one.of_component(name) == account[name], name
        rows = sum(one.of_component(name) or Decimal(0) for name in CREDITS)
        # What a down payment took off an order that counts is no credit any more.
        counted = sum(account[name] for name in CREDITS) + account["credit_balance"]
        assert rows <= counted
        covered = sum((row["insured_covered_rc"] or Decimal(0) for row in one.items), Decimal(0))
        assert covered >= (account["insured_covered"] or 0)


def test_limits__in_force_are_those_of_the_published_columns(night: EngineRun) -> None:
    for one in (one for story in stories(night) for one in story.accounts):
        in_force = {row.kind for row in one.limits if row.state == "in force"}
        if one.account["internal_limit"] is not None:
            assert "internal" in in_force
        assert all(row.state for row in one.limits)
        if one.account["limit_status"] == "expired":
            assert "internal" not in in_force


def test_page_and_record__tell_the_same_figures(night: EngineRun) -> None:
    for story in stories(night):
        page, record = customer_text(story), customer_record(story)
        for one, told in zip(story.accounts, record["accounts"], strict=True):
            assert told["account"]["exposure"] == str(one.account["exposure"])
            assert one.account["credit_account_id"].strip() in page
            assert set(LIMIT_COLUMNS) <= set(told["account"])
            if not any(one.account[f"hold_{kind}"] for kind in ("orders", "deliveries")):
                assert told["clearing"] == ["Nothing is held."] or one.account["hold_production"]
        json.dumps(record)


def test_breach__is_told_with_its_rule_and_figures(night: EngineRun) -> None:
    for row in night.table("breaches"):
        story = explain_breach(night.directory, row["breach_id"])
        assert story.breach == row
        page, record = breach_text(story), breach_record(story)
        assert row["rule"] in page
        assert record["breach"]["measured"] == (
            None if row["measured"] is None else str(row["measured"])
        )
        assert story.settings["enabled"] is True
        assert all(one["credit_account_id"] == row["party_id"] for one in story.accounts)


def test_unknown_ids__are_refused_with_a_cure(night: EngineRun) -> None:
    with pytest.raises(InputMissing, match="no credit account"):
        explain_customer(night.directory, "NO SUCH")
    rows = night.table("breaches")
    if rows:
        with pytest.raises(InputMissing, match="did you mean"):
            explain_breach(night.directory, rows[0]["breach_id"] + "x")


def test_changed_ledger__is_refused(tmp_path: Path) -> None:
    run = run_engine(build_limit_case(1, with_defects=False), tmp_path, 1)
    with (tmp_path / "ledger" / "added.txt").open("w") as file:
        file.write("no table")
    changed = next(path for path in (tmp_path / "ledger").rglob("*.csv*"))
    changed.write_bytes(changed.read_bytes() + b"\n")
    account = run.table("credit_accounts")[0]["credit_account_id"]
    with pytest.raises(InputRefused, match="not the one that the run read"):
        explain_customer(run.directory, account)


def test_commands__print_text_and_json(night: EngineRun) -> None:
    account = night.table("credit_accounts")[0]["credit_account_id"]
    common = ["--run", str(night.directory)]
    for arguments in (["customer", account], ["customer", account, "--format", "json"]):
        done = CliRunner().invoke(main, ["explain", *arguments, *common])
        assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    ids = [one["account"]["credit_account_id"] for one in told["accounts"]]
    assert account in ids
    for row in night.table("breaches")[:1]:
        done = CliRunner().invoke(
            main, ["explain", "breach", row["breach_id"], "--format", "json", *common]
        )
        assert json.loads(done.stdout)["breach"]["breach_id"] == row["breach_id"]
