"""How one breach came about: what was measured, against what, and what it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from encours.report.layout import ABSENT, Grid, Page, plain_page, rich_page
from encours.report.published import PublishedRun, open_run
from encours_schemas.errors import InputMissing
from encours_schemas.names import nearest_name
from encours_schemas.rule_ids import RULE_MEANING, RuleId

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]

WIDTH: Final = 100
_HOLDS: Final = ("orders", "deliveries", "production")
_STATUS: Final = {
    "new": "new: the latest earlier run did not have it",
    "worsened": "worsened since the latest earlier run",
    "unchanged": "unchanged since the latest earlier run",
    "improved": "improved since the latest earlier run",
    "cured": "cured: the latest earlier run had it, this one does not",
}
_NEAR: Final = 20_000
"""So many ids are compared to suggest the one that may have been meant."""


@dataclass(frozen=True)
class BreachStory:
    """One breach, its rule as configured, and the rows that it is about.

    settings  the rule's keys in the run's configuration
    accounts  credit accounts of its party
    item      the published item that is its subject, None where it is about none
    """

    as_of: date
    currency: str
    breach: Row
    settings: dict[str, Any]
    accounts: list[Row]
    item: Row | None


def explain_breach(directory: Path, breach_id: str) -> BreachStory:
    """Collect what a run says of a breach. Raises InputMissing (66) where it has none of that id.

    A rule's settings are those that the run's manifest records.
    """
    run = open_run(directory)
    rows = list(run.rows_of("breaches", "breach_id", [breach_id]))
    if not rows:
        near = nearest_name(breach_id, _ids(run))
        raise InputMissing(
            what="the run has no breach of this id",
            where=str(directory),
            found=breach_id,
            expected="a breach_id of its table breaches",
            cure=f"did you mean {near}?" if near else "list them: the table breaches of the run",
        )
    breach = rows[0]
    accounts = list(run.rows_of("credit_accounts", "credit_account_id", [breach["party_id"] or ""]))
    segment = breach["credit_segment"]
    items = []
    if breach["subject"]:
        items = list(run.rows_of("items", "item_id", [breach["subject"]]))
    rules = run.manifest["configuration"].get("rules", {})
    return BreachStory(
        as_of=date.fromisoformat(run.manifest["as_of"]),
        currency=run.reporting_currency,
        breach=breach,
        settings=dict(rules.get(breach["rule"], {})),
        accounts=[row for row in accounts if segment in {None, row["credit_segment"]}],
        item=items[0] if items else None,
    )


def _ids(run: PublishedRun) -> list[str]:
    found: list[str] = []
    for batch in run.batches("breaches", ["breach_id"]):
        found += batch.column("breach_id").to_pylist()
        if len(found) >= _NEAR:
            break
    return found[:_NEAR]


def breach_record(story: BreachStory) -> dict[str, Any]:
    """Give the story as values that JSON holds: amounts and dates as text."""
    return {
        "as_of": story.as_of.isoformat(),
        "currency": story.currency,
        "breach": _plain(story.breach),
        "meaning": RULE_MEANING[RuleId(story.breach["rule"])],
        "settings": story.settings,
        "accounts": [_plain(row) for row in story.accounts],
        "item": None if story.item is None else _plain(story.item),
    }


def breach_text(story: BreachStory, *, terminal_width: int | None = None) -> str:
    """Give the story as a page."""
    breach = story.breach
    holds = [name for name in _HOLDS if breach[f"hold_{name}"]]
    facts = [
        ("as of", story.as_of.isoformat()),
        ("says", breach["message"]),
        ("rule", f"{breach['rule']}: {RULE_MEANING[RuleId(breach['rule'])]}"),
        ("severity", breach["severity"]),
        ("about", _about(breach)),
        ("measured", _number(breach["measured"])),
        ("threshold", _number(breach["threshold"])),
        ("excess", _number(breach["excess"], breach["currency"] or "")),
        ("asks to hold", ", ".join(holds) or "nothing"),
        ("override", breach["override"] or "none"),
        ("status", _STATUS[breach["status"]]),
        ("first seen", breach["first_seen"].isoformat()),
    ]
    page = Page(f"breach {breach['breach_id']}", tuple(facts), tuple(_grids(story)))
    if terminal_width is None:
        return plain_page(page, WIDTH)
    return rich_page(page, terminal_width)


def _grids(story: BreachStory) -> list[Grid]:
    """Give the rule as configured, the accounts of the party, and the item."""
    settings = tuple((name, _setting(value)) for name, value in story.settings.items())
    amounts = ("exposure", "credit_limit", "available", "insured_limit", "overdue_net")
    accounts = tuple(
        (row["credit_segment"], *(_number(row[name]) for name in amounts)) for row in story.accounts
    )
    grids = [
        Grid("The rule as configured", ("key", "value"), (False, False), settings),
        Grid(
            f"Credit accounts of the party, {story.currency}",
            ("segment", *amounts),
            (False, *(True for _ in amounts)),
            accounts,
        ),
    ]
    if story.item is not None:
        names = (
            "item_id",
            "document_number",
            "due_date",
            "days_past_due",
            "currency",
            "open_amount",
        )
        item = tuple(str(story.item[name]) for name in names)
        grids.append(Grid("The item", names, (False,) * 3 + (True, False, True), (item,)))
    return [grid for grid in grids if grid.rows]


def _setting(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _about(breach: Row) -> str:
    parts = [breach["scope"], breach["party_id"] or ABSENT]
    if breach["credit_segment"]:
        parts.append(f"credit segment {breach['credit_segment']}")
    if breach["subject"]:
        parts.append(f"subject {breach['subject']}")
    return ", ".join(parts)


def _number(value: Decimal | None, unit: str = "") -> str:
    """Give a number without zeros that say nothing."""
    if value is None:
        return ABSENT
    text = f"{value:,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return f"{text} {unit}".rstrip()


def _plain(row: Row) -> Row:
    return {
        name: str(value) if isinstance(value, Decimal | date) else value
        for name, value in row.items()
    }
