"""The payment that lifts the holds of an account, item by item (decision 0056)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from tests.naive.breaches import Breach, Night, holds_of, is_released, overrides_of
from tests.naive.contract import EXPONENTS
from tests.naive.credit import chain_of
from tests.naive.exposure import (
    CREDITS,
    DEBITS,
    Position,
    column_of,
    is_counted,
    overdue_by_customer,
)
from tests.naive.item_breaches import _pools_of
from tests.naive.items import Item
from tests.naive.limits import Key

ZERO = Fraction(0)
OF_EXPOSURE = (
    "limit_exceeded", "total_limit_exceeded", "group_limit_exceeded", "limit_missing",
    "limit_expired", "temporary_limit_ending",
)  # fmt: skip
OF_ITEMS = ("overdue_age", "cover_stopped", "overdue_share", "insured_limit_exceeded")
ON_ITEMS = ("receivables", "bills_of_exchange", "financed_with_recourse")
PARTS = 10**6


@dataclass
class Cure:
    """A payment in the reporting currency.

    of_items    what each item is paid, where a rule names it
    on_insured  what is paid on insurable items besides, whichever
    on_late     what is paid on late items besides, the oldest first
    on_account  what is paid on account besides
    is_least    no unit less would do; else parts of it count on nothing from one another
    """

    of_items: dict[str, Fraction] = field(default_factory=dict)
    on_insured: Fraction = ZERO
    on_late: Fraction = ZERO
    on_account: Fraction = ZERO
    is_least: bool = True

    @property
    def amount(self) -> Fraction:
        return sum(self.of_items.values(), self.on_insured + self.on_late + self.on_account)


def cure_of(night: Night, key: Key, found: list[Breach]) -> Cure | None:
    """Give the least payment that lifts the holds of an account; None where none does.

    A person's release up to an exposure begins once the account owes no more than that.
    """
    exposure = night.accounts[key]["exposure"]
    coming = {
        row["max_exposure"]
        for row in overrides_of(night, key, "release")
        if row["max_exposure"] is not None and row["max_exposure"] < exposure
    }
    if not any(_is_held(night, key, breach, exposure) for breach in found):
        return None
    cures = [_Payer(night, key, found, most).cure() for most in [exposure, *coming]]
    lifting = [one for one in cures if one is not None and one.amount > 0]
    return min(lifting, key=lambda one: one.amount, default=None)


def _is_held(night: Night, key: Key, breach: Breach, exposure: Fraction) -> bool:
    """Say whether a breach holds an account, were its exposure this."""
    if key not in breach.bears_on:
        return False
    if holds_of(night, key, breach.rule):
        return True
    if not breach.holds or is_released(night, breach, key):
        return False
    general = breach.rule not in {"insolvency", "cover_stopped", "manual_hold"}
    return not any(
        row["max_exposure"] is not None and exposure <= row["max_exposure"]
        for row in overrides_of(night, key, "release")
        if row["rule"] == breach.rule or (row["rule"] is None and general)
    )


class _Payer:
    """Works out what one account must pay, once its exposure is no more than `most`."""

    def __init__(self, night: Night, key: Key, found: list[Breach], most: Fraction) -> None:
        self.night, self.key = night, key
        self.row = night.accounts[key]
        self.fall = self.row["exposure"] - most
        self.asked = [one for one in found if _is_held(night, key, one, most)]
        self.rules = {one.rule for one in self.asked}
        self.unit = Fraction(1, 10 ** EXPONENTS[night.setting.settings("reporting", "currency")])
        self.insurable = night.credit.insurance.insurable_items(key)
        self.paid = Cure()

    def cure(self) -> Cure | None:
        """Give the payment, None where no payment lifts the holds."""
        is_by_person = any(holds_of(self.night, self.key, rule) for rule in self.rules)
        if is_by_person or not self.rules <= {*OF_EXPOSURE, *OF_ITEMS}:
            return None
        stopping = self._stopping() if "cover_stopped" in self.rules else []
        if any((one.credit_segment, one.credit_account) != self.key for one in stopping):
            return None
        for item in stopping:
            self.paid.of_items[item["item_id"]] = item.open_rc
        if "overdue_age" in self.rules:
            for line in self._lines():
                self._pay_old_items(line)
        for breach in self.asked:
            if breach.rule == "insured_limit_exceeded" and not self._pay_insured(breach):
                return None
            if breach.rule == "overdue_share":
                self._pay_share(sum((one.open_rc for one in stopping), ZERO))
            if breach.rule in OF_EXPOSURE:
                self.fall = max(self.fall, self._fall(breach))
                if self._fall(breach) > self._payable_below(breach):
                    return None
        if self.fall > self._payable_below(None):
            return None
        self.paid.on_account = max(ZERO, self.whole(self.fall) - self._lowered())
        if self.paid.on_insured or self.paid.on_late or self._straddles():
            self.paid.is_least = False
        return self.paid

    def _payable_below(self, breach: Breach | None) -> Fraction:
        """Give by how much payments can lower what a breach measures of the account's exposure.

        Customers of the account may stand outside of a group.
        """
        parents = self.night.setting.ledger.parents
        group = breach.subject if breach and breach.rule == "group_limit_exceeded" else None
        payable = ZERO
        for one in self._members():
            if group is None or group in chain_of(parents, one.customer_id):
                payable += self._payable(one)
        return payable

    def _straddles(self) -> bool:
        """Say whether what is paid for items may lower an exposure that is not asked for."""
        return any(self._payable_below(one) < self._payable_below(None) for one in self.asked)

    def whole(self, amount: Fraction) -> Fraction:
        """Round up to what can be paid."""
        return -(-amount // self.unit) * self.unit

    def _paid_on(self, items: Iterable[Item]) -> Fraction:
        return sum((self.paid.of_items.get(item["item_id"], ZERO) for item in items), ZERO)

    def _members(self) -> list[Position]:
        return self.night.members[self.key]

    # -- rules about the exposure

    def _fall(self, breach: Breach) -> Fraction:
        """Give by how much the exposure must fall so that a breach holds no more."""
        night = self.night
        assert breach.measured is not None
        if breach.rule in {"limit_missing", "limit_expired"}:
            return breach.measured - self._serving(breach.rule)
        if breach.rule == "temporary_limit_ending":
            days = timedelta(days=night.rules(breach.rule, "days") + 1)
            later = night.credit.limits_on(night.setting.as_of + days)
            exposure = night.credit.accounts[self.key].exposure
            return exposure - (later[self.key].credit_limit or ZERO)
        return self._below_release(breach)

    def _serving(self, rule: str) -> Fraction:
        """Give the exposure up to which a missing limit asks for nothing."""
        night = self.night
        if rule == "limit_expired":
            return ZERO
        if night.setting.settings("limits", "missing_limit") != "insured":
            return ZERO
        insured = night.credit.accounts[self.key].insured or ZERO
        levels = night.rules.levels("limit_exceeded")
        holding = levels if night.rules(rule, "holds") else [one for one in levels if one.holds]
        return holding[0].above * insured

    def _below_release(self, breach: Breach) -> Fraction:
        """Give what brings a measure below where the hold of the mildest level ends."""
        night = self.night
        assert breach.measured is not None
        assert breach.threshold is not None
        part = Fraction(str(night.rules(breach.rule, "release_below")))
        if breach.rule == "insured_limit_exceeded":
            ends = breach.threshold * part
        else:
            levels = night.rules.levels(breach.rule)
            reached = next(one for one in levels if one.holds == breach.holds)
            first = next(one for one in levels if one.holds)
            ends = breach.threshold / reached.above * first.above * part
        payment = ((breach.measured - ends) // self.unit + 1) * self.unit
        return min(payment, self.whole(breach.measured))

    def _terms(self, one: Position) -> tuple[bool, list[str]]:
        """Give whether credits reduce the exposure of a position, and what it leaves out."""
        settings = self.night.setting.settings
        segment = self.night.setting.ledger.segment_of(one.company_code)
        reduces = bool(settings.exposure_of(segment, "credits_reduce"))
        return reduces, settings.exposure_of(segment, "components_left_out")

    def _payable(self, one: Position) -> Fraction:
        """Give by how much payments can lower the exposure of a position."""
        reduces, left_out = self._terms(one)
        owed = max(ZERO, one.exposure)
        if reduces and "unapplied_payments" not in left_out:
            return owed
        return min(owed, max(ZERO, sum((one.columns[name] for name in ON_ITEMS), ZERO)))

    def _lowered(self) -> Fraction:
        """Give by how much what is paid on items surely lowers the exposure."""
        if self._straddles():
            return ZERO
        total = late = ZERO
        for one in self._members():
            overdue = overdue_by_customer(self.night.setting, one)[0]
            late += overdue - self._fall_of(one, overdue)
            total += self._fall_of(one, self._paid_on(one.items))
        if "cover_stopped" in self.rules:
            late = self.paid.on_late
        credited = max(ZERO, -sum((self.row[name] for name in CREDITS), ZERO))
        total += max(ZERO, self.paid.on_insured - credited)
        return total + max(ZERO, self.paid.on_late - late)

    def _fall_of(self, one: Position, paid: Fraction) -> Fraction:
        """Give by how much a payment on its items lowers the exposure of a position.

        Credits that it sets free take their part of it again.
        """
        reduces, left_out = self._terms(one)
        if set(left_out) & set(ON_ITEMS):
            return ZERO
        customer = self.night.setting.ledger.customers.get(one.customer_id)
        if reduces and customer and customer["netting_agreement"]:
            return paid
        debts = max(ZERO, sum((one.columns[name] for name in DEBITS), ZERO))
        below_zero = max(ZERO, paid - debts)
        return min(paid, min(paid, max(ZERO, one.exposure)) + below_zero)

    # -- rules about items

    def _stopping(self) -> list[Item]:
        """Give the items that keep cover of the account stopped, those of others, too."""
        insurance, day = self.night.credit.insurance, self.night.setting.as_of
        found: dict[str, Item] = {}
        for pool in _pools_of(self.night, self.key):
            found |= {item["item_id"]: item for _, item in insurance.stopping(pool, day)}
        return list(found.values())

    def _lines(self) -> Iterator["_Line"]:
        """Give what stands against each other: one customer, company code and currency."""
        for one in self._members():
            counted = [item for item in one.items if is_counted(item, self.night.setting.as_of)]
            for currency in sorted({item["currency"] for item in counted}):
                same = [item for item in counted if item["currency"] == currency]
                yield _Line(same, self.paid)

    def _pay_old_items(self, line: "_Line") -> None:
        """Pay a line's oldest items until none keeps the hold, in the least whole units."""
        low, high = 0, int(line.owed // self.unit) + 1
        while low < high:
            middle = (low + high) // 2
            if self._keeps(line, middle * self.unit):
                low = middle + 1
            else:
                high = middle
        for item, amount in line.taken(low * self.unit):
            self.paid.of_items[item["item_id"]] = amount

    def _keeps(self, line: "_Line", payment: Fraction) -> bool:
        """Say whether an item is too old after a payment of the line."""
        rule, night = "overdue_age", self.night
        as_of = night.setting.as_of
        part = Fraction(str(night.rules(rule, "release_below")))
        ends = part * next(one for one in night.rules.levels(rule) if one.holds).above
        taken = {item["item_id"]: amount for item, amount in line.taken(payment)}
        for item, rest in line.rests():
            days = (as_of - item["due_date"]).days
            begun = item["disputed_from"] or item["document_date"]
            is_fresh = (as_of - begun).days < night.rules(rule, "disputed_days")
            disputed = item.disputed_rc if is_fresh and item.disputed > 0 else ZERO
            counted = rest - taken.get(item["item_id"], ZERO) - disputed
            material = counted > 0 and counted >= Fraction(str(night.rules(rule, "materiality")))
            if material and days > 0 and days >= ends:
                return True
        return False

    def _pay_insured(self, breach: Breach) -> bool:
        """Pay insurable items until so much less is insurable; say whether that can be."""
        fall = self._below_release(breach)
        if fall > sum((base for _, base in self.insurable), ZERO):
            return False
        gross = sum((item.open_rc for item, _ in self.insurable), ZERO)
        part = min(base * PARTS // item.open_rc for item, base in self.insurable)
        payment = fall
        if part < PARTS:
            payment = gross
            if part:
                payment = min(gross, self.whole((fall + 2 * self.unit) * PARTS / part))
        paid = self._paid_on(item for item, _ in self.insurable)
        self.paid.on_insured = max(ZERO, payment - paid)
        return True

    def _pay_share(self, stopped: Fraction) -> None:
        """Pay late items until they are no too large share of what is owed."""
        night, row = self.night, self.row
        above = Fraction(str(night.rules("overdue_share", "above")))
        late = row["overdue_net"]
        owed = max(ZERO, sum((row[name] for name in ON_ITEMS), ZERO) - stopped)
        needed = [late - Fraction(str(night.rules("overdue_share", "materiality")))]
        if above < 1:
            needed.append((late - above * owed) / (1 - above))
        paid = sum(self.paid.of_items.values(), ZERO) - stopped
        self.paid.on_late = self.whole(max(ZERO, min(needed) - paid))


class _Line:
    """Items of one customer, company code and currency, and the credits set against them."""

    def __init__(self, items: list[Item], paid: Cure) -> None:
        parked = {"credit_notes", "unapplied_payments"}
        self.credit = -sum(
            (one.open_rc for one in items if one.open_amount < 0 and column_of(one) in parked), ZERO
        )
        debits = [
            one for one in items if one.open_amount > 0 and one["item_id"] not in paid.of_items
        ]
        self.items = sorted(debits, key=lambda one: (one["due_date"], one["item_id"].encode()))

    def rests(self) -> Iterator[tuple[Item, Fraction]]:
        """Give what is left of the items after credits took the oldest ones."""
        credit = self.credit
        for item in self.items:
            used = min(credit, item.open_rc)
            credit -= used
            yield item, item.open_rc - used

    @property
    def owed(self) -> Fraction:
        return sum((rest for _, rest in self.rests()), ZERO)

    def taken(self, payment: Fraction) -> Iterator[tuple[Item, Fraction]]:
        """Give what a payment takes of each item, the oldest first."""
        for item, rest in self.rests():
            amount = min(payment, rest)
            payment -= amount
            if amount:
                yield item, amount
