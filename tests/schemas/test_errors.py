"""Errors are one sentence made of facts, each with its exit status, whole after a pickle."""

import pickle

import pytest

from encours_schemas import errors
from encours_schemas.errors import ConfigurationWrong, EncoursError, InputRefused, RateMissing
from encours_schemas.status import RETRY_STATUSES, STATUS_MEANING, ExitStatus

STATUSES = {
    errors.EncoursError: 1,
    errors.UsageWrong: 2,
    errors.InputRefused: 65,
    errors.InputMissing: 66,
    errors.RateMissing: 66,
    errors.ControlFailed: 70,
    errors.OutputUnwritable: 73,
    errors.OutputBusy: 75,
    errors.ConfigurationWrong: 78,
    errors.PublicationUnknown: 79,
}


@pytest.mark.parametrize(("kind", "status"), STATUSES.items())
def test_exit_status__is_that_of_the_contract(kind: type[EncoursError], status: int) -> None:
    assert kind.exit_status == status
    assert kind(what="x").exit_status in STATUS_MEANING


def test_errors__are_all_listed_here() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, EncoursError)
    }
    assert kinds == set(STATUSES)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "rate unknown"),
        ({"where": "series s"}, "rate unknown: series s"),
        ({"found": "9.999,99"}, "rate unknown; found 9.999,99"),
        ({"expected": "a number"}, "rate unknown; expected a number"),
        ({"cure": "append it"}, "rate unknown; append it"),
        ({"found": "a", "expected": "b"}, "rate unknown; found a, expected b"),
        (
            {"where": "w", "found": "f", "expected": "e", "cure": "c"},
            "rate unknown: w; found f, expected e; c",
        ),
    ],
)
def test_str__joins_the_facts_that_are_given(facts: dict[str, str], sentence: str) -> None:
    error = RateMissing(what="rate unknown", **facts)
    assert str(error) == sentence
    assert {name: getattr(error, name) for name in facts} == facts


def test_errors__survive_a_pickle() -> None:
    error = InputRefused(what="what", where="where", found="found", expected="e", cure="cure")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is InputRefused
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_collected__gives_a_single_problem_as_it_is() -> None:
    problem = ConfigurationWrong(what="wrong value", where="fx.pivot")
    assert ConfigurationWrong.collected([problem]) is problem
    assert problem.problems == (problem,)


def test_collected__lists_every_problem_on_its_line() -> None:
    first, second = ConfigurationWrong(what="one"), ConfigurationWrong(what="two", cure="mend it")
    error = ConfigurationWrong.collected([first, second])
    assert error.problems == (first, second)
    assert str(error) == "the configuration is wrong in 2 places\n  one\n  two; mend it"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert str(copy) == str(error)


def test_exit_status__values_are_those_of_the_contract() -> None:
    assert [status.value for status in ExitStatus] == [
        *(0, 1, 2, 65, 66, 70, 73, 75, 78, 79, 130, 143)
    ]
    assert set(STATUS_MEANING) == set(ExitStatus)
    assert ExitStatus.DONE not in RETRY_STATUSES
    assert ExitStatus.BUSY in RETRY_STATUSES
