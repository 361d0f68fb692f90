"""What became of the breaches of the earlier run (DOMAIN 8, memory between runs)."""

from collections.abc import Iterable
from fractions import Fraction

from tests.naive.breaches import GRAVITY, Breach, Night
from tests.naive.rows import Row
from tests.naive.rules import ALL_HOLDS

FEWER_IS_WORSE = (
    "insurer_notification",
    "cover_ending",
    "temporary_limit_ending",
    "claim_filing",
    "limitation",
    "insured_limit_reduced",
)
"""Rules that measure what is left."""


def breach_rows(night: Night, found: Iterable[Breach]) -> list[Row]:
    """Give the rows of `breaches`, cured ones too, each once."""
    earlier = {}
    if night.earlier is not None:
        earlier = {
            name: row for name, row in night.earlier.breaches.items() if row["status"] != "cured"
        }
    rows = []
    told = set()
    for breach in found:
        row = _row(night, breach)
        before = earlier.get(breach.breach_id)
        told.add(breach.breach_id)
        row["status"] = "new" if before is None else _compare(row, before)
        row["first_seen"] = night.setting.as_of if before is None else before["first_seen"]
        rows.append(row)
    for name, before in earlier.items():
        if name not in told and night.rules(before["rule"], "enabled"):
            nothing = {f"hold_{hold}": False for hold in ALL_HOLDS}
            rows.append({**before, **nothing, "measured": None, "status": "cured"})
    return rows


def _row(night: Night, breach: Breach) -> Row:
    row: Row = {
        "breach_id": breach.breach_id,
        "rule": breach.rule,
        "severity": breach.severity,
        "scope": breach.scope,
        "party_id": breach.party_id,
        "credit_segment": breach.credit_segment,
        "subject": breach.subject,
        "measured": breach.measured,
        "threshold": breach.threshold,
    }
    return row | {f"hold_{hold}": hold in breach.holds for hold in ALL_HOLDS}


def _compare(row: Row, before: Row) -> str:
    """Say how a breach stands against the earlier run: graver, as it was, or milder."""
    now, then = _gravity(row), _gravity(before)
    if now == then:
        return "unchanged"
    return "worsened" if now > then else "improved"


def _gravity(row: Row) -> tuple[int, int, Fraction]:
    holds = sum(bool(row[f"hold_{hold}"]) for hold in ALL_HOLDS)
    distance = Fraction(0)
    if row["measured"] is not None and row["threshold"] is not None:
        distance = Fraction(row["measured"]) - Fraction(row["threshold"])
    if row["rule"] in FEWER_IS_WORSE:
        distance = -distance
    return GRAVITY[row["severity"]], holds, distance
