"""What is left to sell and what would lift the holds of each credit account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encours.breaches.cure import cure_amounts
from encours.breaches.levels import HOLD_BITS
from encours.calc.sell import available_to_sell

if TYPE_CHECKING:
    from encours.calc.sell import Bounds
    from encours.passes.breach_step import BreachResult

Array = np.ndarray[Any, np.dtype[Any]]


class CreditLeft(NamedTuple):
    """What n accounts may still be sold, and the least payment that lifts their holds.

    free_milli, cure_milli       int64[n]
    is_free_known, is_curable    bool[n]   False: nothing binds; no payment lifts a hold
    """

    free_milli: Array
    is_free_known: Array
    cure_milli: Array
    is_curable: Array

    def some(self, rows: slice) -> CreditLeft:
        """Give that of some accounts."""
        return CreditLeft(*(column[rows] for column in self))


def credit_left(bounds: Bounds, rules: BreachResult) -> CreditLeft:
    """Give `available_to_sell` and `cure_amount` of `credit_accounts`."""
    state = rules.holds
    free, is_known = available_to_sell(bounds, (state.holds & HOLD_BITS["orders"]) > 0)
    cures = cure_amounts(rules.breaches, rules.evidence, state)
    return CreditLeft(free, is_known, cures.milli, cures.given)
