"""Night after night on a changing ledger: what the ERP is told, and what rules remember.

Among the nights are dates computed late, revisions, nights that wait for an approval and are
approved or not, and nights with a rule switched off. 400 nights: `make soak`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import encours
from encours.publish import outbox
from encours.publish.hold_check import check_hold_files
from encours_schemas.configuration import Configuration
from encours_schemas.rule_ids import RuleId
from tests.nights.changing_ledger import RULES, ChangingLedger, Row
from tests.nights.consumer import Erp
from tests.property.published import read_table

NEVER_WAITS = {"max_hold_changes": "1", "max_input_shrink": "1"}
WAITS_SOON = {"max_hold_changes": "0", "hold_changes_at_least": 0, "max_input_shrink": "1"}


@dataclass
class Nights:
    """An output filled night by night, with an ERP that follows it.

    published  the rows of `breaches` of every date that is visible
    seen       how often each kind of night occurred
    """

    place: Path
    seed: int
    erp: Erp = field(default_factory=Erp)
    published: dict[date, list[Row]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        """Choose the nights by random numbers of their own."""
        self.random = Random(self.seed + 1000)
        self.ledger = ChangingLedger(self.seed)
        self.states: dict[date, Path] = {}

    @property
    def out(self) -> Path:
        return self.place / "out"

    def _count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1

    def go_on(self) -> None:
        """Compute one more night, of one kind or another."""
        self.number += 1
        chance = self.random.random()
        if chance < 0.1 and self.states:
            self._revise()
        elif chance < 0.2 and len(self.states) > 2:
            self._backfill()
        else:
            self.ledger.next_day()
            self._run(self.ledger.day)

    def _ledger(self) -> Path:
        return self.ledger.write(self.place / f"ledger-{self.number}")

    def _configuration(self) -> Configuration:
        erp = WAITS_SOON if self.random.random() < 0.35 else NEVER_WAITS
        rules: dict[str, Any] = {}
        if self.random.random() < 0.15:
            rules[self.random.choice(RULES)] = {"enabled": False}
        return Configuration.model_validate({"erp": erp, "rules": rules})

    def _revise(self) -> None:
        """Compute the last date again, from a ledger that has changed since."""
        self._count("revised")
        self.ledger.new_item()
        self.ledger.new_limit(self.random.choice(list(self.ledger.customers)))
        self._run(max(self.states), revise=True)

    def _backfill(self) -> None:
        """Compute a date before the last one that nobody computed."""
        days = sorted(self.states)
        gaps = [day + timedelta(1) for day in days[:-1] if day + timedelta(1) not in self.states]
        if not gaps:
            return
        self._count("late")
        told = dict(self.erp.stopped)
        self._run(self.random.choice(gaps))
        assert self.erp.stopped == told, "a date before the last one told must change nothing"

    def _run(self, day: date, *, revise: bool = False) -> None:
        """Compute a night, let the ERP take it in, and check what was remembered."""
        configuration = self._configuration()
        ledger = self._ledger()
        result = encours.run(
            ledger, day, self.out, configuration, threads=1, revise=revise, approve_first=True
        )
        self.states[day] = result.directory
        breaches = read_table(result.directory, "breaches")
        wrong = list(self._wrongly_remembered(day, breaches, configuration))
        assert not wrong, f"night {self.number}, {day}:\n" + "\n".join(wrong)
        self.published[day] = breaches
        state = result.manifest["erp"]["state"]
        self._count(state)
        if state == "waiting":
            assert not (result.directory / "erp").exists()
            if self.random.random() < 0.5:
                return
            self._count("approved")
            outbox.approve(result.directory, "A. Martin")
        self._tell(result.directory)
        self._check_holds(result.directory)

    def _tell(self, run: Path) -> None:
        """Let the ERP take the files of a run in: checked first, then line by line."""
        assert check_hold_files(run / "erp").problems == ()
        wrong = self.erp.take_in(run / "erp" / "hold_changes.csv")
        assert not wrong, f"night {self.number}:\n" + "\n".join(wrong)
        tells = read_state(run) == "told"
        if tells:
            assert not self.erp.picture_differs(run / "erp" / "holds.csv"), f"night {self.number}"
        assert self.erp.broken_alternations() == []

    def _check_holds(self, run: Path) -> None:
        """Compare the full picture with the flags of the published accounts."""
        kinds = ("hold_orders", "hold_deliveries", "hold_production")
        held = {
            (row["credit_account_id"], row["credit_segment"])
            for row in read_table(run, "credit_accounts")
            if any(row[kind] for kind in kinds)
        }
        if read_state(run) == "told":
            accounts = {
                name: row["credit_account_id"] or name
                for name, row in self.ledger.customers.items()
            }
            told = {
                (accounts.get(customer, customer), segment)
                for customer, segment in self.erp.stopped
            }
            assert told == held, f"night {self.number}"

    def _wrongly_remembered(
        self, day: date, breaches: list[Row], configuration: Configuration
    ) -> Iterator[str]:
        """Tell what the memory of a night has wrong, against the latest earlier night."""
        earlier_days = [one for one in self.published if one < day]
        known = {}
        if earlier_days:
            rows = self.published[max(earlier_days)]
            known = {row["breach_id"]: row for row in rows if row["status"] != "cured"}
        told = {row["breach_id"]: row for row in breaches}
        assert len(told) == len(breaches), "a breach occurs twice"
        for name, row in told.items():
            before = known.get(name)
            if row["status"] == "new" and (before is not None or row["first_seen"] != day):
                yield f"{name} is not new"
            if row["status"] != "new" and before is None:
                yield f"{name} is {row['status']}, and was not there before"
            if before is not None and row["first_seen"] != before["first_seen"]:
                yield f"{name} was first seen on {before['first_seen']}"
        for name, before in known.items():
            is_on = configuration.rules.of(RuleId(before["rule"])).enabled
            if is_on != (name in told):
                yield f"{name} should be {'cured' if is_on else 'gone'}"


def read_state(run: Path) -> str:
    """Say whether the ERP was told by a run."""
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return "older" if manifest["erp"]["state"] == "older_than_told" else "told"


def live_through(place: Path, seed: int, count: int) -> Nights:
    nights = Nights(place, seed)
    for _ in range(count):
        nights.go_on()
    return nights


def test_thirty_nights__are_told_once_and_remembered(tmp_path: Path) -> None:
    nights = live_through(tmp_path, 1, 30)
    assert {"told", "waiting", "approved", "revised", "late", "older_than_told"} <= set(nights.seen)
    assert {"BLOCK", "RELEASE", "CHANGE"} <= {
        action for actions in nights.erp.history.values() for action in actions
    }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_hundred_nights__are_told_once_and_remembered(seed: int, tmp_path: Path) -> None:
    live_through(tmp_path, seed, 100)
