"""The letter as Markdown, with tables as GitHub and most editors read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from encours.report.layout import shown
from encours.statements.pages import Letter, LetterGrid, LetterPart

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!@$])")
_AT_START = re.compile(r"^([-+=]|\d+(?=[.)]))")
_LINK = re.compile(r"(?i)(:)(//)|(www)(\.)")


def letter_markdown(letter: Letter) -> str:
    """Give the letter as Markdown; whatever a text of the ledger holds is shown, never obeyed."""
    return "\n".join(_lines(letter)).rstrip("\n") + "\n"


def _lines(letter: Letter) -> Iterator[str]:
    yield f"# {_text(letter.title)}"
    yield ""
    for name, fact in letter.facts:
        yield f"- {_text(name)}: {_text(fact)}"
    yield ""
    yield _text(letter.intro)
    yield ""
    for part in letter.parts:
        yield from _part(part)
    yield f"{_text(letter.footer)}"


def _part(part: LetterPart) -> Iterator[str]:
    if part.heading:
        yield f"## {_text(part.heading)}"
        yield ""
    for paragraph in part.paragraphs:
        yield _text(paragraph)
        yield ""
    if part.lines:
        yield from (f"- {_text(line)}" for line in part.lines)
        yield ""
    if part.grid is not None:
        yield from _grid(part.grid)
        yield ""


def _grid(grid: LetterGrid) -> Iterator[str]:
    yield _row(grid.headings)
    yield f"|{'|'.join('---:' if is_figure else '---' for is_figure in grid.right)}|"
    yield from (_row(row) for row in (*grid.rows, *grid.last_rows))


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _text(text: str) -> str:
    """Escape every character that Markdown could take for a mark."""
    told = _SPECIAL.sub(r"\\\1", shown(text))
    # A bare address would become a link, and the begin of a list item a list of its own.
    told = _LINK.sub(lambda found: f"{found[1] or found[3]}\\{found[2] or found[4]}", told)
    return _AT_START.sub(_escaped_start, told)


def _escaped_start(found: re.Match[str]) -> str:
    """Escape what begins a list or a heading: a sign, or the point behind a number."""
    return f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}"
