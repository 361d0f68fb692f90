"""Which files of examples run, and the verdicts at the end of the output."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.examples.interest_cases import Verdict
from tests.shared_material import SHARED

OPTIONS = {
    "interest_case": ("--examples", SHARED / "law" / "worked_examples.json"),
    "due_date_case": ("--due-date-examples", SHARED / "law" / "due_date_examples.json"),
}
VERDICTS = pytest.StashKey[dict[str, dict[str, Verdict]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    for fixture, (option, path) in OPTIONS.items():
        told = f"file of examples for {fixture.replace('_', ' ')}s (default {path})"
        parser.addoption(option, type=Path, default=None, metavar="FILE", help=told)


def path_of(config: pytest.Config, fixture: str) -> Path:
    option, default = OPTIONS[fixture]
    return config.getoption(option.removeprefix("--").replace("-", "_"), default=None) or default


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture in OPTIONS.keys() & set(metafunc.fixturenames):
        path = path_of(metafunc.config, fixture)
        if path.exists():
            cases = json.loads(path.read_text(encoding="utf-8"))
            parameters = [pytest.param(case, id=str(case["id"])) for case in cases]
        else:
            skip = pytest.mark.skip(reason=f"there is no file of examples at {path}")
            parameters = [pytest.param(None, marks=skip, id=path.name)]
        metafunc.parametrize(fixture, parameters)


@pytest.fixture
def record_verdict(pytestconfig: pytest.Config) -> Callable[[str, Verdict], None]:
    verdicts = pytestconfig.stash.setdefault(VERDICTS, {})

    def record(fixture: str, verdict: Verdict) -> None:
        verdicts.setdefault(path_of(pytestconfig, fixture).name, {})[verdict.case] = verdict

    return record


def pytest_terminal_summary(terminalreporter: Any) -> None:
    verdicts = terminalreporter.config.stash.get(VERDICTS, {})
    for file, of_file in sorted(verdicts.items()):
        terminalreporter.section(f"published examples: {file}")
        outcomes = Counter(verdict.outcome for verdict in of_file.values())
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        terminalreporter.line(f"{len(of_file)} examples: {counts}")
        for name, one in sorted(of_file.items(), key=lambda pair: (pair[1].outcome, pair[0])):
            if one.outcome != "reproduced":
                figures = f"published {one.published}, engine {one.ours or 'nothing'}"
                terminalreporter.line(f"  {name}: {one.outcome}; {figures}")
                for line in one.arithmetic:
                    terminalreporter.line(f"      {line}")
