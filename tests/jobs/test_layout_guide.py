"""The guide to layouts, followed to the letter."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from encours_jobs.cli import main

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "layouts.md"
_SAVED = re.compile(r"Save as `([^`]+)`:\n\n```[a-z]*\n(.*?)```", re.DOTALL)
_TYPED = re.compile(r"```console\n\$ ([^\n]+)\n(.*?)```", re.DOTALL)


def follow(text: str) -> list[tuple[str, list[str], str]]:
    """Save what is to be saved and type what is to be typed, in the order of the page."""
    steps = sorted(
        [*_SAVED.finditer(text), *_TYPED.finditer(text)], key=lambda match: match.start()
    )
    shown = []
    for step in steps:
        if step.re is _SAVED:
            path = Path(step[1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step[2], encoding="utf-8")
            continue
        command, _, target = step[1].partition(" > ")
        program, *arguments = shlex.split(command)
        assert program == "encours"
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.stderr
        if target:
            Path(target).write_text(result.stdout, encoding="utf-8")
        shown.append((command, step[2].splitlines(), result.stdout))
    return shown


def test_guide__followed_to_the_letter_publishes_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = follow(GUIDE.read_text(encoding="utf-8"))
    assert [command.split()[1] for command, _, _ in shown] == ["layout", "layout", "run"]
    for command, promised, printed in shown:
        for line in promised:
            assert line.strip() in printed, f"{command} does not print: {line}"
    assert (tmp_path / "runs" / "as_of=2026-03-01" / "items").is_dir()
    draft = (tmp_path / "draft.toml").read_text(encoding="utf-8")
    assert 'Echeance = { type = "date", columns = ["Échéance"] }' in draft
    assert 'decimal_mark = ","  # ?' in draft
