"""The pages of the command line and the law: `python -m encours_jobs.reference docs/reference`.

The pages of tables, codes and configuration come from `python -m encours_schemas`.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import click

    from encours.rules.regimes import Regime
    from encours.rules.series import RateRow, RateSeries

PAGE_NAME = "command-line.md"
LAW_PAGE_NAME = "regimes.md"
_GENERATED = (
    "This page is generated from the code by `python -m encours_jobs.reference docs/reference`."
)


def command_line_page() -> str:
    """Give what `--help` of the group and of every command prints, as a page of Markdown."""
    import click

    from encours_jobs.cli import COMMANDS, main

    settings = {**main.context_settings, "terminal_width": 100}
    context = click.Context(main, info_name="encours", **settings)
    parts = [
        "# Command line",
        _GENERATED,
        _block(main.get_help(context)),
    ]
    for name in COMMANDS:
        command = main.get_command(context, name)
        if command is not None:
            own = click.Context(command, info_name=name, parent=context)
            parts += [f"## encours {name}", _block(command.get_help(own))]
            if isinstance(command, click.Group):
                parts += _subjects(command, own)
    return "\n\n".join(parts) + "\n"


def _subjects(group: "click.Group", context: "click.Context") -> list[str]:
    """Give what `--help` of every command of a group prints."""
    import click

    parts = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            own = click.Context(command, info_name=name, parent=context)
            parts += [f"### {own.command_path}", _block(command.get_help(own))]
    return parts


def law_page() -> str:
    """Give the bundled regimes and rate series with their sources, as a page of Markdown."""
    from encours.rules.description import grades_in_words
    from encours.rules.regimes import load_regimes
    from encours.rules.series import load_series

    series = load_series()
    regimes = list(load_regimes().values())
    rates = [
        {
            "series": f"`{name}`",
            "from": str(one.rows[0].effective_date),
            "known until": str(one.known_until),
            "values by confidence": grades_in_words(one),
        }
        for name, one in series.items()
    ]
    parts = ["# Regimes and rates", _GENERATED]
    parts += ["## Regimes", _grid([_law_row(one, series) for one in regimes])]
    parts += ["## Their texts and sources", _grid([_source_row(one) for one in regimes])]
    parts += ["## Rate series", _grid(rates)]
    parts.append("## Values of the series")
    for name, one in series.items():
        parts += [f"### {name}", _grid([_value_row(row) for row in one.rows])]
    return "\n\n".join(parts) + "\n"


def _law_row(regime: "Regime", series: "Mapping[str, RateSeries]") -> dict[str, str]:
    from encours.rules import description as words

    compounding = "" if regime.compounding == "none" else ", compounding yearly"
    return {
        "regime": f"`{regime.name}`",
        "creditors in": ", ".join(regime.countries) + (" (public buyers)" * regime.public),
        "rate, percent": words.rate_in_words(regime) + compounding,
        "fixed": words.fixing_in_words(regime),
        "days": regime.day_count.value,
        "lump sum": words.indemnity_in_words(regime),
        "known to": str(words.known_until(regime, series) or "always"),
    }


def _source_row(regime: "Regime") -> dict[str, str]:
    from encours.rules import description as words

    texts = [regime.articles, regime.indemnity_articles]
    texts += [f"{country}: {text}" for country, text in regime.articles_in.items()]
    return {
        "regime": f"`{regime.name}`",
        "text": "; ".join(text for text in texts if text),
        "confidence": words.confidence_in_words(regime),
        "source": regime.source,
        "note": regime.note,
    }


def _value_row(row: "RateRow") -> dict[str, str]:
    from encours.rules.description import plain

    return {
        "from": str(row.effective_date),
        "percent": plain(row.rate_percent),
        "confidence": row.confidence,
        "source": row.source,
    }


def _grid(rows: "Sequence[Mapping[str, str]]") -> str:
    """Give rows of the same keys as a table of Markdown."""
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([row[key] for key in head] for row in rows)]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"```text\n{lines}\n```"


if __name__ == "__main__":
    for name, page in ((PAGE_NAME, command_line_page()), (LAW_PAGE_NAME, law_page())):
        Path(sys.argv[1], name).write_text(page, encoding="utf-8", newline="\n")
