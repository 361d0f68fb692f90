"""What a run remembers of earlier ones: statuses, first days, lost, late and broken runs."""

from pathlib import Path

import pytest

from tests.breaches.scene import Scene, breaches_of
from tests.jobs.ledgers import Night, Row, row

DAYS = ("2026-10-27", "2026-10-28", "2026-10-29", "2026-10-30")


def play(night: Night, day: str, exposures: dict[str, str], *arguments: str) -> None:
    """Publish one night: customers with a limit of 100.00 each and one open item."""
    scene = Scene()
    for name, amount in exposures.items():
        scene.limited(name, "100.00", amount)
    tables: dict[str, list[Row]] = {"companies": [row("companies", company_code="1000")]}
    for table, rows in {**tables, **scene.tonight}.items():
        night.ledger.csv(table, *rows)
    night.publish(*arguments, as_of=day)


def status(night: Night, day: str, name: str = "A") -> tuple[str, str] | None:
    found = breaches_of(night, day).get(("limit_exceeded", name))
    return None if found is None else (found["status"], found["first_seen"].isoformat())


def test_status__goes_from_new_to_cured_once_and_begins_anew(fresh: Night) -> None:
    told = []
    for day, exposure in zip(DAYS, ("150.00", "160.00", "110.00", "1.00"), strict=True):
        play(fresh, day, {"A": exposure, "B": "1.00"})
        told.append(status(fresh, day))
    assert told == [
        ("new", DAYS[0]),
        ("worsened", DAYS[0]),
        ("improved", DAYS[0]),
        ("cured", DAYS[0]),
    ]
    play(fresh, "2026-10-31", {"A": "1.00", "B": "1.00"})
    assert status(fresh, "2026-10-31") is None
    play(fresh, "2026-11-01", {"A": "150.00", "B": "1.00"})
    assert status(fresh, "2026-11-01") == ("new", "2026-11-01")


def test_vanished_account__is_cured_and_its_hold_gone(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00", "B": "1.00"})
    play(fresh, DAYS[1], {"B": "1.00"})
    assert status(fresh, DAYS[1]) == ("cured", DAYS[0])
    assert fresh.rows("credit_accounts", "credit_account_id", as_of=DAYS[1]) == ["B"]


def test_rule_switched_off__forgets_without_curing(fresh: Night) -> None:
    off = fresh.configure("[rules.limit_exceeded]\nenabled = false\n")
    play(fresh, DAYS[0], {"A": "150.00"})
    play(fresh, DAYS[1], {"A": "150.00"}, *off)
    assert status(fresh, DAYS[1]) is None
    assert fresh.rows("credit_accounts", "hold_orders", as_of=DAYS[1]) == [False]
    play(fresh, DAYS[2], {"A": "150.00"})
    assert status(fresh, DAYS[2]) == ("new", DAYS[2])


def test_backfill__looks_at_earlier_dates_alone(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    play(fresh, DAYS[3], {"A": "150.00"})
    later = (fresh.published(DAYS[3]) / "manifest.json").read_bytes()
    play(fresh, DAYS[1], {"A": "160.00"})
    assert status(fresh, DAYS[1]) == ("worsened", DAYS[0])
    assert (fresh.published(DAYS[3]) / "manifest.json").read_bytes() == later
    play(fresh, DAYS[2], {"A": "150.00"})
    assert status(fresh, DAYS[2]) == ("improved", DAYS[0])


def test_revised_night__compares_with_the_night_before_it(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    play(fresh, DAYS[1], {"A": "1.00"})
    play(fresh, DAYS[1], {"A": "151.00"}, "--revise")
    assert status(fresh, DAYS[1]) == ("worsened", DAYS[0])


@pytest.mark.parametrize("broken", ["manifest", "breaches", "items"])
def test_unreadable_earlier_run__is_refused_or_forgotten_at_a_price(
    fresh: Night, broken: str
) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    folder = fresh.published(DAYS[0])
    path: Path = folder / "manifest.json"
    if broken != "manifest":
        path = folder / broken / "part-00000.parquet"
    data = path.read_bytes()
    torn = data[:40] if broken != "breaches" else data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
    path.write_bytes(torn)
    line = fresh.refused(65, as_of=DAYS[1])
    assert "the earlier run cannot be remembered" in line
    assert "--without-memory: then every breach is new" in line
    play(fresh, DAYS[1], {"A": "150.00"}, "--without-memory")
    assert status(fresh, DAYS[1]) == ("new", DAYS[1])
    assert "memory_lost" in fresh.warnings(DAYS[1])
    assert fresh.manifest(DAYS[1])["previous_run"] is None


def test_without_memory__changes_nothing_while_the_earlier_run_can_be_read(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    play(fresh, DAYS[1], {"A": "150.00"}, "--without-memory")
    assert status(fresh, DAYS[1]) == ("unchanged", DAYS[0])
    assert "memory_lost" not in fresh.warnings(DAYS[1])


def test_same_night_again__is_the_same_run(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    play(fresh, DAYS[1], {"A": "150.00"})
    first = fresh.manifest(DAYS[1])["run_id"]
    play(fresh, DAYS[1], {"A": "150.00"})
    assert fresh.manifest(DAYS[1])["run_id"] == first


def test_other_reporting_currency__compares_severity_and_holds_alone(fresh: Night) -> None:
    play(fresh, DAYS[0], {"A": "150.00"})
    rate = {"from_currency": "EUR", "to_currency": "USD", "rate": "1.10"}
    fresh.ledger.csv("fx_rates", row("fx_rates", rate_date=DAYS[1], **rate))
    play(fresh, DAYS[1], {"A": "160.00"}, "--reporting-currency", "USD")
    assert status(fresh, DAYS[1]) == ("unchanged", DAYS[0])
