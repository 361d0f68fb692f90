"""Items that rules look for, and the oldest late item of a line once credits took the oldest."""

from typing import Any, NamedTuple

import numpy as np

from encours.kernels._jit import kernel
from encours.kernels.keys import HASH_MULTIPLIER
from encours.kernels.text import NO_DAY

Array = np.ndarray[Any, np.dtype[Any]]

LATE_BUCKETS = 256
BUCKET_SHIFT = np.uint64(56)

IS_BEYOND_CAP = 1
IS_SOON_BARRED = 2
IS_LARGE = 4

NOT_INSURED, INSURABLE, STOPS_COVER, MAY_STOP_COVER = range(4)
"""How an item stands with its insurer: nobody insures it, it may be covered, its delay keeps the
cover of others stopped; not known yet, and the item is of no interest unless it does."""

IS_TIED = 1
IS_AS_OLD = 2
IS_DECISIVE = 4


class WatchedItems(NamedTuple):
    """What is known of n measured items.

    codes and days  int32[n]
    exists, bears_interest  bool[n]
    amounts         int64[n]
    is_insurable    bool[n]  an insurer may cover it; bool[0]: nobody insures anything
    """

    customer_code: Array
    company_code: Array
    currency_code: Array
    document_day: Array
    due_day: Array
    original_due_day: Array
    disputed_from_day: Array
    component: Array
    regime_code: Array
    exists: Array
    bears_interest: Array
    open_milli: Array
    open_rc: Array
    disputed_rc: Array
    is_insurable: Array


class WatchLimits(NamedTuple):
    """Where rules about items begin, the first three per regime and, at the end, for none: int64.

    cap_days          longest term that is not looked at
    due_day_first     due days from here …
    due_day_last      … to here may be time-barred soon; none where it is the lesser
    document_rc_most  amount up to which an item is not large
    """

    cap_days: Array
    due_day_first: Array
    due_day_last: Array
    document_rc_most: int


class LateLimits(NamedTuple):
    """Which items are late, for whom it matters, and how their line's number is made.

    due_day_last      int64    items due later are not late
    stop_day_last     int64    insurable items whose original due day is later stop no cover
    fresh_day_first   int64    a dispute that began on this day or later does not count
    of_customer       bool[c]  customers concerned; bool[0] for all
    of_company        bool[d]  companies concerned; bool[0] for all
    company_count, currency_count  int64
    """

    due_day_last: int
    stop_day_last: int
    fresh_day_first: int
    of_customer: Array
    of_company: Array
    company_count: int
    currency_count: int


@kernel
def mark_watched(items, limits, out_mark):
    """Mark the items that rules have to look at more closely.

    items     WatchedItems
    limits    WatchLimits
    out_mark  uint8[n]  written: IS_... bits
    """
    for i in range(out_mark.shape[0]):
        mark = 0
        if items.exists[i]:
            if items.open_rc[i] > limits.document_rc_most:
                mark |= IS_LARGE
            if items.open_milli[i] > 0 and items.bears_interest[i]:
                regime = items.regime_code[i]
                due_day = np.int64(items.due_day[i])
                term = np.int64(items.original_due_day[i]) - np.int64(items.document_day[i])
                if term > limits.cap_days[regime]:
                    mark |= IS_BEYOND_CAP
                if limits.due_day_first[regime] <= due_day <= limits.due_day_last[regime]:
                    mark |= IS_SOON_BARRED
        out_mark[i] = mark


@kernel
def list_late_items(items, limits, ordinal_first, out_record, out_bucket):
    """List the counted items that are late or may keep cover stopped; return how many there are.

    items          WatchedItems
    limits         LateLimits
    ordinal_first  int64      of the first item
    out_record     record[n]  written from its beginning: fields line, ordinal, open_rc,
                              uncounted_rc (what does not count for its age), due_day, standing:
                              NOT_INSURED as long as nothing else is known, or MAY_STOP_COVER
    out_bucket     int32[n]   written: one of LATE_BUCKETS, the same for all items of a line
    """
    count = 0
    has_insurable = items.is_insurable.shape[0] > 0
    for i in range(out_bucket.shape[0]):
        if items.component[i] < 0 or items.open_milli[i] <= 0 or items.open_rc[i] <= 0:
            continue
        customer, company = items.customer_code[i], items.company_code[i]
        ages = items.due_day[i] <= limits.due_day_last
        if limits.of_customer.shape[0] > 0 and not limits.of_customer[customer]:
            ages = False
        if limits.of_company.shape[0] > 0 and not limits.of_company[company]:
            ages = False
        is_insurable = has_insurable and items.is_insurable[i]
        if not ages and not (is_insurable and items.original_due_day[i] <= limits.stop_day_last):
            continue
        begun = items.disputed_from_day[i]
        if begun == NO_DAY:
            begun = items.document_day[i]
        uncounted = items.disputed_rc[i] if begun >= limits.fresh_day_first else np.int64(0)
        pair = np.int64(customer) * limits.company_count + company
        line = pair * limits.currency_count + items.currency_code[i]
        out_record[count]["line"] = line
        out_record[count]["ordinal"] = ordinal_first + i
        out_record[count]["open_rc"] = items.open_rc[i]
        out_record[count]["uncounted_rc"] = uncounted if ages else items.open_rc[i]
        out_record[count]["due_day"] = items.due_day[i]
        out_record[count]["standing"] = NOT_INSURED if ages else MAY_STOP_COVER
        out_bucket[count] = np.int32(np.uint64(line) * HASH_MULTIPLIER >> BUCKET_SHIFT)
        count += 1
    return count


@kernel
def find_oldest_late(late, credit_rc, materiality, unit, release_day, out_oldest, out_payment):
    """Write each line's oldest item that counts, and what must be paid so that none is too old.

    late         record[m]    as of `list_late_items`, by line and due day; those of one day in the
                              order in which credits take them
    credit_rc    int64[l]     credits of each line that has items, in their order; not negative
    materiality  int64        what is left of an item must be this much to count, and above zero
    unit         int64        smallest amount that can be paid
    release_day  int64        items due on this day or earlier keep a hold
    out_oldest   int64[l]     written: row of the item, -1 where none counts
    out_payment  int64[l, 2]  written: the least payment that leaves no item keeping a hold, and
                              what of it falls on insurable items

    A payment takes the oldest items first, as credits do. Rule: DOMAIN 8, `overdue_age`.
    """
    line = -1
    credit = 0
    owed = 0
    owed_insurable = 0
    for i in range(late.shape[0]):
        if i == 0 or late[i]["line"] != late[i - 1]["line"]:
            line += 1
            credit = credit_rc[line]
            owed = 0
            owed_insurable = 0
            out_oldest[line] = -1
            out_payment[line, 0] = 0
            out_payment[line, 1] = 0
        used = min(credit, late[i]["open_rc"])
        credit -= used
        rest = late[i]["open_rc"] - used
        counted = rest - late[i]["uncounted_rc"]
        is_insurable = late[i]["standing"] != NOT_INSURED
        if counted > 0 and counted >= materiality:
            if out_oldest[line] < 0:
                out_oldest[line] = i
            if late[i]["due_day"] <= release_day:
                paid = counted - max(0, (materiality - 1) // unit * unit)
                out_payment[line, 0] = owed + paid
                out_payment[line, 1] = owed_insurable + (paid if is_insurable else 0)
        owed += rest
        owed_insurable += rest if is_insurable else 0


@kernel
def mark_ties(late, credit_rc, materiality, release_day, out_mark):
    """Mark the items of one line and day whose order among themselves can change the result.

    late        record[m]  as for `find_oldest_late`, but those of one line and day in any order
    credit_rc   int64[l]   credits of each line that has items, in their order; not negative
    materiality, release_day int64  as for `find_oldest_late`
    out_mark    uint8[m]   written: IS_TIED where the order decides what is left or to be paid,
                           IS_AS_OLD where it decides no more than which of them is the oldest,
                           IS_DECISIVE on the days looked at for it; 0 where only a total matters

    Order decides on the day on which the credits run out; on the first day after it that has an
    item left that counts, as to the oldest; and on the last such day up to `release_day`, unless
    all its items count in full and stand alike with the insurer.
    """
    rows = late.shape[0]
    start = 0
    line = -1
    credit = 0
    is_found = False
    last_start = 0
    last_end = 0
    last_mark = 0
    while start < rows:
        number, day = late[start]["line"], late[start]["due_day"]
        if start == 0 or number != late[start - 1]["line"]:
            for i in range(last_start, last_end):
                out_mark[i] |= last_mark
            line += 1
            credit, is_found = credit_rc[line], False
            last_start = last_end = start
        end = start
        total = 0
        counting = 0
        alike = 0
        while end < rows and late[end]["line"] == number and late[end]["due_day"] == day:
            counted = late[end]["open_rc"] - late[end]["uncounted_rc"]
            counts = counted > 0 and counted >= materiality
            out_mark[end] = IS_AS_OLD if counts and credit == 0 and not is_found else 0
            total += late[end]["open_rc"]
            counting += counts
            is_like_first = late[end]["standing"] == late[start]["standing"]
            alike += counts and late[end]["uncounted_rc"] == 0 and is_like_first
            end += 1
        if credit >= total:
            credit -= total
        else:
            if counting > 0 and day <= release_day:
                last_start, last_end = start, end
                last_mark = IS_DECISIVE if alike == end - start else IS_DECISIVE | IS_TIED
            if credit > 0:
                for i in range(start, end):
                    out_mark[i] = IS_DECISIVE if end - start == 1 else IS_DECISIVE | IS_TIED
            is_found = is_found or (credit == 0 and counting > 0)
            credit = 0
        start = end
    for i in range(last_start, last_end):
        out_mark[i] |= last_mark


@kernel
def take_standings(late, told):
    """Say how late items stand with their insurers, in place; give how many are left.

    late  LATE_RECORD[m]      by ordinal; those of interest are moved to the beginning
    told  STANDING_RECORD[k]  by ordinal, of some of these items

    An item that was of interest in case it stops cover is dropped unless it is told to.
    """
    kept = 0
    j = 0
    for i in range(late.shape[0]):
        ordinal = late[i]["ordinal"]
        while j < told.shape[0] and told[j]["ordinal"] < ordinal:
            j += 1
        if j < told.shape[0] and told[j]["ordinal"] == ordinal:
            standing = told[j]["standing"]
            if late[i]["standing"] != MAY_STOP_COVER or standing == STOPS_COVER:
                late[i]["standing"] = standing
        if late[i]["standing"] != MAY_STOP_COVER:
            if kept < i:
                late[kept] = late[i]
            kept += 1
    return kept
