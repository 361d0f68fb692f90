"""Published examples of due dates: the term's code, and what the engine makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from encours.rules.terms import parse_payment_terms
from tests.examples.interest_cases import Verdict

METHODS = {
    r"invoice\+(\d+) then end of month": "NET{}EOM",
    r"end of month then \+(\d+)": "EOM{}",
    r"invoice\+(\d+)": "NET{}",
}


def judge_due_date(case: Mapping[str, Any]) -> Verdict:
    """Compare the due date of a case with the engine's."""
    name, published = str(case["id"]), str(case["published_due_date"])
    code = code_of(str(case["method"]))
    terms = parse_payment_terms(code) if code is not None else None
    if terms is None:
        reason = f"no payment term says {case['method']!r}"
        return Verdict(name, "no such rule", published, "", (reason,))
    ours = terms.due_date(date.fromisoformat(case["invoice_date"])).isoformat()
    line = f"{case['invoice_date']} under {code} ({case['method']}): {ours}"
    if ours == published:
        return Verdict(name, "reproduced", published, ours)
    if ours == case.get("recomputed_due_date"):
        return Verdict(name, "wrong", published, ours, (line,))
    return Verdict(name, "unexplained", published, ours, (line,), f"{line}, published {published}")


def code_of(method: str) -> str | None:
    """Give the code of a term that a case describes in words."""
    for pattern, code in METHODS.items():
        if match := re.fullmatch(pattern, method):
            return code.format(match[1])
    return None
