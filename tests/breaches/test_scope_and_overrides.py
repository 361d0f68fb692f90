"""Where rules apply, what people decide against them, and limits that several accounts share."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.breaches.scene import Scene, breaches_of, days_ago, in_days, played, said
from tests.jobs.ledgers import Night

ALL = ("breach", "odp")


def tonight(root: Path, scene: Scene, settings: str = "") -> Night:
    root.mkdir(exist_ok=True)
    night = Night(root)
    return played(night, scene, *night.configure(settings))


@pytest.mark.parametrize(
    ("setting", "applies_to"),
    [
        ('countries = ["DE"]', {"german"}),
        ('risk_classes = ["A", "B"]', {"german", "french"}),
        ('segments = ["retail"]', {"retail"}),
        ('segments = ["retail"]\ncountries = ["DE"]', set()),
        ('credit_segments = ["NORTH"]', {"north"}),
        ("enabled = false", set()),
    ],
)
def test_rules__apply_only_where_they_are_narrowed_to(
    tmp_path: Path, setting: str, applies_to: set[str]
) -> None:
    scene = Scene().add("companies", company_code="1000")
    scene.add("companies", company_code="2000", credit_segment="NORTH")
    scene.customer("german", country="DE", risk_class="A", segment="wholesale")
    scene.customer("french", country="FR", risk_class="B", segment="wholesale")
    scene.customer("retail", country="FR", risk_class="C", segment="retail")
    scene.customer("north", country="FR", risk_class="C", segment="wholesale")
    for name in ("german", "french", "retail", "north"):
        company = "2000" if name == "north" else "1000"
        scene.limit(name, "1.00", when="both")
        scene.owes(name, "2.00", company_code=company, due_date="2026-01-31", payment_terms="NET99",
                   document_date="2025-10-01")  # fmt: skip
        scene.owes(name, "200.00", company_code=company, due_date=days_ago(40))
    rules = ("limit_exceeded", "overdue_age", "terms_exceed_legal")
    settings = "".join(f"[rules.{rule}]\n{setting}\n" for rule in rules)
    night = tonight(tmp_path, scene, settings)
    found = breaches_of(night)
    for rule in rules:
        assert {party for of, party in found if of == rule} == applies_to
    flagged = {
        party
        for party, codes in night.rows("items", "customer_id", "warnings")
        if codes == "terms_exceed_legal"
    }
    assert flagged == applies_to


def over(scene: Scene, name: str, **facts: Any) -> Scene:
    return scene.customer(name, **facts).limit(name, "1.00").owes(name, "10.00")


def decided(scene: Scene, name: str, action: str, **facts: Any) -> Scene:
    values = {"valid_from": days_ago(3), "reason": "agreed plan", "decided_by": "J. Martin"}
    return scene.add("overrides", customer_id=name, action=action, **{**values, **facts})


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    scene = Scene()
    decided(over(scene, "released"), "released", "release")
    decided(over(scene, "ended"), "ended", "release", valid_to=days_ago(1))
    decided(over(scene, "last day"), "last day", "release", valid_to=days_ago(0))
    decided(over(scene, "not yet"), "not yet", "release", valid_from=in_days(1))
    decided(over(scene, "up to"), "up to", "release", max_exposure="10.00")
    decided(over(scene, "beyond"), "beyond", "release", max_exposure="9.99")
    decided(over(scene, "named"), "named", "release", rule="limit_exceeded")
    decided(over(scene, "other"), "other", "release", rule="overdue_age")
    decided(over(scene, "elsewhere"), "elsewhere", "release", credit_segment="NORTH")
    insolvent = {"insolvency_date": "2026-10-01", "insolvency_kind": "safeguard"}
    decided(over(scene, "insolvent", **insolvent), "insolvent", "release")
    over(scene, "insolvent named", **insolvent)
    decided(scene, "insolvent named", "release")
    decided(scene, "insolvent named", "release", rule="insolvency")
    decided(over(scene, "manual", manual_hold="true"), "manual", "release")
    scene.customer("held").limit("held", "100.00").owes("held", "10.00")
    decided(scene, "held", "hold")
    scene.customer("warned").limit("warned", "10.50").owes("warned", "10.00")
    decided(scene, "warned", "hold", rule="limit_exceeded")
    decided(over(scene, "both"), "both", "hold", rule="limit_exceeded")
    decided(scene, "both", "release")
    decided(over(scene, "nobody's rule"), "nobody's rule", "release", rule="no_such_rule")
    decided(scene, "no such customer", "release")
    return tonight(tmp_path_factory.mktemp("overrides"), scene)


@pytest.mark.parametrize(
    ("party", "held"),
    [
        ("released", ""),
        ("ended", "odp"),
        ("last day", ""),
        ("not yet", "odp"),
        ("up to", ""),
        ("beyond", "odp"),
        ("named", ""),
        ("other", "odp"),
        ("elsewhere", "odp"),
        ("insolvent", "o"),
        ("insolvent named", ""),
        ("manual", "odp"),
        ("held", "odp"),
        ("warned", "odp"),
        ("both", "odp"),
        ("nobody's rule", "odp"),
    ],
)
def test_overrides__hold_and_release_within_their_bounds(
    night: Night, party: str, held: str
) -> None:
    columns = ("hold_orders", "hold_deliveries", "hold_production")
    flags = {name: tuple(found) for name, *found in
             night.rows("credit_accounts", "credit_account_id", *columns)}  # fmt: skip
    assert "".join(name for name, flag in zip("odp", flags[party], strict=True) if flag) == held


def test_overrides__are_shown_and_hide_nothing(night: Night) -> None:
    found = breaches_of(night)
    released = found["limit_exceeded", "released"]
    assert said(released) == ALL
    assert released["override"] == "release by J. Martin: agreed plan"
    last_day = found["limit_exceeded", "last day"]
    assert last_day["override"] == f"release until {days_ago(0)} by J. Martin: agreed plan"
    assert found["limit_exceeded", "ended"]["override"] is None
    assert found["insolvency", "insolvent"]["override"] is None
    assert found["insolvency", "insolvent named"]["override"] is not None
    held = found["manual_hold", "held"]
    assert (held["message_code"], said(held)) == ("manual_hold_decided", ALL)
    assert held["message"] == "J. Martin has put customer held on hold: agreed plan"
    assert found["limit_exceeded", "both"]["override"].startswith("hold by ")
    assert said(found["limit_exceeded", "warned"]) == ("warning", "")


def test_overrides__about_nobody_are_told(night: Night) -> None:
    warnings = {one["code"]: one["count"] for one in night.manifest()["warnings"]}
    assert warnings["override_unknown"] == 2


def test_total_limit__is_one_breach_of_the_party_and_holds_all_its_accounts(
    tmp_path: Path,
) -> None:
    scene = Scene().add("companies", company_code="1000", credit_segment="NORTH")
    scene.add("companies", company_code="2000", credit_segment="SOUTH")
    for name, second in (("at", "50.00"), ("above", "50.01")):
        scene.customer(name).limit(name, "100.00")
        scene.owes(name, "50.00").owes(name, second, company_code="2000")
    night = tonight(tmp_path, scene)
    rows = [one for one in night.rows("breaches") if one["rule"] == "total_limit_exceeded"]
    assert {one["party_id"]: said(one) for one in rows} == {
        "at": ("warning", ""),
        "above": ("breach", "o"),
    }
    assert {(one["party_id"], one["credit_segment"]) for one in rows} == {
        ("at", None),
        ("above", None),
    }
    columns = ("credit_account_id", "credit_segment", "hold_orders")
    held = {
        (name, segment): flag for name, segment, flag in night.rows("credit_accounts", *columns)
    }
    assert held["above", "NORTH"]
    assert held["above", "SOUTH"]
    assert not held["at", "NORTH"]


def test_concentration__takes_a_party_with_all_its_descendants(tmp_path: Path) -> None:
    scene = Scene()
    scene.customer("head").customer("child", parent_id="head").customer(
        "grandchild", parent_id="child"
    )
    scene.owes("head", "30.00").owes("grandchild", "20.01")
    scene.customer("alone").owes("alone", "25.00").customer("rest").owes("rest", "24.99")
    settings = "[rules.concentration]\nabove = 0.25\n"
    night = tonight(tmp_path, scene, settings)
    rows = [one for one in night.rows("breaches") if one["rule"] == "concentration"]
    assert [(one["party_id"], one["scope"], said(one)) for one in rows] == [
        ("head", "portfolio", ("warning", ""))
    ]
    assert rows[0]["measured"] == Decimal("0.5001")
    severity = dict(night.rows("groups", "group_id", "worst_severity"))
    assert severity["head"] == "warning"


def test_missing_limits__are_asked_for_by_policy(tmp_path: Path) -> None:
    found = {}
    for policy in ("by_risk_class", "zero", "unlimited", "insured"):
        scene = Scene().customer("bare").owes("bare", "10.00")
        scene.customer("insured").owes("insured", "10.00")
        scene.limit("insured", "10.00", kind="insured", policy="P")
        scene.customer("other").limit("other", "1.00")
        settings = f'[limits]\nmissing_limit = "{policy}"\n'
        night = tonight(tmp_path / policy, scene, settings)
        breaches = breaches_of(night)
        found[policy] = [
            said(breaches.get(("limit_missing", name))) for name in ("bare", "insured")
        ]
    assert found == {
        "by_risk_class": [("warning", ""), ("warning", "")],
        "zero": [ALL, ALL],
        "unlimited": [None, None],
        "insured": [ALL, ("warning", "")],
    }


def test_full_cover__is_required_where_the_segment_says_so(tmp_path: Path) -> None:
    scene = Scene().add("companies", company_code="1000", credit_segment="NORTH")
    for name, was, now in (("at", "100.00", "100.00"), ("above", "100.01", "100.01"),
                           ("kept", "100.01", "95.00"), ("free", "100.01", "94.99")):  # fmt: skip
        scene.customer(name).limit(name, "100.00", kind="insured", policy="P")
        scene.owes(name, was, when="before").owes(name, now, when="tonight")
    settings = '[rules.insured_limit_exceeded]\nfull_cover_segments = ["NORTH"]\n'
    found = breaches_of(tonight(tmp_path, scene, settings))
    said_of = {name: said(found.get(("insured_limit_exceeded", name)))
               for name in ("at", "above", "kept", "free")}  # fmt: skip
    assert said_of == {"at": None, "above": ("breach", "o"), "kept": ("breach", "o"), "free": None}


def test_without_limits__all_rules_of_limits_are_off(tmp_path: Path) -> None:
    scene = Scene().customer("bare").owes("bare", "10.00", due_date=days_ago(70))
    night = tonight(tmp_path, scene)
    assert {one["rule"] for one in night.rows("breaches")} == {"concentration", "limit_missing"} - {
        "limit_missing"
    }
    assert "no_credit_limits" in night.warnings()
