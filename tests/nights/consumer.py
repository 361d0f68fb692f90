"""An ERP that believes nothing: it takes change files in, and says what it finds wrong in them."""

import csv
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("hold_orders", "hold_deliveries", "hold_production")
Flags = tuple[str, ...]
Key = tuple[str, str]


@dataclass
class Erp:
    """What is stopped, and every action taken in so far, by customer and segment."""

    stopped: dict[Key, Flags] = field(default_factory=dict)
    history: dict[Key, list[str]] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    def take_in(self, changes: Path) -> list[str]:
        """Take a change file in once, and tell every line that is no news or is wrong."""
        wrong: list[str] = []
        run_ids = set()
        for number, row in enumerate(_rows(changes), start=1):
            key, action = (row["customer_id"], row["credit_segment"]), row["action"]
            flags = tuple(row[kind] for kind in KINDS)
            before = self.stopped.get(key)
            run_ids.add(row["run_id"])
            if int(row["sequence"]) != number:
                wrong.append(f"{key}: line {number} has sequence {row['sequence']}")
            if action == "BLOCK" and (before is not None or "Y" not in flags):
                wrong.append(f"{key}: BLOCK of what is stopped as {before}, to {flags}")
            if action == "CHANGE" and (before in {None, flags} or "Y" not in flags):
                wrong.append(f"{key}: CHANGE from {before} to {flags}")
            if action == "RELEASE" and (before is None or "Y" in flags):
                wrong.append(f"{key}: RELEASE of what is stopped as {before}, to {flags}")
            if action == "RELEASE":
                self.stopped.pop(key, None)
            else:
                self.stopped[key] = flags
            self.history.setdefault(key, []).append(action)
        if run_ids & self.files:
            wrong.append(f"{changes}: told a second time")
        self.files |= run_ids
        return wrong

    def picture_differs(self, holds: Path) -> bool:
        """Say whether a full picture is another than the one got from the changes."""
        told = {
            (row["customer_id"], row["credit_segment"]): tuple(row[kind] for kind in KINDS)
            for row in _rows(holds)
        }
        return told != self.stopped

    def broken_alternations(self) -> list[Key]:
        """Give the keys whose BLOCK and RELEASE do not take turns."""
        broken = []
        for key, actions in self.history.items():
            turns = [action for action in actions if action != "CHANGE"]
            expected = ["BLOCK" if turn % 2 == 0 else "RELEASE" for turn in range(len(turns))]
            if turns != expected or actions[0] != "BLOCK":
                broken.append(key)
        return broken


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
