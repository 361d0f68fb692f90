"""Pays what `cure_amount` asks for, by new rows of the ledger, as decision 0056 says."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from random import Random

from tests.naive.arithmetic import as_decimal
from tests.naive.breaches import Breach, Night, account_holds
from tests.naive.contract import EXPONENTS
from tests.naive.credit import chain_of
from tests.naive.cure import ON_ITEMS, Cure
from tests.naive.engine import credit_night
from tests.naive.exposure import Position, column_of, is_counted
from tests.naive.items import Item
from tests.naive.limits import Key
from tests.property.ledgers import Case, Row

ZERO = Fraction(0)


def look(case: Case, before: Night | None = None) -> tuple[Night, list[Breach]]:
    """Give what the rules see of a ledger; with the memory of the night before."""
    return credit_night(case.tables, case.as_of, case.configuration, case.extract_date, before)


def is_held(case: Case, key: Key, before: Night) -> bool | None:
    """Say whether an account is held in a ledger; None where nothing is left of it."""
    night, found = look(case, before)
    return bool(account_holds(night, found)[key][0]) if key in night.accounts else None


class Payer:
    """Pays for one account of a ledger."""

    def __init__(self, case: Case, key: Key, night: Night, random: Random) -> None:
        """Take the night in which the account is held; the case itself stays as it is."""
        tables = {name: [dict(row) for row in rows] for name, rows in case.tables.items()}
        self.case = replace(case, tables=tables)
        self.key, self.night, self.random = key, night, random
        self.items = {item["item_id"]: item for one in self._members(night) for item in one.items}
        self.open = {name: item.open_amount for name, item in self.items.items()}

    def _members(self, night: Night) -> list[Position]:
        return night.members.get(self.key, [])

    def pay(self, cure: Cure, *, at_most: bool = False) -> Case:
        """Pay what a cure says; on items at least so much, or at most where that is asked."""
        for name, amount in cure.of_items.items():
            self._pay_item(name, amount, at_most=at_most)
        insurable = [item for item, _ in self.night.credit.insurance.insurable_items(self.key)]
        self.random.shuffle(insurable)
        self._pay_in_turn(insurable, cure.on_insured, at_most=at_most)
        self._pay_late(cure.on_late, at_most=at_most)
        self._pay_on_account(cure.on_account, at_most=at_most)
        return self.case

    def pay_everything(self) -> Case:
        """Pay all that the account owes."""
        for one in self._members(self.night):
            owing = [item for item in one.items if _is_owed(item, self.night)]
            owed = max(ZERO, one.exposure)
            if not self._reduces(self.night, one):
                owed = min(owed, max(ZERO, sum((one.columns[name] for name in ON_ITEMS), ZERO)))
            self._pay_in_turn(sorted(owing, key=_by_age), owed, at_most=False)
        self._pay_on_account(None)
        return self.case

    def _pay_late(self, amount: Fraction, *, at_most: bool) -> None:
        """Pay what credits leave of late items, line by line, the oldest first."""
        if not amount:
            return
        night, _ = look(self.case)
        as_of = night.setting.as_of
        for one in self._members(night):
            counted = [item for item in one.items if is_counted(item, as_of)]
            for currency in sorted({item["currency"] for item in counted}):
                same = [item for item in counted if item["currency"] == currency]
                parked = [item for item in same if item.open_amount < 0 and _is_parked(item)]
                credit = -sum((item.open_rc for item in parked), ZERO)
                late = [item for item in same if item.open_amount > 0 and item["due_date"] < as_of]
                for item in sorted(late, key=_by_age):
                    used = min(credit, item.open_rc)
                    credit -= used
                    amount -= self._pay_part(item, min(amount, item.open_rc - used), at_most)

    def _pay_in_turn(self, items: Iterable[Item], amount: Fraction, *, at_most: bool) -> None:
        """Pay items one after the other, as far as the amount goes."""
        for item in items:
            left = self.night.setting.in_reporting(self.open[item["item_id"]], item["currency"])
            amount -= self._pay_part(item, min(amount, left), at_most)

    def _pay_part(self, item: Item, part: Fraction, at_most: bool) -> Fraction:
        if part > 0:
            self._pay_item(item["item_id"], part, at_most=at_most)
        return max(part, ZERO)

    def _pay_item(self, name: str, amount_rc: Fraction, *, at_most: bool) -> None:
        """Pay an item so that it is worth so much less, in whole units of its currency."""
        item, before = self.items[name], self.open[name]
        unit = Fraction(1, 10 ** EXPONENTS[item["currency"]])
        worth = self.night.setting.in_reporting(before, item["currency"])
        low, high = 0, int(before / unit)
        while low < high:  # the least payment of units after which it is worth no more than asked
            middle = (low + high) // 2
            left = self.night.setting.in_reporting(before - middle * unit, item["currency"])
            low, high = (low, middle) if left <= worth - amount_rc else (middle + 1, high)
        paid = low * unit
        left = self.night.setting.in_reporting(before - paid, item["currency"])
        if at_most and left < worth - amount_rc:
            paid -= unit
        if amount_rc == worth and not at_most:
            paid = before
        self.open[name] = before - paid
        self._post(item, paid)

    def _post(self, item: Item, paid: Fraction) -> None:
        """Write a payment of an item into the ledger."""
        row = next(
            one for one in self.case.tables["open_items"] if one["item_id"] == item["item_id"]
        )
        if not item.has_allocation:
            row["open_amount"] = as_decimal(self.open[item["item_id"]])
            return
        self.case.tables["allocations"].append(
            {
                "item_id": item["item_id"],
                "value_date": self.case.as_of,
                "amount": as_decimal(paid),
                "kind": "payment",
            }
        )

    def _pay_on_account(self, amount: Fraction | None, *, at_most: bool = False) -> None:
        """Post payments to positions that still owe something; None pays all of it."""
        if amount == 0:
            return
        night, _ = look(self.case)
        members = [one for one in self._members(night) if one.exposure > 0]
        members.sort(key=lambda one: -self._limits_above(one))
        for number, one in enumerate(members):
            part = one.exposure if amount is None else min(amount, one.exposure)
            if self._reduces(night, one):
                self._post_payment(f"PAID-{number}", one, part)
            else:
                part = min(part, sum((one.columns[name] for name in ON_ITEMS), ZERO))
                owing = [item for item in one.items if _is_owed(item, night)]
                self._pay_in_turn(sorted(owing, key=_by_age), part, at_most=at_most)
            amount = None if amount is None else amount - part
            if amount == 0:
                return

    def _reduces(self, night: Night, one: Position) -> bool:
        """Say whether credits reduce the exposure of a position."""
        segment = night.setting.ledger.segment_of(one.company_code)
        return bool(night.setting.settings.exposure_of(segment, "credits_reduce"))

    def _limits_above(self, one: Position) -> int:
        """Count the group limits that a position answers to."""
        chain = chain_of(self.night.setting.ledger.parents, one.customer_id)
        return sum(group.party in chain for group in self.night.credit.groups)

    def _post_payment(self, item_id: str, one: Position, amount: Fraction) -> None:
        row: Row = {
            "item_id": item_id,
            "customer_id": one.customer_id,
            "company_code": one.company_code,
            "document_type": "payment",
            "document_date": self.case.as_of,
            "due_date": self.case.as_of,
            "currency": self.night.setting.reporting_currency,
            "amount": -as_decimal(amount),
        }
        self.case.tables["open_items"].append(row)


def _by_age(item: Item) -> tuple[object, bytes]:
    return item["due_date"], item["item_id"].encode()


def _is_parked(item: Item) -> bool:
    return column_of(item) in {"credit_notes", "unapplied_payments"}


def _is_owed(item: Item, night: Night) -> bool:
    counts = is_counted(item, night.setting.as_of) and column_of(item) in ON_ITEMS
    return bool(item.open_amount > 0 and counts)
