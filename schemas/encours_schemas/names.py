"""The nearest known name, for messages about an unknown one."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Below this likeness a suggestion misleads more often than it helps.
_LIKENESS_MIN = 0.6


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Give the known name most like `name`, or None when none is near.

    Case, blanks, hyphens and underscores don't count. Among equally near names the first in
    alphabetical order is taken, so that a message does not depend on the order of `known`.
    """
    by_plain: dict[str, str] = {}
    for candidate in sorted(known, reverse=True):
        by_plain[_plain(candidate)] = candidate
    matches = difflib.get_close_matches(
        _plain(name), sorted(by_plain), n=len(by_plain) or 1, cutoff=_LIKENESS_MIN
    )
    if not matches:
        return None
    plain = _plain(name)
    likeness = {match: difflib.SequenceMatcher(None, match, plain).ratio() for match in matches}
    best = max(likeness.values())
    return by_plain[min(match for match in matches if likeness[match] == best)]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "").replace(" ", "")
