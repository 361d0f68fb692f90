"""`encours config`: the configuration in force."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from encours_jobs import options, outcome, settings


@click.command(
    cls=options.Job,
    example=["encours config --config encours.toml --origin"],
)
@options.together(options.config_file, options.reporting_currency, options.max_rejected)
@click.option("--origin", is_flag=True, help="Say of each value where it comes from.")
def command(*, config_file: Path | None, origin: bool, **flags: object) -> None:
    """Show the configuration in force, and where each value comes from.

    Prints TOML that `--config` reads again. A flag beats the environment, which beats the file,
    which beats the default.
    """
    loaded = settings.load(config_file, os.environ, flags)
    outcome.emit(toml_lines(loaded.configuration.model_dump(mode="json"), loaded.origin, origin))


def toml_lines(tree: Mapping[str, object], origins: Mapping[str, str], with_origin: bool) -> str:
    """Give one line of TOML per value under its dotted key; with its origin as a comment."""
    from encours_schemas.configuration.keys import dotted

    lines = []
    for path, value in _leaves(tree):
        key = dotted(path)
        lines.append((f"{key} = {_toml(value)}", origins.get(key, "default")))
    if not with_origin:
        return "\n".join(line for line, _ in lines)
    width = max((len(line) for line, _ in lines), default=0)
    return "\n".join(f"{line:<{width}}  # {_one_line(where)}" for line, where in lines)


def _leaves(
    tree: Mapping[str, object], prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Give every value with its path; null and an empty table have no line in TOML."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*prefix, name))
        elif value is not None:
            yield (*prefix, name), value


def _toml(value: object) -> str:
    """Give a value as TOML, which writes texts, numbers, booleans and lists as JSON does.

    A table within a list is written inline.
    """
    if isinstance(value, Mapping):
        from encours_schemas.configuration.keys import dotted

        return (
            f"{{ {', '.join(f'{dotted((name,))} = {_toml(one)}' for name, one in value.items())} }}"
        )
    if isinstance(value, (list, tuple)) and any(isinstance(one, Mapping) for one in value):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
