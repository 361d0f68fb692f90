"""What the rules about items look for while a unit of items is computed (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_rows import representatives
from encours.calc.cover_of_items import STOPS_COVER
from encours.calc.items import ITEM_WARNINGS
from encours.calc.lines import line_key
from encours.ledger.buffers import is_empty_text
from encours.ledger.checking import combine
from encours.ledger.decode import NO_DAY
from encours.rules.regimes import latest_legal_due_days, limitation_days
from encours.rules.terms import parse_payment_terms
from encours_schemas.rule_ids import RuleId
from encours_schemas.warnings import ItemWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.calc.context import Law, RunContext
    from encours.calc.cover_of_items import ItemCover
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items
    from encours.ledger.master import MasterData
    from encours_schemas.configuration.rules import Rule

Array = np.ndarray[Any, np.dtype[Any]]

HIT_RULES: Final = (
    RuleId.INSURER_NOTIFICATION,
    RuleId.DUE_DATE_MOVED,
    RuleId.TERMS_EXCEED_LEGAL,
    RuleId.DOCUMENT_VALUE,
    RuleId.LIMITATION,
)
"""Rules whose items are counted and added up; their position is the code in `HIT_SCHEMA`."""
LARGEST_IS_WORST: Final = (
    RuleId.DUE_DATE_MOVED,
    RuleId.TERMS_EXCEED_LEGAL,
    RuleId.DOCUMENT_VALUE,
)
"""Rules whose `worst` is turned round, so that the least is always the worst."""
HIT_SCHEMA: Final = pa.schema(
    [
        ("rule", pa.int8()),
        ("place", pa.int64()),
        ("key", pa.string()),
        ("count", pa.int64()),
        ("amount_rc", pa.int64()),
        ("worst", pa.int64()),
        ("item_id", pa.string()),
    ]
)
"""Items of a rule by account (`place`) and key; the least `worst` is the worst, then the id."""
LATE_SCHEMA: Final = pa.schema(
    [
        ("line", pa.int64()),
        ("due_day", pa.int64()),
        ("open_rc", pa.int64()),
        ("uncounted_rc", pa.int64()),
        ("standing", pa.int8()),
        ("item_id", pa.string()),
    ]
)
"""Items that are or may soon be too old, and those that keep insured cover stopped: the part of
each that does not count for its age, and how it stands with the insurer (`ItemCover`)."""
_NO_CAP = np.iinfo(np.int32).max
_DAYS_OF_YEAR = (365, 366)


@dataclass(frozen=True)
class ItemRules:
    """The rules about items, laid out for the work units; a rule that is off is not in `scope`.

    scope           per rule: flags of customers and of companies, None for everybody
    least_late_days an item of so many days past due (negative: not due yet) may be too old within
                    the days that the outlook looks ahead
    cap_days        int64[regimes + 1]  longest legal term in days, the largest int32 for none
    """

    scope: Mapping[RuleId, tuple[Array | None, Array | None]]
    least_late_days: int
    cap_days: Array


class Watched(NamedTuple):
    """What was found in n consecutive items.

    warning_bits  uint8[n]  to be added to the items' warnings
    hits          `HIT_SCHEMA`, a row per item
    late          `LATE_SCHEMA`
    """

    warning_bits: Array
    hits: pa.Table
    late: pa.Table


def build_item_rules(master: MasterData, law: Law, least_late_days: int) -> ItemRules:
    """Lay the rules out that are on, for all units of a run."""
    rules = master.configuration.rules
    wanted = (*HIT_RULES, RuleId.OVERDUE_AGE)
    scope = {rule: _scope(rules.of(rule), master) for rule in wanted if rules.of(rule).enabled}
    only_absolute = rules.terms_exceed_legal.absolute_only
    caps = [
        _NO_CAP
        if regime.term_cap is None or (only_absolute and regime.term_cap.binding != "absolute")
        else regime.term_cap.net_days
        for regime in law.regimes
    ]
    return ItemRules(scope, least_late_days, np.array([*caps, _NO_CAP], np.int64))


def _scope(rule: Rule, master: MasterData) -> tuple[Array | None, Array | None]:
    """Tell for which customers and companies a rule is on: bool[c], bool[companies].

    As in the published accounts, the customer that stands for the account decides.
    """
    customers, companies = master.customers, master.companies
    of_company = None
    if rule.credit_segments:
        of_company = np.array([name in rule.credit_segments for name in companies.segments], bool)
    of_customer = None
    for name, values in (
        ("segment", rule.segments),
        ("country", rule.countries),
        ("risk_class", rule.risk_classes),
    ):
        if values:
            found = pc.is_in(customers.texts[name], value_set=pa.array(values, pa.string()))
            flags = found.to_numpy(zero_copy_only=False)
            of_customer = flags if of_customer is None else of_customer & flags
    if of_customer is not None:
        standing = representatives(customers, customers.account_ids)[customers.account_code]
        of_customer = (standing >= 0) & of_customer[standing]
    return of_customer, of_company


class _Unit(NamedTuple):
    """The items being watched, and what is known around them."""

    items: Items
    measured: MeasuredItems
    context: RunContext
    rules: ItemRules

    def in_scope(self, rule: RuleId, chosen: Array) -> Array:
        """Keep the items of accounts that a rule applies to; none where it is off: int64[k]."""
        if rule not in self.rules.scope:
            return np.empty(0, np.int64)
        of_customer, of_company = self.rules.scope[rule]
        if of_customer is not None:
            chosen = chosen & of_customer[self.items.customer_code]
        if of_company is not None:
            chosen = chosen & of_company[self.items.company_code]
        return np.flatnonzero(chosen)


def watch_items(
    items: Items,
    measured: MeasuredItems,
    data: pa.Table,
    earlier_due_day: Array | None,
    cover: ItemCover | None,
    context: RunContext,
) -> Watched:
    """Find what the rules about items look for.

    data             the items as read, for the text of their payment terms
    earlier_due_day  int32[n]  due days in the earlier run, `NO_DAY` where unknown; None: no run
    """
    bits = np.zeros(items.row_count, np.uint8)
    if context.item_rules is None:
        return Watched(bits, HIT_SCHEMA.empty_table(), LATE_SCHEMA.empty_table())
    unit = _Unit(items, measured, context, context.item_rules)
    found = [
        _to_notify(unit, cover),
        _moved(unit, earlier_due_day),
        _beyond_cap(unit, data),
        _large(unit),
        _soon_barred(unit),
    ]
    for rule, one in zip(HIT_RULES, found, strict=True):
        if rule in _WARNING_BITS:
            bits[one.rows] |= _WARNING_BITS[rule]
    hits = [_hit_table(unit, code, one) for code, one in enumerate(found) if len(one.rows)]
    joined = pa.concat_tables([HIT_SCHEMA.empty_table(), *hits])
    return Watched(bits, joined, _late_table(unit, cover))


_WARNING_BITS: Final = {
    RuleId(warning.value): np.uint8(1 << bit)
    for bit, warning in enumerate(ITEM_WARNINGS)
    if warning
    in (ItemWarning.TERMS_EXCEED_LEGAL, ItemWarning.DUE_DATE_MOVED, ItemWarning.LIMITATION)
}


class _Hits(NamedTuple):
    """Items of one rule: rows int64[k], how bad each is int64[k] (less is worse), its key."""

    rows: Array
    worst: Array
    key: pa.Array | None = None


def _nothing() -> _Hits:
    return _Hits(np.empty(0, np.int64), np.empty(0, np.int64))


def _is_claim(unit: _Unit) -> Array:
    """Tell which items are open, positive and bear interest: bool[n]."""
    measured = unit.measured
    found: Array = measured.exists & (measured.open_milli > 0) & measured.bears_interest
    return found


def _to_notify(unit: _Unit, cover: ItemCover | None) -> _Hits:
    """Find late insured items that must be declared soon; `worst` is the last day for it."""
    if cover is None or RuleId.INSURER_NOTIFICATION not in unit.rules.scope:
        return _nothing()
    day = unit.context.as_of_day
    first = day + unit.context.configuration.rules.insurer_notification.warn_days
    chosen = (cover.notify_day != NO_DAY) & (cover.notify_day <= first)
    chosen &= (unit.items.due_day < day) & (unit.measured.open_milli > 0)
    rows = unit.in_scope(RuleId.INSURER_NOTIFICATION, chosen)
    return _Hits(rows, cover.notify_day[rows].astype(np.int64))


def _moved(unit: _Unit, earlier_due_day: Array | None) -> _Hits:
    """Find open items due later than in the earlier run; `worst` is minus the days."""
    if earlier_due_day is None:
        return _nothing()
    due = unit.items.due_day
    chosen = (earlier_due_day != NO_DAY) & (due > earlier_due_day)
    chosen &= unit.measured.exists & (unit.measured.open_milli != 0)
    rows = unit.in_scope(RuleId.DUE_DATE_MOVED, chosen)
    return _Hits(rows, earlier_due_day[rows].astype(np.int64) - due[rows])


def _beyond_cap(unit: _Unit, data: pa.Table) -> _Hits:
    """Find items with a term beyond the legal cap; `worst` is minus the days beyond it.

    The reading for terms written as end of month counts where the term says so, and where no term
    is known; otherwise the days from the document date alone (Code de commerce L441-10 I).
    """
    items, law = unit.items, unit.context.law
    regime = unit.measured.regime_code
    term_days = items.original_due_day.astype(np.int64) - items.document_day
    chosen = _is_claim(unit) & (term_days > unit.rules.cap_days[regime])
    rows = unit.in_scope(RuleId.TERMS_EXCEED_LEGAL, chosen)
    if not len(rows):
        return _nothing()
    terms = _term_texts(unit, data, rows)
    encoded = terms.dictionary_encode()
    parsed = [parse_payment_terms(text) for text in encoded.dictionary.to_pylist()]
    by_text = np.array([one is None or one.is_end_of_month for one in parsed], bool)
    is_end_of_month = by_text[encoded.indices.to_numpy()]
    latest = np.empty(len(rows), np.int32)
    for code in np.unique(regime[rows]).tolist():
        cap = law.regimes[code].term_cap
        for flag in (False, True):
            of_kind = (regime[rows] == code) & (is_end_of_month == flag)
            if cap is not None and of_kind.any():
                document = items.document_day[rows[of_kind]]
                latest[of_kind] = latest_legal_due_days(cap, document, is_end_of_month=flag)
    beyond = items.original_due_day[rows].astype(np.int64) - latest
    long = np.flatnonzero(beyond > 0)
    return _Hits(rows[long], -beyond[long], terms.take(pa.array(long)))


def _term_texts(unit: _Unit, data: pa.Table, rows: Array) -> pa.Array:
    """Give the payment terms of some items: the item's, else the customer's, else empty."""
    customers = unit.context.master.customers
    names = pa.array([*customers.terms, ""], pa.string())
    code = customers.terms_code[unit.items.customer_code[rows]]
    of_customer = names.take(pa.array(np.where(code >= 0, code, len(customers.terms))))
    if "payment_terms" not in data.column_names:
        return of_customer
    own = combine(data.column("payment_terms")).take(pa.array(rows)).cast(pa.string())
    return pc.if_else(is_empty_text(own).fill_null(True), of_customer, own)


def _large(unit: _Unit) -> _Hits:
    """Find open items above the cap of one document; `worst` is minus the amount."""
    if RuleId.DOCUMENT_VALUE not in unit.rules.scope:
        return _nothing()
    cap = int(unit.context.configuration.rules.document_value.cap * 1000)
    chosen = unit.measured.exists & (unit.measured.open_rc > cap)
    rows = unit.in_scope(RuleId.DOCUMENT_VALUE, chosen)
    return _Hits(rows, -unit.measured.open_rc[rows])


def _soon_barred(unit: _Unit) -> _Hits:
    """Find items that become time-barred soon; `worst` is the last day to sue."""
    if RuleId.LIMITATION not in unit.rules.scope:
        return _nothing()
    items, regime = unit.items, unit.measured.regime_code
    day = unit.context.as_of_day
    last = day + unit.context.configuration.rules.limitation.days
    found: list[tuple[Array, Array]] = []
    claims = _is_claim(unit)
    for code, facts in enumerate(unit.context.law.regimes):
        if facts.limitation_years is None:
            continue
        least, most = (facts.limitation_years * days for days in _DAYS_OF_YEAR)
        may = (items.due_day <= last - least) & (items.due_day >= day - most - _DAYS_OF_YEAR[1])
        rows = unit.in_scope(RuleId.LIMITATION, claims & may & (regime == code))
        ends = limitation_days(facts, items.due_day[rows])
        if ends is not None:
            soon = (ends >= day) & (ends <= last)
            found.append((rows[soon], ends[soon].astype(np.int64)))
    if not found:
        return _nothing()
    rows, ends = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(rows)
    return _Hits(rows[order], ends[order])


def _hit_table(unit: _Unit, code: int, hits: _Hits) -> pa.Table:
    """Give the items of one rule as `HIT_SCHEMA`."""
    rows = pa.array(hits.rows)
    count = len(hits.rows)
    key = pa.repeat(pa.scalar("", pa.string()), count) if hits.key is None else hits.key
    return pa.table(
        [
            pa.array(np.full(count, code, np.int8)),
            pa.array(account_places(unit.items, hits.rows, unit.context)),
            key,
            pa.array(np.ones(count, np.int64)),
            pa.array(unit.measured.open_rc[hits.rows]),
            pa.array(hits.worst),
            unit.items.item_id.take(rows),
        ],
        schema=HIT_SCHEMA,
    )


def account_places(items: Items, rows: Array, context: RunContext) -> Array:
    """Give the account of some items as segment x accounts + account: int64[k]."""
    customers, companies = context.master.customers, context.master.companies
    place: Array = companies.segment_code[items.company_code[rows]].astype(np.int64)
    return place * len(customers.account_ids) + customers.account_code[items.customer_code[rows]]


def _late_table(unit: _Unit, cover: ItemCover | None) -> pa.Table:
    """List the counted items that are or may soon be too old or stop cover, as `LATE_SCHEMA`."""
    items, measured, day = unit.items, unit.measured, unit.context.as_of_day
    owed = (measured.component >= 0) & (measured.open_milli > 0) & (measured.open_rc > 0)
    may_age = owed & (items.due_day <= day - unit.rules.least_late_days)
    rows = unit.in_scope(RuleId.OVERDUE_AGE, may_age)
    standing = np.zeros(len(rows), np.int8)
    ages = np.ones(len(rows), bool)
    if cover is not None:
        listed = np.zeros(items.row_count, bool)
        listed[rows] = True
        ages = listed.copy()
        listed |= owed & (cover.standing == STOPS_COVER)
        rows = np.flatnonzero(listed)
        ages, standing = ages[rows], cover.standing[rows]
    begun = np.where(
        items.disputed_from_day[rows] == NO_DAY,
        items.document_day[rows],
        items.disputed_from_day[rows],
    )
    is_fresh = day - begun < unit.context.configuration.rules.overdue_age.disputed_days
    uncounted = np.where(is_fresh, measured.disputed_rc[rows], 0)
    uncounted[~ages] = measured.open_rc[rows[~ages]]
    company_count = len(unit.context.master.companies.codes)
    line = line_key(
        items.customer_code[rows],
        items.company_code[rows],
        items.currency_code[rows],
        company_count,
    )
    return pa.table(
        [
            pa.array(line),
            pa.array(items.due_day[rows].astype(np.int64)),
            pa.array(measured.open_rc[rows]),
            pa.array(uncounted),
            pa.array(standing),
            items.item_id.take(pa.array(rows)),
        ],
        schema=LATE_SCHEMA,
    )
