"""The letter as one self-contained HTML page that prints well; nothing is fetched from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from encours.report.layout import shown
from encours.statements.pages import Letter, LetterGrid, LetterPart

STYLE = """
@page { size: A4 landscape; margin: 15mm; }
body { font: 10pt/1.4 Georgia, 'Times New Roman', serif; color: #111; max-width: 277mm;
  margin: 2em auto; padding: 0 1em; }
h1 { font-size: 16pt; margin: 0 0 .8em; }
h2 { font-size: 12pt; margin: 1.6em 0 .4em; break-after: avoid; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; margin: 0 0 1.2em; }
dt { color: #555; }
dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .3em 0; font-size: 8.5pt; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
th { text-align: left; vertical-align: bottom; border-bottom: 1px solid #111; padding: .25em .4em; }
td { vertical-align: top; border-bottom: 1px solid #ddd; padding: .25em .4em; }
td:first-child { overflow-wrap: anywhere; }
th.figure, td.figure { text-align: right; }
td.figure { white-space: nowrap; font-variant-numeric: tabular-nums; }
table.totals { width: auto; min-width: 60%; margin: .8em 0 0 auto; break-inside: avoid; }
tfoot td { font-weight: bold; border-bottom: 1px solid #111; }
ol, ul { padding-left: 1.2em; list-style: none; }
footer { margin-top: 2em; color: #555; font-size: 8pt; }
@media print { body { margin: 0; max-width: none; padding: 0; } }
""".strip()


def letter_html(letter: Letter) -> str:
    """Give the letter as HTML 5; every text of the ledger is escaped."""
    return "\n".join([*_lines(letter), ""])


def _lines(letter: Letter) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield f'<html lang="{_text(letter.language)}">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    # No script, no request: whatever a name may hold, the page cannot obey it.
    yield (
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )
    yield f"<title>{_text(letter.title)}</title>"
    yield f"<style>\n{STYLE}\n</style>"
    yield "</head>"
    yield "<body>"
    yield f"<h1>{_text(letter.title)}</h1>"
    yield "<dl>"
    for name, fact in letter.facts:
        yield f"<dt>{_text(name)}</dt><dd>{_text(fact)}</dd>"
    yield "</dl>"
    yield f"<p>{_text(letter.intro)}</p>"
    for part in letter.parts:
        yield from _part(part)
    yield f"<footer>{_text(letter.footer)}</footer>"
    yield "</body>"
    yield "</html>"


def _part(part: LetterPart) -> Iterator[str]:
    if part.heading:
        yield f"<h2>{_text(part.heading)}</h2>"
    for paragraph in part.paragraphs:
        yield f"<p>{_text(paragraph)}</p>"
    if part.lines:
        yield "<ul>"
        yield from (f"<li>{_text(line)}</li>" for line in part.lines)
        yield "</ul>"
    if part.grid is not None:
        yield from _grid(part.grid)


def _grid(grid: LetterGrid) -> Iterator[str]:
    yield "<table>" if grid.rows else '<table class="totals">'
    yield f"<thead>{_row('th', grid.headings, grid.right)}</thead>"
    if grid.rows:
        yield "<tbody>"
        yield from (_row("td", row, grid.right) for row in grid.rows)
        yield "</tbody>"
    if grid.last_rows:
        yield "<tfoot>"
        yield from (_row("td", row, grid.right) for row in grid.last_rows)
        yield "</tfoot>"
    yield "</table>"


def _row(tag: str, cells: tuple[str, ...], right: tuple[bool, ...]) -> str:
    scope = ' scope="col"' if tag == "th" else ""
    kinds = (' class="figure"' if is_figure else "" for is_figure in right)
    told = (
        f"<{tag}{scope}{kind}>{_text(cell)}</{tag}>"
        for cell, kind in zip(cells, kinds, strict=True)
    )
    return f"<tr>{''.join(told)}</tr>"


def _text(text: str) -> str:
    """Escape a text for HTML, in an attribute too; spaces that no line breaks at stay."""
    return "\N{NO-BREAK SPACE}".join(
        "\N{NARROW NO-BREAK SPACE}".join(escape(shown(word)) for word in part.split("\u202f"))
        for part in text.split("\N{NO-BREAK SPACE}")
    )
