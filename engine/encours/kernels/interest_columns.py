"""What the interest kernels read and write: columns, codes of reasons, faults and flags."""

from typing import Any, NamedTuple

import numpy as np

NO_DAY = -(2**31)
NEVER = 2**31 - 1  # a day later than any
NO_RATE_E9 = -(2**63)  # a row of the detail without a reference rate

# Bits of InterestItems.flags.
FLAG_CREDIT = 1  # bears no interest by its type or sign: credit note, payment, down payment
FLAG_INTEREST_NOTE = 2
FLAG_CONSUMER = 4
FLAG_INTRAGROUP = 8
FLAG_INTEREST_FIRST = 16  # payments pay accrued interest before principal

# Why an item bears no interest: position in this tuple, the first that applies.
NO_INTEREST_REASONS = (
    "",
    "credit",
    "interest_note",
    "not_late",
    "consumer",
    "intragroup",
    "no_regime",
    "insolvency",
    "within_grace",
    "disputed",
    "below_minimum",
)
REASON_NONE = 0
REASON_CREDIT = 1
REASON_INTEREST_NOTE = 2
REASON_NOT_LATE = 3
REASON_CONSUMER = 4
REASON_INTRAGROUP = 5
REASON_NO_REGIME = 6
REASON_INSOLVENCY = 7
REASON_WITHIN_GRACE = 8
REASON_DISPUTED = 9
REASON_BELOW_MINIMUM = 10

FAULT_NONE = 0
FAULT_RATE_MISSING = 1
FAULT_TOO_LARGE = 2

# Values of RateTables.regimes[:, FIXING]; 0 = each day takes the rate of its own segment.
FIXED_AT_START = 1
FIXED_AT_PAYMENT = 2

# Columns of RateTables.days, .segments and .regimes; `encours.rules.rate_tables` lays them out.
SEGMENT = 0
WEIGHT = 1  # plus the day count

RATE = 0
CUMULATIVE_BASE = 1
FIRST_UNKNOWN_DAY = 2
REFERENCE_RATE_E9 = 3
STARTS_PERIOD = 4
FIRST_DAY = 5

FIXING = 0
DAY_COUNT = 1
COMPOUNDS = 2
IS_NONE = 3
RATE_DIVISOR = 4
RATE_UNIT_E9 = 5

# Columns of a table of claims, int64[k, CLAIM_COLUMNS].
CLAIM_ITEM_INDEX = 0
CLAIM_REASON = 1
CLAIM_FAULT = 2
CLAIM_FROM_DAY = 3
CLAIM_TO_DAY = 4
CLAIM_DAYS = 5
CLAIM_FIRST_PRINCIPAL_MILLI = 6
CLAIM_BALANCE_MILLI = 7
CLAIM_ALLOCATION_FIRST = 8
CLAIM_ALLOCATION_LAST = 9
CLAIM_DUE_DAY = 10
CLAIM_RATE_DAY = 11
CLAIM_LAYER_FROM_MILLI = 12
CLAIM_LAYER_TO_MILLI = 13
CLAIM_REGIME_CODE = 14
CLAIM_MINOR_UNIT_MILLI = 15
CLAIM_INTEREST_FIRST = 16
CLAIM_END_DAY = 17
CLAIM_HIGHEST_MILLI = 18  # principal of the interest day with the most
CLAIM_COLUMNS = 19

# Columns of what `accrue_claims` gives, int64[k, 3].
ACCRUED_INTEREST_MILLI = 0
ACCRUED_FAULT = 1
ACCRUED_MISSING_DAY = 2  # NEVER = none
ACCRUED_COLUMNS = 3

# Columns of the interest detail, int64[k, 9].
PERIOD_ITEM_INDEX = 0
PERIOD_FROM_DAY = 1
PERIOD_TO_DAY = 2
PERIOD_DAYS = 3
PERIOD_PRINCIPAL_MILLI = 4
PERIOD_REFERENCE_RATE_E9 = 5
PERIOD_RATE_E9 = 6
PERIOD_INTEREST_MILLI = 7
PERIOD_RATE_DAY = 8
PERIOD_COLUMNS = 9

BALANCE_LIMIT_MILLI = 2**61
NO_LAYER_LIMIT_MILLI = 2**62


class InterestItems(NamedTuple):
    """What the kernel reads of n items.

    amount_milli      int64  original amount
    open_milli        int64  open amount as of the date; the principal without allocations
    has_allocation    uint8  1: there is an allocation row in the ledger, even one posted later
    due_day           int32
    claim_day         int32  delivery date: a claim before the opening of proceedings is a prior one
    settled_day       int32  value date of full settlement, NO_DAY when not settled
    regime_code       int32  row of the rate tables, -1 = none
    flags             uint8  FLAG_... bits
    insolvency_day    int32  opening on or before the as-of date, ended or not; NO_DAY = none
    disputed_milli    int64  disputed part of the open amount, 0 = none
    billed_to_day     int32  NO_DAY = none
    billed_milli      int64  read only where has_billed
    has_billed        uint8
    currency_code     int32
    """

    amount_milli: Any
    open_milli: Any
    has_allocation: Any
    due_day: Any
    claim_day: Any
    settled_day: Any
    regime_code: Any
    flags: Any
    insolvency_day: Any
    disputed_milli: Any
    billed_to_day: Any
    billed_milli: Any
    has_billed: Any
    currency_code: Any


class Allocations(NamedTuple):
    """Allocations posted by the as-of date, by item, ascending by value day within an item.

    offset         int64[n + 1]  item i has rows offset[i] .. offset[i + 1]
    value_day      int32[m]
    amount_milli   int64[m]      positive = reduces the item; a return is negative
    payment_milli  int64[m]      what it can pay of the interest (`net_returned_payments`); may be
                                 empty when no item has FLAG_INTEREST_FIRST
    """

    offset: Any
    value_day: Any
    amount_milli: Any
    payment_milli: Any


class InterestOptions(NamedTuple):
    """What holds for the whole run; always the same types, or Numba compiles twice.

    as_of_day            int
    grace_days           int
    accrue_on_disputed   bool
    minor_unit_milli     int64[c]  by currency code: 10 for EUR, 1000 for JPY, 1 for TND
    """

    as_of_day: int
    grace_days: int
    accrue_on_disputed: bool
    minor_unit_milli: Any


class InterestResult(NamedTuple):
    """What the kernel writes, every cell of it; n items.

    penalty_milli           int64  rounded to the currency
    suspended_milli         int64  interest on the disputed part
    unbilled_milli          int64  penalty less what was claimed; before any minimum claim
    first_principal_milli   int64  principal on the first interest day, 0 where there is none
    from_day, to_day        int32  first and last interest day; NO_DAY where there is none
    days                    int32  interest days
    reason                  uint8  position in NO_INTEREST_REASONS
    fault                   uint8  FAULT_...; the amounts of such an item mean nothing
    rate_missing_day        int32  the first day without a rate, NO_DAY = none
    """

    penalty_milli: Any
    suspended_milli: Any
    unbilled_milli: Any
    first_principal_milli: Any
    from_day: Any
    to_day: Any
    days: Any
    reason: Any
    fault: Any
    rate_missing_day: Any


class InterestPeriods(NamedTuple):
    """The interest detail, k rows.

    item_index          int64  row of the item
    from_day, to_day    int32  first and last day of the row
    days                int32  calendar days; 0: interest that a payment took, negative
    principal_milli     int64  capitalised interest included; a part where parts differ in rate
    reference_rate_e9   int64  percent * 10^9, NO_RATE_E9 where the regime has no reference
    rate_e9             int64  percent * 10^9
    interest_milli      int64  adds up to the item's penalty interest
    rate_day            int32  the day whose rate the row takes
    """

    item_index: Any
    from_day: Any
    to_day: Any
    days: Any
    principal_milli: Any
    reference_rate_e9: Any
    rate_e9: Any
    interest_milli: Any
    rate_day: Any


class Claim(NamedTuple):
    """One layer of one item's principal over one window of days, all of them integers.

    item_index         row of the item
    balance_milli      open balance on the day after the due date
    first, last        allocations with a value date after the due date: first .. last
    due_day
    end_day            last day that may bear interest
    rate_day           the day that fixes the rate, NO_DAY: each day takes its own
    regime_code
    layer_from_milli   the layer of the principal is what lies between these two
    layer_to_milli
    minor_unit_milli
    interest_first     1: payments pay accrued interest before principal
    """

    item_index: int
    balance_milli: int
    first: int
    last: int
    due_day: int
    end_day: int
    rate_day: int
    regime_code: int
    layer_from_milli: int
    layer_to_milli: int
    minor_unit_milli: int
    interest_first: int


class Running(NamedTuple):
    """Interest so far, all of them integers.

    high, low       accrued since the last rounding, a wide number
    unpaid_milli    rounded, neither paid nor part of the principal
    capital_milli   rounded, part of the principal
    paid_milli      interest that payments took while the ledger booked them on the principal
    row             next row of the detail, written or not
    is_too_large    1: a sum passed 10^18 thousandths
    missing_day     the first day without a rate, NEVER = none
    """

    high: int
    low: int
    unpaid_milli: int
    capital_milli: int
    paid_milli: int
    row: int
    is_too_large: int
    missing_day: int


def new_interest_result(count: int) -> InterestResult:
    """Allocate a result for some items; the kernel writes every cell."""
    return InterestResult(
        penalty_milli=np.empty(count, np.int64),
        suspended_milli=np.empty(count, np.int64),
        unbilled_milli=np.empty(count, np.int64),
        first_principal_milli=np.empty(count, np.int64),
        from_day=np.empty(count, np.int32),
        to_day=np.empty(count, np.int32),
        days=np.empty(count, np.int32),
        reason=np.empty(count, np.uint8),
        fault=np.empty(count, np.uint8),
        rate_missing_day=np.empty(count, np.int32),
    )
