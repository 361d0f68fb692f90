"""Tables of text: aligned lines, plain for files and schedulers, coloured for a terminal."""

import unicodedata
from dataclasses import dataclass
from decimal import Decimal

ABSENT = "-"
_GAP = "  "
_TITLE, _RULE, _TOTAL, _PLAIN = "bold", "dim", "bold", ""
_TEXT_WIDTH_MIN = 8


@dataclass(frozen=True)
class Grid:
    """A table of texts under a title.

    right      per column: True puts figures under each other, and never shortens them
    last_line  a line of totals under the rows, empty when there is none
    """

    title: str
    headings: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    last_line: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A title, facts by name, and tables."""

    title: str
    facts: tuple[tuple[str, str], ...]
    grids: tuple[Grid, ...]


def amount_text(amount: Decimal | None, exponent: int) -> str:
    """Give an amount with thousands separators and all of its decimals, at least `exponent`.

    An amount finer than its currency (which no published table has) keeps its digits.
    """
    if amount is None:
        return ABSENT
    _, _, decimals = f"{amount:f}".partition(".")
    return f"{amount:,.{max(exponent, len(decimals.rstrip('0')))}f}"


def count_text(count: int | None) -> str:
    """Give a count with thousands separators."""
    return ABSENT if count is None else f"{count:,}"


def share_text(part: Decimal | None, whole: Decimal | None) -> str:
    """Give a part of a whole in percent with one decimal; absent when there is no whole."""
    if part is None or whole is None or whole <= 0:
        return ABSENT
    return f"{part * 100 / whole:,.1f} %"


def shown(text: str) -> str:
    """Replace what a terminal would obey instead of show: a customer's name may hold anything."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def cell_width(text: str) -> int:
    """Give the columns that a text takes on a terminal: wide characters two, accents none."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def shortened(text: str, width: int) -> str:
    """Cut a text to a width of at least 1, with an ellipsis for what is missing."""
    if cell_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if cell_width(kept + character) > width - 1:
            break
        kept += character
    return kept + "…"


def plain_page(page: Page, width: int) -> str:
    """Give a page as lines of plain text, at most `width` wide unless figures need more."""
    return "\n".join(line for line, _ in _styled_lines(page, width))


def rich_page(page: Page, width: int) -> str:
    """Give the lines of `plain_page` with colours, for a terminal of so many columns."""
    from io import StringIO

    from rich.console import Console
    from rich.text import Text

    lines = StringIO()
    console = Console(file=lines, force_terminal=True, width=width, highlight=False)
    for line, style in _styled_lines(page, width):
        # As text, never as markup; a figure that the terminal is too narrow for is not cut off.
        console.print(Text(line, style=style), no_wrap=True, overflow="ignore", crop=False)
    return lines.getvalue().rstrip("\n")


def _styled_lines(page: Page, width: int) -> list[tuple[str, str]]:
    """Give every line with its style."""
    name_width = max((cell_width(name) for name, _ in page.facts), default=0)
    lines = [(shown(page.title), _TITLE), ("", _PLAIN)]
    lines += [(f"{_padded(name, name_width)}  {shown(fact)}", _PLAIN) for name, fact in page.facts]
    for grid in page.grids:
        lines += [("", _PLAIN), (shown(grid.title), _TITLE), *_grid_lines(grid, width)]
    return lines


def _grid_lines(grid: Grid, width: int) -> list[tuple[str, str]]:
    body = [tuple(shown(cell) for cell in row) for row in grid.rows]
    last = [tuple(shown(cell) for cell in grid.last_line)] if grid.last_line else []
    widths = _fitted_widths([grid.headings, *body, *last], grid.right, width - len(_GAP))
    rule = (_GAP + _GAP.join("-" * column for column in widths), _RULE)
    lines = [(_line(grid.headings, widths, grid.right), _RULE), rule]
    lines += [(_line(row, widths, grid.right), _PLAIN) for row in body]
    if last:
        lines += [rule, (_line(last[0], widths, grid.right), _TOTAL)]
    return lines


def _fitted_widths(rows: list[tuple[str, ...]], right: tuple[bool, ...], width: int) -> list[int]:
    """Give each column its widest cell; then take from the widest text columns what is too much."""
    widths = [max(cell_width(row[column]) for row in rows) for column in range(len(right))]
    texts = [column for column, is_figure in enumerate(right) if not is_figure]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max(texts, key=lambda column: widths[column], default=None)
        if widest is None or widths[widest] <= _TEXT_WIDTH_MIN:
            break
        widths[widest] -= 1
    return widths


def _line(row: tuple[str, ...], widths: list[int], right: tuple[bool, ...]) -> str:
    cells = [
        _padded(shortened(cell, width), width, to_the_right=is_figure)
        for cell, width, is_figure in zip(row, widths, right, strict=True)
    ]
    return (_GAP + _GAP.join(cells)).rstrip()


def _padded(text: str, width: int, *, to_the_right: bool = False) -> str:
    blank = " " * (width - cell_width(text))
    return blank + text if to_the_right else text + blank
