"""Nights told through the real outbox: each change once, whatever is run again, late or revised."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from encours.publish import outbox, records
from encours.publish.hold_check import check_hold_files
from encours.publish.manifest import read_manifest
from encours.publish.runs import verify_run
from encours.publish.staging import Staging
from encours_schemas.configuration import Erp
from encours_schemas.errors import InputRefused, OutputBusy, OutputUnwritable
from tests.erp.nights import (
    FIRST,
    Holds,
    Key,
    Ledger,
    changes_of,
    picture_of,
    rows_of,
    take_in,
    tell,
)

A, B, C = ("A", "ALL"), ("B", "ALL"), ("C", "EU")
ALL = (A, B, C)


def night(output: Path, day: int, holds: Holds, **options: object) -> Path:
    ledger = Ledger(holds, tuple(key for key in ALL if key not in holds))
    return tell(output, FIRST + timedelta(day), ledger, **options).directory  # type: ignore[arg-type]


def actions(run: Path) -> list[tuple[str, str]]:
    return [(row["action"], row["customer_id"]) for row in changes_of(run)]


def state_of(run: Path) -> str:
    return str(read_manifest(run)["erp"]["state"])


def control_of(run: Path) -> dict[str, object]:
    facts: dict[str, object] = json.loads((run / "erp" / "control.json").read_bytes())
    return facts


def test_changes__are_told_once_and_alternate(output: Path) -> None:
    nights: list[Holds] = [{A: 1}, {A: 3, B: 1}, {A: 3, B: 1}, {B: 1}, {A: 7, B: 1, C: 4}]
    told = [actions(night(output, day, holds)) for day, holds in enumerate(nights)]
    assert told == [
        [("BLOCK", "A")],
        [("CHANGE", "A"), ("BLOCK", "B")],
        [],
        [("RELEASE", "A")],
        [("BLOCK", "A"), ("BLOCK", "C")],
    ]


def test_files__say_which_run_they_follow(output: Path) -> None:
    runs = [night(output, day, {A: 1}) for day in range(3)]
    controls = [control_of(run) for run in runs]
    assert [each["follows"] for each in controls] == [None, *(c["run_id"] for c in controls[:2])]
    assert [each["position"] for each in controls] == [1, 2, 3]
    for run in runs:
        assert verify_run(run) == []
        assert check_hold_files(run / "erp").problems == ()


def test_first_run__waits_unless_it_is_approved_beforehand(output: Path) -> None:
    run = night(output, 0, {A: 1}, approve_first=False)
    assert state_of(run) == "waiting"
    assert not (run / "erp").exists()
    assert verify_run(run) == []
    assert outbox.last_told(output) is None
    warnings = {each["code"] for each in read_manifest(run)["warnings"]}
    assert warnings == {"breaker_waits"}
    # Nothing was told, so the next night is a first one, too, and tells all of its own.
    later = night(output, 1, {B: 1}, approve_first=False)
    assert state_of(later) == "waiting"
    done = outbox.approve(later, "A. Martin")
    assert (done.already, done.changes) == (False, {"BLOCK": 1, "CHANGE": 0, "RELEASE": 0})
    assert actions(later) == [("BLOCK", "B")]
    assert control_of(later)["follows"] is None
    assert verify_run(later) == []
    assert outbox.approve(later, "B. Martin").already


def test_same_night_again__tells_nothing_new(output: Path) -> None:
    night(output, 0, {A: 1})
    first = night(output, 1, {B: 1})
    before = (first / "erp" / "hold_changes.csv").read_bytes()
    night(output, 2, {C: 1})
    again = tell(output, FIRST + timedelta(1), Ledger({B: 1}, (A, C)))
    assert again.already
    assert (first / "erp" / "hold_changes.csv").read_bytes() == before


def test_revised_date__tells_only_what_the_earlier_revision_did_not(output: Path) -> None:
    night(output, 0, {A: 1})
    night(output, 1, {A: 1, B: 1})
    revised = night(output, 1, {B: 1, C: 2}, revise=True)
    assert actions(revised) == [("RELEASE", "A"), ("BLOCK", "C")]
    # Back to the first inputs: another run, because it follows another.
    back = night(output, 1, {A: 1, B: 1}, revise=True)
    assert actions(back) == [("BLOCK", "A"), ("RELEASE", "C")]
    ids = {record.run_id for record in records.list_records(output)}
    assert len(ids) == 4
    assert night(output, 1, {A: 1, B: 1}) == back


def test_older_date__tells_nothing_and_says_so(output: Path) -> None:
    night(output, 0, {A: 1})
    night(output, 5, {B: 1})
    late = night(output, 3, {C: 1})
    assert state_of(late) == "older_than_told"
    assert actions(late) == []
    assert control_of(late)["tells"] is False
    assert [each["code"] for each in read_manifest(late)["warnings"]] == ["older_than_told"]
    assert picture_of(late) == {C: 1}
    with pytest.raises(OutputUnwritable, match="older than the last run told"):
        outbox.approve(late, "A. Martin")
    # The chain goes on as if it had not been there.
    assert actions(night(output, 6, {B: 1, A: 1})) == [("BLOCK", "A")]
    # Nor does a revision of a date before the last one told.
    assert actions(night(output, 0, {C: 1}, revise=True)) == []


def test_vanished_account__is_released(output: Path) -> None:
    night(output, 0, {A: 1, B: 1})
    run = tell(output, FIRST + timedelta(1), Ledger({B: 1})).directory
    row = changes_of(run)[0]
    assert (row["action"], row["customer_id"], row["exposure"]) == ("RELEASE", "A", "0.000")
    assert (row["credit_limit"], row["cure_amount"], row["reasons"]) == ("", "", "")


def test_release__shows_the_exposure_of_today(output: Path) -> None:
    night(output, 0, {B: 1})
    row = changes_of(night(output, 1, {C: 1}))[0]
    # B is the third of the accounts: C, A, B.
    assert (row["action"], row["customer_id"], row["exposure"]) == ("RELEASE", "B", "1.020")


def test_shared_account__stops_each_of_its_customers(output: Path) -> None:
    members = {"A": ("A1", "A", "=A2")}
    ledger = Ledger({A: 1, ("A", "EU"): 2}, (B,), members)
    run = tell(output, FIRST, ledger).directory
    expected = {(name, segment): bits for name in members["A"]
                for segment, bits in (("ALL", 1), ("EU", 2))}  # fmt: skip
    assert picture_of(run) == expected
    names = {row["customer_name"] for row in rows_of((run / "erp/holds_readable.csv").read_bytes())}
    assert names == {"Name of A1", "Name of A", "Name of =A2"}
    warning = read_manifest(run)["warnings"][0]
    assert (warning["code"], warning["count"]) == ("formula_id", 2)
    readable = (run / "erp" / "holds_readable.csv").read_text()
    assert "'=A2" in readable
    assert "'=A2" not in (run / "erp" / "holds.csv").read_text()


# -- the breaker -----------------------------------------------------------------------------------


def many(count: int, bits: int = 1) -> dict[Key, int]:
    return {(f"K{number:04d}", "ALL"): bits for number in range(count)}


@pytest.mark.parametrize(
    ("accounts", "changes", "state"),
    [
        (100, 20, "told"),  # never fewer than 20
        (100, 21, "waiting"),
        (1_000, 50, "told"),  # 5 % of 1,000
        (1_000, 51, "waiting"),
    ],
)
def test_breaker__counts_changes(output: Path, accounts: int, changes: int, state: str) -> None:
    everyone = tuple(many(accounts))
    tell(output, FIRST, Ledger({}, everyone))
    held = many(changes)
    others = tuple(key for key in everyone if key not in held)
    run = tell(output, FIRST + timedelta(1), Ledger(held, others)).directory
    assert state_of(run) == state
    assert (run / "erp").exists() == (state == "told")


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ({"open_items": 80, "allocations": 50}, "told"),
        ({"open_items": 79, "allocations": 50}, "waiting"),
        ({"open_items": 100}, "waiting"),
        ({"open_items": 100, "allocations": 50, "sales": 1}, "told"),
    ],
)
def test_breaker__looks_at_shrunken_tables(output: Path, rows: dict[str, int], state: str) -> None:
    before = {"open_items": 100, "allocations": 50}
    tell(output, FIRST, Ledger({A: 1}, rows=before))
    run = tell(output, FIRST + timedelta(1), Ledger({A: 1}, rows=rows)).directory
    assert state_of(run) == state
    exempt = Erp(shrink_exempt=("open_items", "allocations"))
    later = tell(output, FIRST + timedelta(2), Ledger({A: 1}, rows=rows), settings=exempt)
    assert state_of(later.directory) == "told"


def test_breaker__a_lost_file_waits_on_the_second_night_too(output: Path) -> None:
    tell(output, FIRST, Ledger({A: 1}, rows={"allocations": 50}))
    for day in (1, 2):
        ledger = Ledger({A: 1, B: 1}, rows={"allocations": 1})
        assert state_of(tell(output, FIRST + timedelta(day), ledger).directory) == "waiting"
    back = tell(output, FIRST + timedelta(3), Ledger({A: 1, B: 1}, rows={"allocations": 55}))
    assert actions(back.directory) == [("BLOCK", "B")]


def test_waiting_run__is_passed_over_by_the_next(output: Path) -> None:
    night(output, 0, {A: 1})
    waiting = tell(output, FIRST + timedelta(1), Ledger({B: 1}, (A,), rows={"open_items": 1}))
    later = night(output, 2, {A: 1, C: 1})
    assert control_of(later)["follows"] == control_of(output / f"as_of={FIRST}")["run_id"]
    assert actions(later) == [("BLOCK", "C")]
    with pytest.raises(OutputUnwritable, match="another run was told since"):
        outbox.approve(waiting.directory, "A. Martin")


def test_approval__is_for_the_latest_run_alone(output: Path) -> None:
    first = night(output, 0, {A: 1}, approve_first=False)
    night(output, 1, {B: 1}, approve_first=False)
    with pytest.raises(OutputUnwritable, match="a later run is published"):
        outbox.approve(first, "A. Martin")


def test_approval__refuses_files_that_were_changed(output: Path) -> None:
    run = night(output, 0, {A: 1}, approve_first=False)
    run_id = read_manifest(run)["run_id"]
    waiting = records.outbox(output) / run_id / "erp" / "holds.csv"
    waiting.write_bytes(waiting.read_bytes() + b"x")
    with pytest.raises(OutputUnwritable, match="is not what was written"):
        outbox.approve(run, "A. Martin")


def test_approved_run__published_again_is_told_at_once(output: Path) -> None:
    run = night(output, 0, {A: 1}, approve_first=False)
    outbox.approve(run, "A. Martin")
    before = (run / "erp" / "hold_changes.csv").read_bytes()
    (run / "erp" / "holds.csv").unlink()
    night(output, 0, {A: 1}, revise=True, approve_first=False)
    assert (run / "erp" / "hold_changes.csv").read_bytes() == before
    assert verify_run(run) == []
    assert actions(night(output, 1, {A: 1})) == []


@pytest.mark.parametrize("what", ["nothing", "no output"])
def test_approval__of_what_is_no_run(output: Path, what: str) -> None:
    if what == "nothing":
        night(output, 0, {A: 1})
    with pytest.raises(OutputUnwritable, match="no published run") as refusal:
        outbox.approve(output / "as_of=2031-01-01", "A. Martin") if what == "no output" else (
            outbox.approve(output.parent, "A. Martin")
        )
    assert refusal.value.exit_status == 73


def test_approval__waits_for_the_run_that_writes_the_output(output: Path) -> None:
    run = night(output, 0, {A: 1}, approve_first=False)
    with Staging(output, FIRST + timedelta(1)), pytest.raises(OutputBusy, match="another run"):
        outbox.approve(run, "A. Martin")
    assert outbox.last_told(output) is None


def test_picture__that_cannot_be_read_is_refused_or_paid_for(output: Path) -> None:
    run = night(output, 0, {A: 1})
    folder = records.outbox(output) / read_manifest(run)["run_id"]
    (folder / "told.parquet").write_bytes(b"torn")
    with pytest.raises(InputRefused, match="--without-memory"):
        night(output, 1, {A: 1, B: 1})
    again = night(output, 1, {A: 1, B: 1}, without_memory=True)
    assert state_of(again) == "waiting"
    outbox.approve(again, "A. Martin")
    assert actions(again) == [("BLOCK", "A"), ("BLOCK", "B")]


def test_erp_files__taken_away_by_the_consumer_are_not_told_again(output: Path) -> None:
    run = night(output, 0, {A: 1})
    for path in (run / "erp").iterdir():
        path.unlink()
    assert actions(night(output, 1, {A: 1, B: 1})) == [("BLOCK", "B")]


# -- what the ERP shows ----------------------------------------------------------------------------


def differences_of(run: Path) -> list[tuple[str, str | None, str, str]]:
    import pyarrow.parquet as pq

    rows = pq.read_table(run / "hold_differences").to_pylist()
    names = ("customer_id", "credit_segment", "hold_kind", "difference")
    return [tuple(row[name] for name in names) for row in rows]


def test_erp_holds__a_release_touches_none_of_others(output: Path) -> None:
    night(output, 0, {A: 3, B: 1, C: 1})
    shown = (
        ("A", "ALL", "orders", "encours"),
        ("A", "ALL", "deliveries", "person"),
        ("B", None, "orders", None),
        ("C", "EU", "orders", "encours"),
    )
    ledger = Ledger({}, ALL, erp_holds=shown)
    run = tell(output, FIRST + timedelta(1), ledger).directory
    # A keeps the delivery hold that a person has set; B's hold has no origin: not ours.
    assert [(row["action"], row["customer_id"], row["hold_orders"], row["hold_deliveries"])
            for row in changes_of(run)] == [
        ("CHANGE", "A", "N", "Y"), ("RELEASE", "C", "N", "N"),
    ]  # fmt: skip
    assert differences_of(run) == [
        ("A", "ALL", "deliveries", "foreign_kept"),
        ("B", None, "orders", "foreign_kept"),
    ]
    # Gone in the ERP: now the rest is released, once.
    later = tell(output, FIRST + timedelta(2), Ledger({}, ALL, erp_holds=())).directory
    assert actions(later) == [("RELEASE", "A"), ("RELEASE", "B")]
    assert {each[3] for each in differences_of(later)} == {"missing_in_erp"}


def test_erp_holds__differences_are_listed_and_warned_about(output: Path) -> None:
    night(output, 0, {A: 1, C: 6})
    shown = (
        ("A", "ALL", "orders", "encours"),
        ("A", "ALL", "production", "encours"),
        ("C", "EU", "production", "encours"),
        ("Z", "ALL", "orders", "legacy"),
    )
    ledger = Ledger({A: 1, C: 6}, (B,), erp_holds=shown)
    run = tell(output, FIRST + timedelta(1), ledger).directory
    assert actions(run) == []
    assert differences_of(run) == [
        ("A", "ALL", "production", "own_not_told"),
        ("C", "EU", "deliveries", "missing_in_erp"),
        ("Z", "ALL", "orders", "foreign"),
    ]
    warning = read_manifest(run)["warnings"][0]
    assert (warning["code"], warning["count"]) == ("erp_holds_differ", 3)


# -- many nights -----------------------------------------------------------------------------------


def test_replay__of_all_changes_gives_the_last_picture(output: Path) -> None:
    draw = random.Random(20261001)
    keys = [(f"K{number}", segment) for number in range(9) for segment in ("ALL", "EU")]
    state: dict[Key, int] = {}
    told: list[str] = []
    last = FIRST
    picture: dict[Key, int] = {}
    for number in range(40):
        step = draw.choice((1, 1, 1, 0, -1))
        as_of = last + timedelta(step)
        holds = {key: draw.randint(1, 7) for key in keys if draw.random() < 0.4}
        lost = draw.random() < 0.15 and number > 0
        rows = {"open_items": 10 if lost else 100 + number}
        ledger = Ledger(holds, tuple(key for key in keys if key not in holds), rows=rows)
        run = tell(output, as_of, ledger, revise=True)
        if draw.random() < 0.2:
            assert tell(output, as_of, ledger, revise=True).already
        if state_of(run.directory) == "waiting" and draw.random() < 0.5:
            with_later = [path.name for path in output.glob("as_of=*") if path > run.directory]
            if not with_later:
                outbox.approve(run.directory, "A. Martin")
        erp = run.directory / "erp"
        if not erp.exists() or not control_of(run.directory)["tells"]:
            continue
        check = check_hold_files(erp, last_run=told[-1] if told else "")
        assert check.problems == ()
        take_in(state, changes_of(run.directory))
        told.append(check.run_id)
        picture, last = picture_of(run.directory), max(last, as_of)
        assert state == picture
    assert len(told) > 15
    last_told = outbox.last_told(output)
    assert last_told is not None
    assert last_told.run_id == told[-1]
    assert [position_of(output, run_id) for run_id in told] == list(range(1, len(told) + 1))


def position_of(output: Path, run_id: str) -> int:
    found = outbox.told_by(output, run_id)
    assert found is not None
    return found.entry.position


def test_dates__of_any_order_never_shorten_the_chain(output: Path) -> None:
    assert date(2026, 10, 1) == FIRST
    for day in (3, 1, 2, 0):
        night(output, day, {A: 1} if day else {B: 1})
    assert actions(night(output, 4, {B: 1})) == [("RELEASE", "A"), ("BLOCK", "B")]
