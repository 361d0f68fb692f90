"""`encours rules`: what the rules look at, with the thresholds and holds in force."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from encours_jobs import options, outcome, settings

if TYPE_CHECKING:
    from encours_schemas.configuration.rules import Rules

_EVERY = ("enabled", "credit_segments", "segments", "countries", "risk_classes")


@click.command(
    cls=options.Job,
    example=["encours rules", "encours rules --config encours.toml --format json"],
)
@options.together(options.config_file, options.output_format)
def command(*, config_file: Path | None, output_format: str) -> None:
    """Show the rules as configured: thresholds, severity, holds, and where each applies.

    A rule is configured in `[rules.ID]` of the configuration; `encours config --origin` says where
    a value comes from.
    """
    rules = settings.load(config_file, os.environ, {}).configuration.rules
    listed = rules.model_dump(mode="json")
    if output_format == "json":
        outcome.emit(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        outcome.emit("\n".join(_lines(rules, listed)))


def _lines(rules: "Rules", listed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Give a heading for each rule, then a line for each level and each option."""
    from encours_schemas.rule_ids import RULE_MEANING, RuleId

    for rule in RuleId:
        values = listed[rule.value]
        state = "" if rules.of(rule).enabled else " (off)"
        yield f"{rule.value}{state}: {RULE_MEANING[rule]}"
        for level in values.get("levels", ()):
            yield f"  {_level(level)}"
        for name, value in values.items():
            if name not in {*_EVERY, "levels"}:
                yield f"  {name}: {_shown(value)}"
        for name in _EVERY[1:]:
            if values[name]:
                yield f"  only {name}: {_shown(values[name])}"


def _level(level: Mapping[str, Any]) -> str:
    if "above_days" in level:
        lead = f"above {level['above_days']} days"
    else:
        lead = f"above {level['above']} of the limit"
    return f"{lead}: {level['severity']}, holds {_shown(level['holds'])}"


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value)
