"""The layout of accounting entries files on random entries, against its rules in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.layouts.clearing_twin import Allocation, Leg, cleared
from tests.layouts.layout_nights import mapped

COLUMNS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib",
    "CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit",
    "EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise",
)  # fmt: skip


class Entry(NamedTuple):
    """One line of an accounting entry, as figures."""

    row: int
    journal: str
    posted: date
    document: date | None
    account: str
    auxiliary: str
    local: Decimal
    code: str
    lettered: date | None
    foreign: Decimal | None

    @property
    def item(self) -> str:
        return f"{self.journal}/{self.row}/{self.posted.isoformat()}/{self.row}"

    @property
    def amount(self) -> Decimal:
        if self.foreign is None:
            return self.local
        return abs(self.foreign) if self.local > 0 else -abs(self.foreign)

    @property
    def currency(self) -> str:
        return "EUR" if self.foreign is None else "USD"

    @property
    def customer(self) -> str:
        return self.auxiliary or self.account

    @property
    def kind(self) -> str:
        if self.account.startswith("4191"):
            return "down_payment"
        if self.local > 0:
            bank = "debit_note" if self.journal == "BQ" else "invoice"
            return "bill_of_exchange" if self.account.startswith("413") else bank
        return "credit_note" if self.journal == "VE" else "payment"


def random_entry(draw: random.Random, row: int) -> Entry:
    posted = date(2026, 1, 1) + timedelta(draw.randrange(300))
    code = draw.choice(("", "", "A", "B", "a"))
    amount = Decimal(draw.choice((100, 100, 250, 999, 0))) / draw.choice((1, 1, 100))
    return Entry(
        row=row,
        journal=draw.choice(("VE", "BQ", "OD", "AN")),
        posted=posted,
        document=draw.choice((posted, posted - timedelta(30), None)),
        account=draw.choice(("411000", "411000", "413000", "416000", "419100", "401000", "707000")),
        auxiliary=draw.choice(("", "C1", "C2", "C3", "C4", "C5")),
        local=amount if draw.random() < 0.5 else -amount,
        code=code,
        lettered=date(2026, 12, 1) if code and draw.random() < 0.5 else None,
        foreign=Decimal(draw.randrange(-500, 500)) if draw.random() < 0.1 else None,
    )


def is_read(entry: Entry) -> bool:
    return entry.account.startswith(("411", "413", "416", "4191"))


def usable(entry: Entry) -> Entry:
    """Take a foreign amount of zero for none."""
    return entry if entry.foreign else entry._replace(foreign=None)


def line_of(draw: random.Random, entry: Entry) -> str:
    """Write an entry in one of the forms that are read, each in one way only."""

    def day(value: date | None) -> str:
        forms = ("%Y%m%d", "%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y")
        return f"{value:{draw.choice(forms)}}" if value else draw.choice(("", "00000000", "//"))

    def number(value: Decimal) -> str:
        mark = draw.choice((",", "."))
        text = f"{abs(value):.2f}".replace(".", mark)
        if value < 0:
            return draw.choice((f"-{text}", f"{text}-"))
        return draw.choice((text, f"+{text}", f" {text}\u00a0"))

    side = abs(entry.local)
    zero = draw.choice(("", "0,00"))
    # A negative amount on one side is one on the other.
    if draw.random() < 0.2:
        debit, credit = (zero, number(-side)) if entry.local > 0 else (number(-side), zero)
    else:
        debit, credit = (number(side), zero) if entry.local > 0 else (zero, number(side))
    foreign = "" if entry.foreign is None else number(entry.foreign)
    return "\t".join((
        entry.journal, "", str(entry.row), day(entry.posted), entry.account, "Compte",
        entry.auxiliary, "", "", day(entry.document), "Libellé", debit, credit, entry.code,
        day(entry.lettered), day(entry.posted), foreign, "USD" if foreign else "",
    ))  # fmt: skip


def expected_allocations(entries: list[Entry]) -> list[Allocation]:
    groups: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.code:
            groups[entry.account, entry.customer, entry.code].append(entry)
    found: list[Allocation] = []
    for group in groups.values():
        adds_up = sum(entry.local for entry in group) == 0
        for currency in ("EUR", "USD"):
            legs = [
                Leg(
                    one.item,
                    one.posted,
                    one.lettered,
                    one.amount,
                    "credit_note" if one.kind == "credit_note" else "payment",
                )
                for one in group
                if one.currency == currency
            ]
            if legs:
                found += cleared(legs, with_rest=adds_up)
    return sorted(found)


@pytest.mark.parametrize("unit_rows", [262_144, 37])
@pytest.mark.parametrize("seed", range(3))
def test_entries_at_random__are_mapped_as_the_rules_say(
    tmp_path: Path, seed: int, unit_rows: int
) -> None:
    draw = random.Random(seed)
    entries = [usable(random_entry(draw, row)) for row in range(1, 400)]
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    lines = ["\t".join(COLUMNS), *(line_of(draw, entry) for entry in entries), ""]
    (ledger / "123456782FEC20261231.txt").write_text("\n".join(lines), encoding="utf-8")
    tables = mapped(ledger, "fr_fec", tmp_path / "staging", unit_rows, payment_terms="NET30")
    read = [entry for entry in entries if is_read(entry) and entry.local]
    names = ("item_id", "customer_id", "document_type", "document_date", "currency", "amount")
    assert [tuple(one[name] for name in names) for one in tables["open_items"]] == [
        (one.item, one.customer, one.kind, one.document or one.posted, one.currency, one.amount)
        for one in read
    ]
    assert [one.get("due_date") for one in tables["open_items"]] == [
        (one.document or one.posted) if one.local < 0 else None for one in read
    ]
    columns = ("item_id", "value_date", "posting_date", "amount", "kind")
    found = sorted(tuple(one[name] for name in columns) for one in tables["allocations"])
    assert found == expected_allocations(read)
    assert found
