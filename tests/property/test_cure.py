"""`cure_amount` by its definition: it is paid into the ledger, and the rules look once more.

`ENCOURS_CURE_LEDGERS` says how many ledgers; every one has a seed of its own, told when it fails.
"""

import os
from dataclasses import replace
from fractions import Fraction
from random import Random

import pytest

from tests.naive.breaches import Night, account_holds, holds_of
from tests.naive.contract import EXPONENTS
from tests.naive.cure import Cure, cure_of
from tests.naive.limits import Key
from tests.property.ledgers import Case
from tests.property.limit_ledgers import build_limit_case
from tests.property.payments import Payer, is_held, look

LEDGERS = int(os.environ.get("ENCOURS_CURE_LEDGERS", "10"))


def payable_case(seed: int) -> Case:
    """Give a ledger rich in limits whose holds are mostly a matter of money."""
    case = build_limit_case(seed, with_defects=False)
    draw = Random(seed)
    for customer in case.tables["customers"]:
        if draw.random() < 0.9:
            customer["insolvency_date"] = customer["insolvency_ended_on"] = None
            customer["insolvency_kind"] = customer["manual_hold"] = None
    case.tables.setdefault("allocations", [])
    return case


def less_by_one(cure: Cure, night: Night, key: Key) -> Cure | None:
    """Give the same payment, short of one unit; None where that is not promised to be too little.

    What stops cover is paid in full, whether or not what is left of it would count; and what lowers
    rules of several kinds is counted on from below.
    """
    digits = EXPONENTS[night.setting.reporting_currency]
    unit = Fraction(1, 10**digits)
    if not cure.is_least:
        return None
    if cure.on_account:
        return replace(cure, on_account=cure.on_account - unit)
    name = list(cure.of_items)[-1]
    item = next(item for one in night.members[key] for item in one.items if item["item_id"] == name)
    if item["currency"] != night.setting.reporting_currency or len(cure.of_items) > 1:
        return None
    return replace(cure, of_items={**cure.of_items, name: cure.of_items[name] - unit})


@pytest.mark.parametrize("seed", range(LEDGERS))
def test_cure_amount__is_the_least_payment_that_lifts_the_holds(seed: int) -> None:
    case = payable_case(seed)
    night, found = look(case)
    holds = account_holds(night, found)
    for key in (key for key, (asked, _) in holds.items() if asked):
        cure = cure_of(night, key, found)
        told = f"seed {seed}, {key}, held by {sorted(holds[key][1])}: {cure}"
        if cure is None:
            paid = Payer(case, key, night, Random(seed)).pay_everything()
            by_person = any(holds_of(night, key, rule) for rule in holds[key][1])
            assert by_person or is_held(paid, key, night) is not False, told
            continue
        paid = Payer(case, key, night, Random(seed)).pay(cure)
        assert not is_held(paid, key, night), told
        less = less_by_one(cure, night, key)
        if less is not None:
            paid = Payer(case, key, night, Random(seed)).pay(less, at_most=True)
            assert is_held(paid, key, night) is not False, told
