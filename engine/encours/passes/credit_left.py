"""What is left to sell and what would lift the holds, as columns of the credit accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encours.breaches.cure import cure_amounts
from encours.breaches.levels import HOLD_BITS
from encours.calc.columns import money_array
from encours.calc.sell import available_to_sell

if TYPE_CHECKING:
    import pyarrow as pa

    from encours.calc.sell import Bounds
    from encours.passes.breach_step import BreachResult


def credit_left_columns(bounds: Bounds, rules: BreachResult) -> dict[str, pa.Array]:
    """Give `available_to_sell` and `cure_amount` of `credit_accounts`."""
    state = rules.holds
    free, is_known = available_to_sell(bounds, (state.holds & HOLD_BITS["orders"]) > 0)
    cures = cure_amounts(rules.breaches, rules.evidence, state)
    return {
        "available_to_sell": money_array(free, is_known),
        "cure_amount": money_array(cures.milli, cures.given),
    }
