"""Items that an insurer may cover, and what was open of them from day to day (DOMAIN 7)."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.allocation import NOT_REFUSED
from encours.kernels.cover import (
    ITEM_ACCOUNT,
    ITEM_CUSTOMER,
    ITEM_DELIVERY_DAY,
    ITEM_DISPUTE_END_DAY,
    ITEM_DISPUTED_DAY,
    ITEM_DUE_DAY,
    ITEM_ORDER_DAY,
    ITEM_OWN_RISK_DAY,
    ITEM_SEGMENT,
    ITEM_STATE_END,
    ITEM_STATE_FIRST,
    ITEM_TERM_DAYS,
    LAST_DAY,
    STATE_DAY,
    STATE_GROSS_MILLI,
    STATE_NET_MILLI,
    UNBOUNDED,
)
from encours.kernels.late import INSURABLE, NOT_INSURED, STOPS_COVER
from encours.kernels.text import NO_DAY
from encours.kernels.wide import add_product, rounded_quotient

FAR_DAYS = 2**30
"""Days after which a delay is declared where nobody asks for it."""


class InsurableColumns(NamedTuple):
    """What decides whether one of n items may be covered.

    customer_code, type_code, financing_code, posting_day  int32[n]
    amount_milli  int64[n]
    is_bad        bool[n]
    """

    customer_code: Any
    type_code: Any
    financing_code: Any
    posting_day: Any
    amount_milli: Any
    is_bad: Any


@kernel
def list_insurable(columns, cluster_of_customer, is_insurable_type, is_sold, as_of_day, out_row):
    """List the items that may be covered; give how many there are.

    columns              InsurableColumns
    cluster_of_customer  int32[c]  -1: not insured; a code from the end is one of nobody known
    is_insurable_type    bool[t]   the last for no type
    is_sold              bool[f]   financing that takes the risk off us; the last for none
    as_of_day            int64
    out_row              int64[n]  written from its beginning, ascending
    """
    count = 0
    for i in range(out_row.shape[0]):
        customer = columns.customer_code[i]
        if customer < 0 or cluster_of_customer[customer] < 0:
            continue
        if columns.is_bad[i] or columns.posting_day[i] > as_of_day or columns.amount_milli[i] <= 0:
            continue
        if not is_insurable_type[columns.type_code[i]] or is_sold[columns.financing_code[i]]:
            continue
        out_row[count] = i
        count += 1
    return count


class OpenAmounts(NamedTuple):
    """Amounts of n items in their currency: int64[n] thousandths; `currency_code` int32[n].

    extract_open_milli  what is open where the item has no allocation at all
    """

    amount_milli: Any
    tax_milli: Any
    extract_open_milli: Any
    currency_code: Any


class OpenStates(NamedTuple):
    """What `open_states` writes of k items that are ever open, and of their t states.

    row          int64[k]
    state_count  int32[k]
    day          int32[t]  first day of the state, -`LAST_DAY` of an item's first
    code         int32[t]  currency
    gross_milli  int64[t]  what is open, not below zero
    net_milli    int64[t]  the same less its share of tax, rounded half away from zero
    """

    row: Any
    state_count: Any
    day: Any
    code: Any
    gross_milli: Any
    net_milli: Any


@kernel
def open_states(amounts, unit_milli, rows, first_day, postings, work, out):
    """Give what was open of some items from day to day; give numbers of open items and of states.

    amounts     `OpenAmounts`
    unit_milli  int64[c]  smallest unit of each currency
    rows        int64[k]  the items to look at, ascending
    first_day   int32[k]  states that end before this day are of no use
    postings    of all items: `ALLOCATION_RECORD`[m] by item, int8[m] what speaks against each, the
                ordinal of the first item, and the as-of day
    work        int32[m], int64[m]  room for an item's days and amounts
    out         `OpenStates`, room for k items and k + m states

    An item is open before its first allocation as it is given; each posting day begins a state. An
    item that no state shows open is left out.
    """
    records, refusal, item_first, as_of_day = postings
    days, paid = work
    kept = 0
    count = 0
    j = 0
    for place in range(rows.shape[0]):
        i = rows[place]
        while j < records.shape[0] and np.int64(records[j]["first"]) - item_first < i:
            j += 1
        has_any = False
        posted = 0
        while j < records.shape[0] and np.int64(records[j]["first"]) - item_first == i:
            if refusal[j] == NOT_REFUSED:
                has_any = True
                if records[j]["posting_day"] <= as_of_day:
                    at = posted
                    while at > 0 and days[at - 1] > records[j]["posting_day"]:
                        days[at], paid[at] = days[at - 1], paid[at - 1]
                        at -= 1
                    days[at], paid[at] = records[j]["posting_day"], records[j]["amount_milli"]
                    posted += 1
            j += 1
        balance = amounts.amount_milli[i] if has_any else amounts.extract_open_milli[i]
        unit = unit_milli[amounts.currency_code[i]]
        first_state = count
        is_open = False
        day = np.int32(-LAST_DAY)
        at = 0
        while True:
            while at < posted and (days[at] == day or days[at] <= first_day[place]):
                balance -= paid[at]
                if balance > UNBOUNDED or balance < -UNBOUNDED:
                    balance = np.int64(0)  # such an item is refused when it is measured
                at += 1
            gross = max(balance, np.int64(0))
            is_open = is_open or gross > 0
            net_units = _without_tax(
                gross // unit,
                amounts.amount_milli[i] // unit,
                (amounts.amount_milli[i] - amounts.tax_milli[i]) // unit,
            )
            out.day[count] = day
            out.code[count] = amounts.currency_code[i]
            out.gross_milli[count] = gross
            out.net_milli[count] = net_units * unit
            count += 1
            if at == posted:
                break
            day = days[at]
        if is_open:
            out.row[kept] = i
            out.state_count[kept] = count - first_state
            kept += 1
        else:
            count = first_state
    return kept, count


@kernel
def _without_tax(open_units, amount_units, net_units):
    """Give open x net / amount, rounded half away from zero, between zero and the open amount."""
    if net_units <= 0 or amount_units <= 0:
        return np.int64(0)
    if net_units >= amount_units:
        return open_units
    high, low = add_product(np.int64(0), np.int64(0), open_units, net_units)
    units, _ = rounded_quotient(high, low, amount_units)
    return min(units, open_units)


class InsuredItems(NamedTuple):
    """What is known of n measured items, as far as insurers ask for it.

    codes and days      int32[n]
    is_marked_disputed, is_published  bool[n]
    open_milli, open_rc int64[n]
    """

    customer_code: Any
    company_code: Any
    financing_code: Any
    delivery_day: Any
    document_day: Any
    due_day: Any
    original_due_day: Any
    disputed_from_day: Any
    disputed_to_day: Any
    is_marked_disputed: Any
    is_published: Any
    open_milli: Any
    open_rc: Any


class InsuredParties(NamedTuple):
    """What insurers know customers and company codes by.

    cluster_of_customer  int32[c]
    account_code         int32[c]
    segment_code         int32[d]  of companies
    declares_customer, declares_company  bool[c], bool[d]  whose late items are to be declared;
                         bool[0] for all
    has_recourse         bool[f]   financing that leaves the risk with us until some time after
                         maturity; the last for none
    """

    cluster_of_customer: Any
    account_code: Any
    segment_code: Any
    declares_customer: Any
    declares_company: Any
    has_recourse: Any


class InsuredSetting(NamedTuple):
    """Numbers that are the same for all items: int64.

    item_first        ordinal of the first item
    published_before  published rows of the work unit before these items
    as_of_day
    recourse_days     days after maturity for which a risk with recourse is ours
    declares          late items are to be declared at all (0 or 1)
    """

    item_first: int
    published_before: int
    as_of_day: int
    recourse_days: int
    declares: int


@kernel
def lay_out_insured(items, parties, setting, rows, late, out):
    """Write the records of insurable items, but for their states, orders and ids.

    items    InsuredItems
    parties  InsuredParties
    setting  InsuredSetting
    rows     int64[k]  ascending
    late     LATE_RECORD[l] of these items, in their order, and int32[l] where each is parked
    out      ITEM_RECORD[k], written
    """
    records, buckets = late
    published = setting.published_before
    i = 0
    at = 0
    for place in range(rows.shape[0]):
        row = rows[place]
        while i < row:
            published += items.is_published[i]
            i += 1
        ordinal = setting.item_first + row
        while at < buckets.shape[0] and records[at]["ordinal"] < ordinal:
            at += 1
        is_late = at < buckets.shape[0] and records[at]["ordinal"] == ordinal
        customer, company = items.customer_code[row], items.company_code[row]
        disputed, ends = items.disputed_from_day[row], items.disputed_to_day[row]
        if disputed == NO_DAY:
            disputed = items.document_day[row]
        declares = setting.declares == 1
        declares &= items.due_day[row] < setting.as_of_day and items.open_milli[row] > 0
        if parties.declares_customer.shape[0] > 0:
            declares &= parties.declares_customer[customer]
        if parties.declares_company.shape[0] > 0:
            declares &= parties.declares_company[company]
        matures = items.due_day[row] + setting.recourse_days
        due, document = items.original_due_day[row], items.document_day[row]
        out[place]["account"] = parties.account_code[customer]
        out[place]["segment"] = parties.segment_code[company]
        out[place]["customer"] = customer
        out[place]["delivery_day"] = items.delivery_day[row]
        out[place]["due_day"] = due
        out[place]["term_days"] = due - document
        out[place]["disputed_day"] = disputed if items.is_marked_disputed[row] else LAST_DAY
        out[place]["dispute_end_day"] = LAST_DAY if ends == NO_DAY else ends
        has_recourse = parties.has_recourse[items.financing_code[row]]
        out[place]["own_risk_day"] = matures if has_recourse else LAST_DAY
        out[place]["published_row"] = published if items.is_published[row] else -1
        out[place]["late_bucket"] = buckets[at] if is_late else -1
        out[place]["cluster"] = parties.cluster_of_customer[customer]
        out[place]["ordinal"] = ordinal
        out[place]["undeclared_rc"] = items.open_rc[row] if declares else -1


@kernel
def lay_out_in_order(items, order_day, states, order, out_items, out_states):
    """Lay parked items and their states out in an order, as `fill_pools` reads them.

    items       ITEM_RECORD[n]
    order_day   int32[n]       last day on which an item's order was confirmed
    states      STATE_RECORD[t]  item by item
    order       int64[n]       the item that comes next
    out_items   int64[n, 12]   written
    out_states  int64[t, 3]    written
    """
    first = np.empty(items.shape[0], np.int64)
    count = np.int64(0)
    for i in range(items.shape[0]):
        first[i] = count
        count += items[i]["state_count"]
    count = np.int64(0)
    for place in range(order.shape[0]):
        i = order[place]
        item = items[i]
        out = out_items[place]
        out[ITEM_ACCOUNT] = item["account"]
        out[ITEM_SEGMENT] = item["segment"]
        out[ITEM_CUSTOMER] = item["customer"]
        out[ITEM_DELIVERY_DAY] = item["delivery_day"]
        out[ITEM_DUE_DAY] = item["due_day"]
        out[ITEM_TERM_DAYS] = item["term_days"]
        out[ITEM_DISPUTED_DAY] = item["disputed_day"]
        out[ITEM_DISPUTE_END_DAY] = item["dispute_end_day"]
        out[ITEM_OWN_RISK_DAY] = item["own_risk_day"]
        out[ITEM_ORDER_DAY] = order_day[i]
        out[ITEM_STATE_FIRST] = count
        for state in range(first[i], first[i] + item["state_count"]):
            out_states[count, STATE_DAY] = states[state]["day"]
            out_states[count, STATE_GROSS_MILLI] = states[state]["gross_milli"]
            out_states[count, STATE_NET_MILLI] = states[state]["net_milli"]
            count += 1
        out[ITEM_STATE_END] = count


class CoverTold(NamedTuple):
    """What `tell_cover` writes, room for n items each.

    covered_milli           int64[n]
    published, published_milli, published_ordinal  int64[n]  of covered items: the row among the
                            published ones of their unit, what is covered, the item's ordinal
    late, late_standing, late_bucket  int64[n], int64[n], int32[n]  of late items that are insured:
                            ordinal, standing, where they are parked
    declare, declare_day    int64[n], int64[n]  items whose delay is to be declared: their place,
                            and the last day for it
    """

    covered_milli: Any
    published: Any
    published_milli: Any
    published_ordinal: Any
    late: Any
    late_standing: Any
    late_bucket: Any
    declare: Any
    declare_day: Any


def room_for_told(count):
    """Make room for what is told of so many items: `CoverTold`, each column as long."""
    kinds = [np.int32 if name == "late_bucket" else np.int64 for name in CoverTold._fields]
    return CoverTold._make(np.empty(count, kind) for kind in kinds)


@kernel
def tell_cover(items, order, found, listed, notify_days, setting, out):
    """Tell what items have of all their pools; give numbers of published, late and declared ones.

    items        ITEM_RECORD[n]
    order        int64[n]  the item at each place of the kernel's order
    found        bool[n], int64[n]  by place: the item stops a pool; its largest insurable base
    listed       int64[m], int64[m], int64[m]  pool, place and thousandths of cover above zero
    notify_days  int64[p]  days after which a delay is declared, by pool
    setting      int64, int64  1 where whatever is insurable counts as insured, covered or not; the
                 day up to which a last day for declaring is soon
    out          `CoverTold`, written
    """
    is_stopping, insurable_milli = found
    pools, places, milli = listed
    tells_insurable, soon_day = setting
    days = np.full(order.shape[0], FAR_DAYS, np.int64)
    for place in range(order.shape[0]):
        out.covered_milli[place] = 0
    for entry in range(places.shape[0]):
        place = places[entry]
        out.covered_milli[place] += milli[entry]
        days[place] = min(days[place], notify_days[pools[entry]])
    published = late = declared = 0
    for place in range(order.shape[0]):
        item = items[order[place]]
        covered = out.covered_milli[place]
        if covered != 0:
            out.published[published] = item["published_row"]
            out.published_milli[published] = covered
            out.published_ordinal[published] = item["ordinal"]
            published += 1
        standing = NOT_INSURED
        if covered > 0 or (tells_insurable == 1 and insurable_milli[place] > 0):
            standing = INSURABLE
        if is_stopping[place]:
            standing = STOPS_COVER
        if standing != NOT_INSURED and item["late_bucket"] >= 0:
            out.late[late] = item["ordinal"]
            out.late_standing[late] = standing
            out.late_bucket[late] = item["late_bucket"]
            late += 1
        if covered > 0 and item["undeclared_rc"] >= 0:
            last_day = item["due_day"] + days[place]
            if last_day <= soon_day:
                out.declare[declared] = place
                out.declare_day[declared] = last_day
                declared += 1
    return published, late, declared
