"""A run's context with few parties, euros alone, and nothing that sums do not look at."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from encours.calc.context import conversion_to
from encours.calc.lines import LINE_SUMS, line_key
from encours.calc.sums import KeyedSums
from encours.ledger.decode import TextIndex
from encours.ledger.hierarchy import build_hierarchy
from encours.ledger.limits import no_limits
from encours.ledger.master import CURRENCY_POSITIONS, LIQUIDATION, Companies, Customers
from encours.rules.fx import build_fx
from encours_schemas.configuration import Configuration

AS_OF_DAY = 20_000
EUR = CURRENCY_POSITIONS["EUR"]
USD = CURRENCY_POSITIONS["USD"]
NO_DAY = np.iinfo(np.int32).min
NO_LIMITS = no_limits()
_TEXTS = ("name", "country", "risk_class", "segment", "account_manager")


def customers(
    count: int, parents: Sequence[int] = (), accounts: Sequence[int] = (), **flags: Sequence[bool]
) -> Customers:
    """Give customers K0, K1 …; each has an account of its own and no parent unless one is given."""
    ids = pa.array([f"K{number}" for number in range(count)], pa.string())
    parent = np.array(parents or [-1] * count, np.int32)

    def flag(name: str) -> Any:
        return np.array(flags.get(name, [False] * count), bool)

    return Customers(
        ids=ids,
        texts={name: pa.nulls(count, pa.string()) for name in _TEXTS},
        account_ids=ids,
        account_code=np.array(accounts or range(count), np.int32),
        hierarchy=build_hierarchy(parent),
        is_public=flag("is_public"),
        is_consumer=flag("is_consumer"),
        is_intragroup=flag("is_intragroup"),
        has_netting=flag("has_netting"),
        has_manual_hold=flag("has_manual_hold"),
        insolvency_day=np.full(count, NO_DAY, np.int32),
        insolvency_ended_day=np.full(count, NO_DAY, np.int32),
        insolvency_published_day=np.full(count, NO_DAY, np.int32),
        insolvency_kind=np.full(count, LIQUIDATION, np.int32),
        regime_code=np.full(count, -1, np.int32),
        imputation_code=np.full(count, -1, np.int32),
        terms=(),
        terms_code=np.full(count, -1, np.int32),
        is_placeholder=flag("is_placeholder"),
    )


def run_context(
    parties: Customers,
    companies: Sequence[str] = ("1000",),
    segments: Sequence[str] = (),
    **configuration: Any,
) -> Any:
    """Give what `RunContext` gives: companies, customers, configuration, euros."""
    fx = build_fx([], AS_OF_DAY, "EUR", "EUR", 3)
    chosen = Configuration.model_validate(configuration)
    return SimpleNamespace(
        as_of_day=AS_OF_DAY,
        configuration=chosen,
        master=SimpleNamespace(
            customers=parties,
            customer_index=TextIndex(parties.ids),
            companies=Companies(
                tuple(companies),
                ("FR",) * len(companies),
                tuple(segments) or ("ALL",) * len(companies),
            ),
        ),
        reporting=conversion_to("EUR", fx),
        late_bounds=np.array(chosen.ageing.bounds, np.int32),
        not_due_bounds=np.array(chosen.ageing.not_due_bounds, np.int32),
    )


def lines_of(rows: Sequence[dict[str, int]], company_count: int) -> KeyedSums:
    """Give the sums of lines; a row names customer, company, currency and what is not zero."""
    lines = KeyedSums(len(LINE_SUMS))
    for row in rows:
        key = line_key(
            np.array([row["customer"]], np.int32),
            np.array([row.get("company", 0)], np.int32),
            np.array([row.get("currency", EUR)], np.int32),
            company_count,
        )
        values = np.array([[row.get(name, 0) for name in LINE_SUMS]], np.int64)
        lines.add(key, values, np.array([row.get("due_day", 2**31 - 1)], np.int32))
    return lines
