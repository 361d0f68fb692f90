"""Cases of other receivables systems, through the engine, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from tests.peers.cases import Question
from tests.peers.decide import RULES, Figure, NoSuchFeatureError, feature_of_kind, rule_for
from tests.peers.expect import read_figures
from tests.peers.limit_cases import read_limit_case
from tests.peers.planned import CaseFile, PlannedCase, PlannedQuestion, Verdict
from tests.peers.published import Runs
from tests.peers.view import View


def is_same(peer: Any, ours: Any) -> bool:
    """Whether two values say the same: numbers by value, lists one by one, all else as it is."""
    if isinstance(peer, list) and isinstance(ours, list):
        return len(peer) == len(ours) and all(map(is_same, peer, ours))
    if isinstance(peer, bool) or isinstance(ours, bool):
        return peer is ours
    try:
        return Decimal(str(peer)) == Decimal(str(ours))
    except InvalidOperation:
        return bool(peer == ours)


def complaints_about(question: Question, figure: Figure) -> Iterator[str]:
    """Compare one figure with the peer's, or with what the declared rule gives instead."""
    where = f"{question.label} {figure.path}".strip()
    rule = rule_for(question, figure)
    if rule is None:
        if not is_same(figure.peer, figure.ours):
            yield f"{where}: the peer says {figure.peer!r}, the engine {figure.ours!r}"
        return
    due = rule.ours(question, figure)
    if not is_same(due, figure.ours):
        yield f"{where}: {rule.name} gives {due!r}, the engine {figure.ours!r}"
    if is_same(figure.peer, figure.ours):
        yield f"{where}: declared as {rule.name!r}, but the engine gives the peer's figure"


def judge(case: PlannedCase, runs: Runs) -> Verdict:
    """Give the outcome of a case, and every complaint: one of them makes the test fail."""
    if case.limit_case is not None:
        return judge_limits(case, runs.directory / "limits" / case.file / case.name)
    missing: list[str] = [*case.missing]
    rules: list[str] = []
    complaints: list[str] = []
    if case.defect is not None:
        complaints.append(f"the case cannot be read: {case.defect!r}")
    compared = 0
    for asked in case.questions:
        missing += asked.missing
        view = view_of(asked, runs)
        figures, unread = read_figures(view) if view is not None else ([], [])
        missing += unread
        compared += len(figures)
        for figure in figures:
            complaints += complaints_about(asked.question, figure)
            rule = rule_for(asked.question, figure)
            rules += [rule.name] if rule is not None else []
    if not compared and not missing:
        complaints.append("nothing was compared")
    outcome = "no such feature" if missing else "decided otherwise" if rules else "reproduced"
    return Verdict(outcome, tuple(dict.fromkeys(missing or rules)), compared, complaints)


def judge_limits(case: PlannedCase, place: Path) -> Verdict:
    """Judge a case of limits, cover or rules; it runs once."""
    assert case.limit_case is not None
    if place not in JUDGED:
        outcome = read_limit_case(case.limit_case, place)
        complaints = [
            f"{path}: the peer says {peer!r}, the engine {ours!r}"
            for path, peer, ours in outcome.figures
            if not is_same(peer, ours)
        ]
        complaints += [
            f"{path}: {name} gives {due!r}, the engine {ours!r}"
            for name, path, due, ours in outcome.rules
            if due != ours
        ]
        compared = len(outcome.figures) + len(outcome.rules)
        missing = tuple(dict.fromkeys(outcome.missing))
        rules = tuple(dict.fromkeys(name for name, *_ in outcome.rules))
        if not compared and not missing:
            complaints.append("nothing was compared")
        kind = "no such feature" if missing else "decided otherwise" if rules else "reproduced"
        JUDGED[place] = Verdict(kind, missing or rules, compared, complaints)
    return JUDGED[place]


JUDGED: dict[Path, Verdict] = {}


def view_of(asked: PlannedQuestion, runs: Runs) -> View | None:
    """Give a question with what was published for it; None where it has no ledger."""
    if not asked.extracts:
        return None
    slices = {name: runs.published(f"{asked.key}/{name}") for name in asked.extracts}
    return View(asked.question, asked.ladder, slices)


def changed_leaves(value: Any, *, is_name: bool = False) -> Iterator[Any]:
    """Give the expectation again for each of its values, with that one made wrong."""
    if isinstance(value, dict):
        for key, inner in value.items():
            for changed in changed_leaves(inner, is_name=key in {"item", "instalment", "account"}):
                yield {**value, key: changed}
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            for changed in changed_leaves(inner):
                yield [*value[:i], changed, *value[i + 1 :]]
    elif isinstance(value, bool):
        yield not value
    elif not is_name:
        try:
            yield str(Decimal(str(value)) + 1)
        except InvalidOperation:
            yield "something else"


def test_engine__agrees_with_the_peer_case(
    planned_case: PlannedCase, peer_runs: Runs, record_verdict: Any
) -> None:
    try:
        verdict = judge(planned_case, peer_runs)
    except Exception as error:
        record_verdict(planned_case, Verdict("", (), 0, [repr(error)]))
        raise
    record_verdict(planned_case, verdict)
    told = "\n".join([f"{planned_case.name}: {planned_case.title}", *verdict.complaints])
    assert not verdict.complaints, told


def test_every_expected_value__is_compared(planned_case: PlannedCase, peer_runs: Runs) -> None:
    """With any one expected value made wrong, a case that was reproduced no longer is."""
    if judge(planned_case, peer_runs).outcome != "reproduced":
        return
    for asked in planned_case.questions:
        view = view_of(asked, peer_runs)
        assert view is not None
        for expected in changed_leaves(dict(asked.question.expected)):
            question = replace(asked.question, expected=expected)
            figures, missing = read_figures(replace(view, question=question))
            found = [text for figure in figures for text in complaints_about(question, figure)]
            found += [figure.path for figure in figures if rule_for(question, figure)]
            assert found or missing, f"{planned_case.name}: {expected} passes as well"


def test_feature_of_kind__and_rules_are_declared_once() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert feature_of_kind("dunning_level") is not None
    assert feature_of_kind("ageing") is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("expected", {"surprise": "1"}), ("config", {"surprise": "1"}), ("surprise", ["1"])],
)
def test_planned_case__names_a_key_that_nobody_declared(
    key: str, value: Any, peer_runs: Runs
) -> None:
    case: dict[str, Any] = {
        "id": "OWN",
        "kind": "open_item",
        "as_of": "2025-01-31",
        "items": [{"id": "I1", "type": "invoice", "amount": "1", "currency": "EUR"}],
        "expected": {"outstanding": "1"},
    }
    case[key] = {**case[key], **value} if key == "expected" else value
    [planned] = CaseFile.of_cases(f"surprise-{key}", [case]).cases
    for asked in planned.questions:
        for name, extract in asked.extracts.items():
            peer_runs.expect(f"{asked.key}/{name}", extract)
    verdict = judge(planned, peer_runs)
    assert not verdict.complaints
    assert verdict.outcome == "no such feature"
    assert "surprise" in verdict.declared[0]


def test_no_such_feature__is_an_exception_with_the_name_of_the_feature() -> None:
    assert str(NoSuchFeatureError("fees")) == "fees"
