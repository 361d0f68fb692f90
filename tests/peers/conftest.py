"""Which cases run, the runs that they share, and the count of outcomes at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers.planned import CaseFile, PlannedCase, Verdict
from tests.peers.published import Runs
from tests.shared_material import SHARED

DEFAULT_FILE = SHARED / "vectors" / "peer_cases.json"
OWN_FILE = Path(__file__).with_name("own_cases.json")

VERDICTS = pytest.StashKey[dict[tuple[str, str], Verdict]]()
FILES = pytest.StashKey[dict[Path, CaseFile | None]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--cases",
        type=Path,
        default=None,
        metavar="FILE",
        help=f"file of the peers' cases to run (default {DEFAULT_FILE})",
    )


def _case_files(config: pytest.Config) -> dict[Path, CaseFile | None]:
    """Lay out the peers' file and our own; None for one that does not exist."""
    wanted = config.getoption("cases", default=None) or DEFAULT_FILE
    files = config.stash.setdefault(FILES, {})
    for path in (wanted, OWN_FILE):
        if path not in files:
            files[path] = CaseFile.read(path, [DEFAULT_FILE]) if path.exists() else None
    return files


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "planned_case" not in metafunc.fixturenames:
        return
    parameters = []
    for path, file in _case_files(metafunc.config).items():
        if file is None:
            skip = pytest.mark.skip(reason=f"there is no file of peers' cases at {path}")
            parameters.append(pytest.param(None, marks=skip, id=path.name))
        else:
            parameters += [pytest.param(case, id=f"{path.stem}-{case.name}") for case in file.cases]
    metafunc.parametrize("planned_case", parameters)


@pytest.fixture(scope="session")
def peer_runs(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Runs:
    runs = Runs(tmp_path_factory.mktemp("peers"))
    for file in _case_files(pytestconfig).values():
        for case in file.cases if file is not None else []:
            for asked in case.questions:
                for name, extract in asked.extracts.items():
                    runs.expect(f"{asked.key}/{name}", extract)
    return runs


@pytest.fixture
def record_verdict(pytestconfig: pytest.Config) -> Callable[[PlannedCase, Verdict], None]:
    verdicts = pytestconfig.stash.setdefault(VERDICTS, {})

    def record(case: PlannedCase, verdict: Verdict) -> None:
        verdicts[case.file, case.name] = verdict

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    verdicts = terminalreporter.config.stash.get(VERDICTS, {})
    for file in dict.fromkeys(file for file, _ in verdicts):
        of_file = {name: verdict for (other, name), verdict in verdicts.items() if other == file}
        kinds = Counter(verdict.told.partition(" (")[0] for verdict in of_file.values())
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        compared = sum(verdict.compared for verdict in of_file.values())
        terminalreporter.section(f"peers' cases: {file}")
        terminalreporter.line(f"{len(of_file)} cases: {counts}; {compared} figures compared")
        for name, verdict in sorted(of_file.items(), key=lambda pair: (pair[1].told, pair[0])):
            if verdict.told != "reproduced":
                terminalreporter.line(f"  {name}: {verdict.told}")
