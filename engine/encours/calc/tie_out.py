"""The general ledger's balances against the open items (TABLES 1, `ledger_balances`)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from encours.calc.accounts import complete
from encours.calc.columns import money_array
from encours.calc.lines import LINE_SUMS, line_of_key
from encours.ledger.master import CURRENCIES
from encours_schemas import OUTPUT_TABLES

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.sums import KeyedSums
    from encours.ledger.small import SmallTable


def tie_out(balances: SmallTable, lines: KeyedSums, context: RunContext) -> pa.Table:
    """Give one row per balance of the general ledger, with what the open items add up to.

    Financed items are outside the ledger's receivables (DOMAIN 5). A balance without a customer is
    that of the whole company code in a currency.
    """
    keys = line_of_key(lines.keys, len(context.master.companies.codes))
    amounts = lines.sums[:, LINE_SUMS.index("ledger_milli")].tolist()
    wanted = {name for name in balances.columns["customer_id"] if name}
    ids = context.master.customers.ids
    computed: dict[tuple[str, str, str | None], int] = defaultdict(int)
    names = ids.take(pa.array(keys.customer_code)).to_pylist() if wanted else [None] * lines.count
    for company, currency, customer, milli in zip(
        keys.company_code.tolist(), keys.currency_code.tolist(), names, amounts, strict=True
    ):
        place = (context.master.companies.codes[company], CURRENCIES[currency])
        computed[*place, None] += milli
        if customer in wanted:
            computed[*place, customer] += milli
    columns = {name: balances.columns[name] for name in ("company_code", "currency")}
    columns["customer_id"] = [name or None for name in balances.columns["customer_id"]]
    rows = list(zip(*columns.values(), strict=True))
    stated = np.array([int(amount * 1000) for amount in balances.columns["balance"]], np.int64)
    found = np.array([computed[row] for row in rows], np.int64)
    texts = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    money = {
        "ledger_balance": money_array(stated),
        "computed_balance": money_array(found),
        "difference": money_array(stated - found),
    }
    return complete(OUTPUT_TABLES["tie_out"].arrow_schema(), {**texts, **money}, len(rows))
