"""Each rule exactly at its threshold, one cent or one day beyond, and at its hysteresis."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.breaches.scene import TODAY, Found, Scene, breaches_of, days_ago, in_days, played, said
from tests.jobs.ledgers import EVE, Night

WARNING, BREACH = "warning", "breach"
Case = tuple[str, str, tuple[str, str] | None]
CASES: list[Case] = []


def expect(rule: str, party: str, severity: str | None, holds: str = "") -> None:
    CASES.append((rule, party, None if severity is None else (severity, holds)))


def limits(scene: Scene) -> None:
    rule = "limit_exceeded"
    for exposure, severity, holds in (
        ("90.00", None, ""),
        ("90.01", WARNING, ""),
        ("100.00", WARNING, ""),
        ("100.01", BREACH, "o"),
        ("120.00", BREACH, "o"),
        ("120.01", BREACH, "odp"),
    ):
        scene.limited(f"L{exposure}", "100.00", exposure)
        expect(rule, f"L{exposure}", severity, holds)
    scene.limited("zero", "0.00", "0.01")
    expect(rule, "zero", BREACH, "odp")
    scene.customer("nothing").limit("nothing", "0.00")
    expect(rule, "nothing", None)
    for was, now, severity, holds in (
        ("100.01", "95.00", BREACH, "o"),
        ("100.01", "94.99", WARNING, ""),
        ("120.01", "114.00", BREACH, "odp"),
        ("120.01", "113.99", BREACH, "o"),
        ("100.00", "99.99", WARNING, ""),
        ("90.01", "90.00", None, ""),
    ):
        scene.limited(f"H{was}>{now}", "100.00", now, was)
        expect(rule, f"H{was}>{now}", severity, holds)
    scene.customer("free")
    scene.limit("free", "0", unlimited="true").owes("free", "1000000.00")
    expect(rule, "free", None)
    expect("limit_missing", "free", None)


def missing_limits(scene: Scene) -> None:
    scene.customer("bare").owes("bare", "0.01")
    expect("limit_missing", "bare", WARNING)
    scene.customer("gone").limit("gone", "10.00", valid_to=days_ago(1)).owes("gone", "0.01")
    expect("limit_expired", "gone", BREACH, "o")
    expect("limit_missing", "gone", None)
    scene.customer("last").limit("last", "10.00", valid_to=days_ago(0)).owes("last", "0.01")
    expect("limit_expired", "last", None)
    for name, exposure, end, severity in (
        ("temporary", "100.01", 7, WARNING),
        ("temporary later", "100.01", 8, None),
        ("temporary unneeded", "100.00", 7, None),
    ):
        scene.customer(name).limit(name, "100.00").owes(name, exposure)
        scene.limit(name, "60.00", kind="temporary", valid_to=in_days(end))
        expect("temporary_limit_ending", name, severity)


def groups(scene: Scene) -> None:
    for head, second, severity, holds in (
        ("G100", "50.00", WARNING, ""),
        ("G100c", "50.01", BREACH, "o"),
    ):
        scene.customer(head).limit(head, "100.00", scope="group").owes(head, "50.00")
        scene.customer(f"{head} child", parent_id=head).owes(f"{head} child", second)
        for member in (head, f"{head} child"):
            expect("group_limit_exceeded", member, severity, holds)


def ages(scene: Scene) -> None:
    rule = "overdue_age"
    for days, severity, holds in (
        (30, None, ""),
        (31, WARNING, ""),
        (60, WARNING, ""),
        (61, BREACH, "o"),
        (90, BREACH, "o"),
        (91, BREACH, "od"),
    ):
        name = f"age {days}"
        scene.customer(name).owes(name, "100.00", due_date=days_ago(days))
        expect(rule, name, severity, holds)
    scene.customer("small").owes("small", "99.99", due_date=days_ago(91))
    expect(rule, "small", None)
    for credit, severity in (("-100.00", WARNING), ("-100.01", None)):
        for kind in ("credit_note", "payment"):
            name = f"{kind} {credit}"
            scene.customer(name).owes(name, "200.00", due_date=days_ago(31))
            scene.owes(name, credit, document_type=kind)
            expect(rule, name, severity)
    scene.customer("down").owes("down", "200.00", due_date=days_ago(31))
    scene.owes("down", "-200.00", document_type="down_payment")
    expect(rule, "down", WARNING)
    scene.customer("abroad").owes("abroad", "200.00", due_date=days_ago(31))
    scene.owes("abroad", "-200.00", document_type="payment", company_code="2000")
    expect(rule, "abroad", WARNING)
    for begun, severity in ((59, None), (60, WARNING)):
        name = f"disputed {begun}"
        scene.customer(name)
        scene.owes(
            name, "200.00", due_date=days_ago(31), disputed="true",
            disputed_amount="100.01", disputed_from=days_ago(begun),
        )  # fmt: skip
        expect(rule, name, severity)
    for now, severity, holds in ((57, BREACH, "o"), (56, WARNING, "")):
        name = f"held {now}"
        scene.customer(name).owes(name, "100.00", due_date=days_ago(62), when="before")
        scene.owes(name, "100.00", due_date=days_ago(now))
        expect(rule, name, severity, holds)


def shares(scene: Scene) -> None:
    rule = "overdue_share"
    for late, rest, severity in (
        ("150.00", "150.00", None),
        ("150.01", "150.00", WARNING),
        ("100.00", "0.01", None),
        ("100.01", "0.01", WARNING),
    ):
        name = f"share {late}"
        scene.customer(name).owes(name, late, due_date=days_ago(1)).owes(name, rest)
        expect(rule, name, severity)


def proceedings(scene: Scene) -> None:
    for kind, holds in (("liquidation", "odp"), ("safeguard", "o"), ("reorganisation", "o")):
        scene.customer(kind, insolvency_date=days_ago(0), insolvency_kind=kind)
        expect("insolvency", kind, BREACH, holds)
        expect("claim_filing", kind, None)
    scene.customer("tomorrow", insolvency_date=in_days(1)).owes("tomorrow", "1.00")
    expect("insolvency", "tomorrow", None)
    scene.customer("ended", insolvency_date=days_ago(9), insolvency_ended_on=days_ago(0))
    scene.owes("ended", "1.00")
    expect("insolvency", "ended", None)
    for published, severity in (("2026-09-11", WARNING), ("2026-09-10", BREACH)):
        name = f"claim {published}"
        scene.customer(name, insolvency_date="2026-09-01", insolvency_published_on=published).owes(
            name, "1.00"
        )
        expect("claim_filing", name, severity)
    scene.add("companies", company_code="1000").add(
        "companies", company_code="2000", country="DE", credit_segment="DE"
    )
    scene.customer("four months", insolvency_date="2026-07-11")
    scene.owes("four months", "1.00", company_code="2000")
    expect("claim_filing", "four months", WARNING)
    scene.customer("stopped", manual_hold="true")
    expect("manual_hold", "stopped", BREACH, "odp")


def items(scene: Scene) -> None:
    for name, due, term, severity in (
        ("net 60", "2026-09-30", None, None),
        ("net 61", "2026-10-01", "NET61", WARNING),
        ("end of month", "2026-10-15", "EOM45", None),
        ("beyond it", "2026-10-16", "EOM46", WARNING),
        ("no end of month", "2026-10-15", "NET75", WARNING),
        ("unknown term", "2026-10-15", None, None),
    ):
        scene.customer(name)
        scene.owes(name, "1.00", document_date="2026-08-01", due_date=due, payment_terms=term)
        expect("terms_exceed_legal", name, severity)
    scene.customer("moved legally").owes(
        "moved legally", "1.00", document_date="2026-08-01", due_date=NEVER,
        original_due_date="2026-09-30",
    )  # fmt: skip
    expect("terms_exceed_legal", "moved legally", None)
    for due, severity in (
        ("2021-10-30", None),
        ("2021-10-31", WARNING),
        ("2022-01-29", WARNING),
        ("2022-01-30", None),
    ):
        name = f"barred {due}"
        scene.customer(name).owes(name, "1.00", document_date="2021-10-01", due_date=due)
        expect("limitation", name, severity)
    for name, was, now, severity in (
        ("moved", "2026-11-01", "2026-11-02", WARNING),
        ("same", "2026-11-01", "2026-11-01", None),
        ("nearer", "2026-11-02", "2026-11-01", None),
    ):
        scene.customer(name)
        scene.owes(name, "1.00", item_id=name, due_date=was, when="before")
        scene.owes(name, "1.00", item_id=name, due_date=now, when="tonight")
        expect("due_date_moved", name, severity)
    for amount, severity in (("5000000.00", None), ("5000000.01", WARNING)):
        scene.customer(f"document {amount}").owes(f"document {amount}", amount)
        expect("document_value", f"document {amount}", severity)


def insurance(scene: Scene) -> None:
    scene.add("policies", policy="P", insured_percent="90", valid_from="2020-01-01")
    for name, days, severity in (
        ("declare 74", 74, None),
        ("declare 75", 75, WARNING),
        ("declare 89", 89, WARNING),
        ("declare 90", 90, BREACH),
    ):
        scene.customer(name).limit(name, "100.00", kind="insured", policy="P")
        scene.owes(name, "50.00", document_date=days_ago(100), due_date=days_ago(days))
        expect("insurer_notification", name, severity)
        expect("cover_stopped", name, BREACH, "od")
    for name, days, severity in (("late 60", 60, None), ("late 61", 61, BREACH)):
        scene.customer(name).limit(name, "100.00", kind="insured", policy="P")
        scene.owes(name, "50.00", document_date=days_ago(100), due_date=days_ago(days))
        expect("cover_stopped", name, severity, "od" if severity else "")
    for exposure, severity in (("100.00", None), ("100.01", WARNING)):
        name = f"insured {exposure}"
        scene.customer(name).limit(name, "100.00", kind="insured", policy="P")
        scene.owes(name, exposure)
        expect("insured_limit_exceeded", name, severity)
    for kind in ("insured", "guarantee"):
        for days, severity in ((30, WARNING), (31, None)):
            name = f"{kind} ends {days}"
            policy = "P" if kind == "insured" else None
            scene.customer(name)
            scene.limit(name, "10.00", kind=kind, policy=policy, valid_to=in_days(days))
            expect("cover_ending", name, severity)
    for name, now, severity in (("cut", "99.99", WARNING), ("kept", "100.00", None)):
        scene.customer(name)
        scene.limit(name, "100.00", kind="insured", policy="P", when="before")
        scene.limit(name, now, kind="insured", policy="P", when="tonight")
        expect("insured_limit_reduced", name, severity)


NEVER = "2027-06-30"
SETTINGS = "[rules.document_value]\nenabled = true\ncap = 5000000\n"
SCENE = Scene()
PARTS: tuple[Callable[[Scene], None], ...] = (
    limits, missing_limits, groups, ages, shares, proceedings, items, insurance,
)  # fmt: skip
for part in PARTS:
    part(SCENE)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    made = Night(tmp_path_factory.mktemp("boundaries"))
    return played(made, SCENE, *made.configure(SETTINGS))


@pytest.fixture(scope="module")
def found(night: Night) -> Found:
    return breaches_of(night)


@pytest.mark.parametrize(("rule", "party", "expected"), CASES, ids=str)
def test_rules__ask_for_what_the_boundary_says(
    found: Found, rule: str, party: str, expected: tuple[str, str] | None
) -> None:
    assert said(found.get((rule, party))) == expected


def test_hysteresis__says_that_a_hold_is_kept_and_measures_no_excess(found: Found) -> None:
    kept = found["limit_exceeded", "H100.01>95.00"]
    assert kept["message_code"] == "limit_hold_kept"
    assert kept["message"] == (
        "Exposure 95.00 EUR is not above 100 % of the limit 100.00 EUR any more; the hold ends "
        "below 95 % of it."
    )
    assert (kept["measured"], kept["threshold"], kept["excess"]) == (95, 100, 0)
    assert kept["status"] == "improved"


def test_breach__carries_measure_threshold_excess_and_sentence(found: Found) -> None:
    above = found["limit_exceeded", "L120.01"]
    assert (above["measured"], above["threshold"]) == (Decimal("120.01"), 120)
    assert (above["excess"], above["currency"]) == (Decimal("0.01"), "EUR")
    assert above["message"] == "Exposure 120.01 EUR is above 120 % of the limit 100.00 EUR."
    assert above["breach_id"] == "limit_exceeded:L120.01:ALL:"


def test_memory__dates_what_was_there_the_night_before(found: Found) -> None:
    old = found["limit_exceeded", "L100.01"]
    assert (old["status"], old["first_seen"].isoformat()) == ("unchanged", EVE)
    new = found["due_date_moved", "moved"]
    assert (new["status"], new["first_seen"]) == ("new", TODAY)
    gone = found["limit_exceeded", "H90.01>90.00"]
    assert (gone["status"], gone["message"]) == ("cured", "No longer found.")
    assert gone["first_seen"].isoformat() == EVE
    assert (gone["measured"], gone["threshold"]) == (None, 90)


def test_item_rules__name_the_worst_item_with_count_and_amount(night: Night, found: Found) -> None:
    moved = found["due_date_moved", "moved"]
    assert (moved["subject"], moved["measured"], moved["excess"]) == ("moved", 1, 1)
    assert moved["message"] == (
        f"Items due later than in the run of {EVE}: 1, over 1.00 EUR, by up to 1 days."
    )
    warnings = dict(night.rows("items", "item_id", "warnings"))
    assert warnings["moved"] == "due_date_moved"
    assert warnings["same"] is None


def test_accounts__hold_what_their_breaches_ask_for(night: Night) -> None:
    columns = ("credit_account_id", "hold_orders", "hold_deliveries", "hold_production")
    held = {name: tuple(flags) for name, *flags in night.rows("credit_accounts", *columns)}
    assert held["L120.01"] == (True, True, True)
    assert held["L100.01"] == (True, False, False)
    assert held["L100.00"] == (False, False, False)
    severity = dict(night.rows("credit_accounts", "credit_account_id", "worst_severity"))
    assert (severity["L100.00"], severity["L90.00"]) == ("warning", None)
    groups = dict(night.rows("groups", "group_id", "worst_severity"))
    assert (groups["G100"], groups["G100c"]) == ("warning", "breach")
