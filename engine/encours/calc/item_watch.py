"""What the rules about items look for while a unit of items is computed (DOMAIN 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.calc.account_rows import representatives
from encours.calc.items import ITEM_WARNINGS
from encours.kernels.late import (
    IS_BEYOND_CAP,
    IS_LARGE,
    IS_SOON_BARRED,
    LateLimits,
    WatchedItems,
    WatchLimits,
    list_late_items,
    mark_watched,
)
from encours.ledger.checking import combine, dictionary_of
from encours.ledger.decode import NO_DAY
from encours.ledger.master import CURRENCIES
from encours.rules.regimes import latest_legal_due_days, limitation_days
from encours.rules.terms import parse_payment_terms
from encours_schemas.rule_ids import RuleId
from encours_schemas.warnings import ItemWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encours.calc.context import Law, RunContext
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
LATE_RECORD: Final = np.dtype(
    [
        ("line", np.int64),
        ("ordinal", np.int64),
        ("open_rc", np.int64),
        ("uncounted_rc", np.int64),
        ("due_day", np.int32),
        ("standing", np.int32),
    ]
)
"""An item that is or may soon be too old, or may keep insured cover stopped: the part of it that
does not count for its age, and how it stands with its insurer (`kernels/late.py`)."""
_NO_CAP = np.iinfo(np.int32).max
_NO_AMOUNT = np.iinfo(np.int64).max
_NOBODY_LEFT_OUT: Final = np.empty(0, bool)
_NOBODY_INSURED: Final = np.empty(0, np.bool_)
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


class LateRows(NamedTuple):
    """The late ones of some consecutive items.

    records        `LATE_RECORD`[k]
    bucket         int32[k]  below `LATE_BUCKETS`, the same for all items of a line
    first_ordinal  of the items
    item_id        of all of the items, late or not
    """

    records: Array
    bucket: Array
    first_ordinal: int
    item_id: pa.Array


class Watched(NamedTuple):
    """What was found in n consecutive items.

    warning_bits  uint8[n]  to be added to the items' warnings
    hits          `HIT_SCHEMA`, a row per item; those of `INSURER_NOTIFICATION` follow from cover
    late          items that may be too old; None where there is none
    """

    warning_bits: Array
    hits: pa.Table
    late: LateRows | None


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
        standing = representatives(master, customers.account_ids)[customers.account_code]
        of_customer = (standing >= 0) & of_customer[standing]
    return of_customer, of_company


class _Unit(NamedTuple):
    """The items being watched, and what is known around them.

    columns  of the items, as the kernels want them
    marks    uint8[n]  which items rules have to look at more closely (`mark_watched`)
    """

    items: Items
    measured: MeasuredItems
    context: RunContext
    rules: ItemRules
    columns: WatchedItems
    marks: Array

    def in_scope(self, rule: RuleId, rows: Array) -> Array:
        """Keep the items of accounts that a rule applies to; none where it is off: int64[k]."""
        if rule not in self.rules.scope:
            return np.empty(0, np.int64)
        of_customer, of_company = self.rules.scope[rule]
        if of_customer is not None:
            rows = rows[of_customer[self.items.customer_code[rows]]]
        if of_company is not None:
            rows = rows[of_company[self.items.company_code[rows]]]
        return rows


def watch_items(
    items: Items,
    measured: MeasuredItems,
    data: pa.Table,
    first_ordinal: int,
    earlier_due_day: Array | None,
    insurable: Array | None,
    context: RunContext,
) -> Watched:
    """Find what the rules about items look for.

    data             the items as read, for the text of their payment terms
    first_ordinal    of the items in their table
    earlier_due_day  int32[n]  due days in the earlier run, `NO_DAY` where unknown; None: no run
    insurable        int64[k]  the items that insurers may cover; None: nobody insures anything
    """
    bits = np.zeros(items.row_count, np.uint8)
    if context.item_rules is None:
        return Watched(bits, HIT_SCHEMA.empty_table(), None)
    is_insurable = _NOBODY_INSURED
    if insurable is not None:
        is_insurable = np.zeros(items.row_count, np.bool_)
        is_insurable[insurable] = True
    columns = _columns(items, measured, is_insurable)
    marks = np.empty(items.row_count, np.uint8)
    mark_watched(columns, _limits(context, context.item_rules), marks)
    unit = _Unit(items, measured, context, context.item_rules, columns, marks)
    found = {
        RuleId.DUE_DATE_MOVED: _moved(unit, earlier_due_day),
        RuleId.TERMS_EXCEED_LEGAL: _beyond_cap(unit, data),
        RuleId.DOCUMENT_VALUE: _large(unit),
        RuleId.LIMITATION: _soon_barred(unit),
    }
    for rule, one in found.items():
        if rule in _WARNING_BITS:
            bits[one.rows] |= _WARNING_BITS[rule]
    hits = [_hit_table(unit, rule, one) for rule, one in found.items() if len(one.rows)]
    joined = pa.concat_tables([HIT_SCHEMA.empty_table(), *hits])
    return Watched(bits, joined, _late_items(unit, first_ordinal))


def _columns(items: Items, measured: MeasuredItems, is_insurable: Array) -> WatchedItems:
    """Give the columns that rules about items look at."""
    return WatchedItems(
        items.customer_code,
        items.company_code,
        items.currency_code,
        items.document_day,
        items.due_day,
        items.original_due_day,
        items.disputed_from_day,
        measured.component,
        measured.regime_code,
        measured.exists,
        measured.bears_interest,
        measured.open_milli,
        measured.open_rc,
        measured.disputed_rc,
        is_insurable,
    )


def _limits(context: RunContext, rules: ItemRules) -> WatchLimits:
    """Say from where on the rules that are on look at items more closely."""
    settings, day, regimes = context.configuration.rules, context.as_of_day, context.law.regimes
    last = day + settings.limitation.days
    first_due, last_due = (np.full(len(regimes) + 1, end, np.int64) for end in (1, 0))
    for code, facts in enumerate(regimes):
        if facts.limitation_years is not None and RuleId.LIMITATION in rules.scope:
            least, most = (facts.limitation_years * days for days in _DAYS_OF_YEAR)
            first_due[code] = day - most - _DAYS_OF_YEAR[1]
            last_due[code] = last - least
    cap_days = rules.cap_days
    if RuleId.TERMS_EXCEED_LEGAL not in rules.scope:
        cap_days = np.full_like(cap_days, _NO_CAP)
    is_limited = RuleId.DOCUMENT_VALUE in rules.scope
    most_rc = int(settings.document_value.cap * 1000) if is_limited else _NO_AMOUNT
    return WatchLimits(cap_days, first_due, last_due, most_rc)


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


def _moved(unit: _Unit, earlier_due_day: Array | None) -> _Hits:
    """Find open items due later than in the earlier run; `worst` is minus the days."""
    if earlier_due_day is None:
        return _nothing()
    due = unit.items.due_day
    chosen = (earlier_due_day != NO_DAY) & (due > earlier_due_day)
    chosen &= unit.measured.exists & (unit.measured.open_milli != 0)
    rows = unit.in_scope(RuleId.DUE_DATE_MOVED, np.flatnonzero(chosen))
    return _Hits(rows, earlier_due_day[rows].astype(np.int64) - due[rows])


def _beyond_cap(unit: _Unit, data: pa.Table) -> _Hits:
    """Find items with a term beyond the legal cap; `worst` is minus the days beyond it.

    The reading for terms written as end of month counts where the term says so, and where no term
    is known; otherwise the days from the document date alone (Code de commerce L441-10 I).
    """
    items, law = unit.items, unit.context.law
    regime = unit.measured.regime_code
    rows = unit.in_scope(RuleId.TERMS_EXCEED_LEGAL, np.flatnonzero(unit.marks & IS_BEYOND_CAP))
    if not len(rows):
        return _nothing()
    texts, position = _terms(unit, data, rows)
    is_end_of_month = _is_end_of_month(texts, position)
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
    return _Hits(rows[long], -beyond[long], texts.take(pa.array(position[long])))


def _terms(unit: _Unit, data: pa.Table, rows: Array) -> tuple[pa.Array, Array]:
    """Give texts of payment terms, and where that of each item stands among them: int64[k].

    The item's own terms count, else the customer's, else the empty text.
    """
    customers = unit.context.master.customers
    texts = pa.array([*customers.terms, ""], pa.string())
    code = customers.terms_code[unit.items.customer_code[rows]].astype(np.int64)
    position = np.where(code >= 0, code, len(customers.terms))
    if "payment_terms" in data.column_names:
        own = combine(data.column("payment_terms")).take(pa.array(rows))
        own_texts, own_position = dictionary_of(own)
        is_given = np.append(pc.not_equal(own_texts.cast(pa.string()), "").to_numpy(False), False)
        position = np.where(is_given[own_position], own_position + len(texts), position)
        texts = pa.concat_arrays([texts, own_texts.cast(pa.string())])
    return texts, position


def _is_end_of_month(texts: pa.Array, position: Array) -> Array:
    """Tell which terms are, or may be, to the end of a month: bool[k]; only texts met are read."""
    flags = np.zeros(len(texts), bool)
    met = np.unique(position)
    parsed = [parse_payment_terms(text) for text in texts.take(pa.array(met)).to_pylist()]
    flags[met] = [one is None or one.is_end_of_month for one in parsed]
    return flags[position]


def _large(unit: _Unit) -> _Hits:
    """Find open items above the cap of one document; `worst` is minus the amount."""
    rows = unit.in_scope(RuleId.DOCUMENT_VALUE, np.flatnonzero(unit.marks & IS_LARGE))
    return _Hits(rows, -unit.measured.open_rc[rows])


def _soon_barred(unit: _Unit) -> _Hits:
    """Find items that become time-barred soon; `worst` is the last day to sue."""
    rows = unit.in_scope(RuleId.LIMITATION, np.flatnonzero(unit.marks & IS_SOON_BARRED))
    regime, due_day = unit.measured.regime_code[rows], unit.items.due_day[rows]
    day = unit.context.as_of_day
    last = day + unit.context.configuration.rules.limitation.days
    ends = np.full(len(rows), NO_DAY, np.int64)
    for code in np.unique(regime).tolist():
        of_regime = np.flatnonzero(regime == code)
        last_days = limitation_days(unit.context.law.regimes[code], due_day[of_regime])
        if last_days is not None:
            ends[of_regime] = last_days
    soon = np.flatnonzero((ends >= day) & (ends <= last))
    return _Hits(rows[soon], ends[soon])


def _hit_table(unit: _Unit, rule: RuleId, hits: _Hits) -> pa.Table:
    """Give the items of one rule as `HIT_SCHEMA`."""
    return hit_table(
        rule,
        account_places(unit.items, hits.rows, unit.context),
        unit.measured.open_rc[hits.rows],
        hits.worst,
        unit.items.item_id.take(pa.array(hits.rows)),
        hits.key,
    )


def hit_table(
    rule: RuleId,
    place: Array,
    open_rc: Array,
    worst: Array,
    item_id: pa.Array,
    key: pa.Array | None = None,
) -> pa.Table:
    """Give n items of one rule as `HIT_SCHEMA`; without a key they are added up by account."""
    count = len(place)
    return pa.table(
        [
            pa.array(np.full(count, HIT_RULES.index(rule), np.int8)),
            pa.array(place),
            pa.repeat(pa.scalar("", pa.string()), count) if key is None else key,
            pa.array(np.ones(count, np.int64)),
            pa.array(open_rc),
            pa.array(worst),
            item_id,
        ],
        schema=HIT_SCHEMA,
    )


def account_places(items: Items, rows: Array, context: RunContext) -> Array:
    """Give the account of some items as segment x accounts + account: int64[k]."""
    customers, companies = context.master.customers, context.master.companies
    place: Array = companies.segment_code[items.company_code[rows]].astype(np.int64)
    return place * len(customers.account_ids) + customers.account_code[items.customer_code[rows]]


def _late_items(unit: _Unit, first_ordinal: int) -> LateRows | None:
    """List the counted items that are or may soon be too old, and that may stop cover."""
    items, context, count = unit.items, unit.context, unit.items.row_count
    is_on = RuleId.OVERDUE_AGE in unit.rules.scope
    if not is_on and not len(unit.columns.is_insurable):
        return None
    of_customer, of_company = unit.rules.scope.get(RuleId.OVERDUE_AGE, (None, None))
    limits = LateLimits(
        context.as_of_day - unit.rules.least_late_days if is_on else NO_DAY,
        context.as_of_day - 1,
        context.as_of_day - context.configuration.rules.overdue_age.disputed_days + 1,
        _NOBODY_LEFT_OUT if of_customer is None else of_customer,
        _NOBODY_LEFT_OUT if of_company is None else of_company,
        len(context.master.companies.codes),
        len(CURRENCIES),
    )
    records, bucket = np.empty(count, LATE_RECORD), np.empty(count, np.int32)
    found = list_late_items(unit.columns, limits, first_ordinal, records, bucket)
    if not found:
        return None
    return LateRows(records[:found], bucket[:found], first_ordinal, items.item_id)
