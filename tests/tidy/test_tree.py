"""What the repository holds: no machine's own paths, complete locks, current reference pages."""

import re
import tomllib

import pytest

from encours_jobs.reference import LAW_PAGE_NAME, PAGE_NAME, command_line_page, law_page
from tests.tidy.sources import ROOT, tree_files

TEXT_SUFFIXES = {
    ".cfg", ".csv", ".in", ".json", ".md", ".py", ".pyi", ".sh", ".sql", ".toml", ".txt", ".yaml",
    ".yml", "",
}  # fmt: skip

# Joined here so that this file does not find itself.
MACHINE_PATHS = [
    "/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "tmp/venv", "/" + "opt/",
    "file" + "://", "/" + "farm/",
]  # fmt: skip
REGISTRIES = [
    "py" + "pi\\.org", "python" + "hosted\\.org", "--" + "index-url", "--" + "extra-index-url",
    "--" + "find-links", "trusted" + "-host",
]  # fmt: skip
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "To be " + "written"]


def text_files() -> list[tuple[str, str]]:
    found = []
    for path in tree_files():
        if path.suffix in TEXT_SUFFIXES:
            text = path.read_text(encoding="utf-8", errors="replace")
            found.append((path.relative_to(ROOT).as_posix(), text))
    return found


def occurrences(patterns: list[str]) -> list[str]:
    pattern = re.compile("|".join(patterns))
    return [
        f"{path}:{number}: {line.strip()[:80]}"
        for path, text in text_files()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize(
    "patterns", [MACHINE_PATHS, REGISTRIES, UNFINISHED], ids=["paths", "registries", "unfinished"]
)
def test_tree__is_free_of(patterns: list[str]) -> None:
    # `uv` is told by name not to write an index or a folder of wheels into the locks.
    told = re.compile(r"^Makefile:.*--no-emit-(index-url|find-links)")
    found = [line for line in occurrences(patterns) if not told.match(line)]
    assert not found, "\n".join(found)


def test_text_files__end_with_a_line_feed_and_have_no_carriage_returns() -> None:
    kinds = {".py", ".md", ".toml"}
    broken = [
        path.relative_to(ROOT).as_posix()
        for path in tree_files()
        if path.suffix in kinds
        and (data := path.read_bytes())
        and (b"\r" in data or not data.endswith(b"\n"))
    ]
    assert not broken


# -- locked requirements ---------------------------------------------------------------------------


def pins(name: str) -> dict[str, str]:
    """Give version and marker of every package of a lock."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([a-z0-9-]+)==(\S+)((?: ; [^\\\n]*)?) \\$", text, re.MULTILINE)
    return {f"{package}{marker}": version for package, version, marker in entries}


@pytest.mark.parametrize("name", ["run", "build", "dev"])
def test_lock__pins_and_hashes_every_package(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert all(re.match(r"[a-z0-9-]+==|    --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins(name))
    assert all("--hash=sha256:" in block for block in blocks)


def test_lock__of_tests_holds_the_versions_of_the_others() -> None:
    assert pins("run").items() <= pins("dev").items()
    assert pins("build").items() <= pins("dev").items()


def test_locks__hold_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    wanted = {
        "run": project["project"]["dependencies"],
        "build": groups["build"],
        "dev": [entry for entry in groups["dev"] if isinstance(entry, str)],
    }
    for name, dependencies in wanted.items():
        locked = {package.split(" ")[0] for package in pins(name)}
        needed = {re.split(r"[<>=!~\[]", entry)[0] for entry in dependencies}
        assert needed <= locked


# -- the project's own rules -----------------------------------------------------------------------


def test_ruff__explains_every_rule_that_is_off() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8")]
    rules = [line for line in section.splitlines() if re.match(r'\s+"[A-Z]+[0-9]*",', line)]
    assert rules
    assert not [line for line in rules if not re.search(r"# \S", line)]


def test_ci__runs_the_command_of_the_makefile() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "\nmake test VENV=" in script
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_makefile__documents_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert phony
    for target in phony[1].replace("\\\n", " ").split():
        assert re.search(rf"^{target}:.*## \S", text, re.MULTILINE), target


def test_reference_page__of_the_command_line_is_what_the_code_says() -> None:
    page = ROOT / "docs" / "reference" / PAGE_NAME
    assert page.read_text(encoding="utf-8") == command_line_page(), "`make docs` renews it"


def test_reference_page__of_the_law_is_what_the_data_say() -> None:
    page = ROOT / "docs" / "reference" / LAW_PAGE_NAME
    assert page.read_text(encoding="utf-8") == law_page(), "`make docs` renews it"
