"""What can happen to an item, one situation each, with the arithmetic of what it bears.

Every situation is an item of 10,000 EUR under French law, due on 31 May 2026, unless it says
otherwise: 30 days of June at 12.15 % and 123 days to 31 October at 12.40 %. Each has a customer of
its own, named like it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
AS_OF = date(2026, 10, 31)
DUE = date(2026, 5, 31)
H1, H2 = "12.15", "12.40"

Stretch = tuple[int | str, int, str]
"""Principal, days, percent per year."""


def interest(*stretches: Stretch, basis: int = 365) -> Decimal:
    """Add stretches up exactly, and round once, half away from zero."""
    exact = sum(
        (Fraction(principal) * days * Fraction(rate) for principal, days, rate in stretches),
        Fraction(0),
    )
    cents = exact / basis
    size = (2 * abs(cents) + 1) // 2
    return money(Decimal(int(size if cents >= 0 else -size)) / 100)


def money(amount: object) -> Decimal:
    return Decimal(str(amount)).quantize(Decimal("0.001"))


@dataclass(frozen=True)
class Situation:
    """One item, what was applied to it, whose it is, and what must be published of it."""

    name: str
    wanted: Mapping[str, Any]
    item: Mapping[str, Any] = field(default_factory=dict)
    applied: tuple[Row, ...] = ()
    customer: Mapping[str, Any] = field(default_factory=dict)
    configuration: str = "plain"


def paid(day: date, amount: object = 4000, kind: str | None = None, **more: Any) -> Row:
    return {"value_date": day, "amount": money(amount), "kind": kind, **more}


def bears(amount: Decimal, **more: Any) -> dict[str, Any]:
    """Give what an item that bears interest shows: amount, claimed in full, and the lump sum."""
    return {
        "penalty_interest": amount,
        "interest_unbilled": amount,
        "no_interest_reason": None,
        "fixed_indemnity": money(40),
    } | more


def nothing(reason: str, **more: Any) -> dict[str, Any]:
    """Give what an item shows that bears none."""
    zero = money(0)
    return {
        "penalty_interest": zero,
        "interest_unbilled": zero,
        "interest_from": None,
        "interest_days": None,
        "no_interest_reason": reason,
        "fixed_indemnity": zero,
    } | more


ALL_DAYS = interest((10_000, 30, H1), (10_000, 123, H2))
FIRST_PUBLIC_ID = "public buyer: the first half-year's rate for good"


def _day(month: int, day: int, year: int = 2026) -> date:
    return date(year, month, day)


PAYMENTS = (
    Situation("nothing happens", bears(ALL_DAYS, interest_from=_day(6, 1), interest_days=153)),
    Situation(
        "paid in part the day before the rate changes",
        bears(interest((10_000, 29, H1), (6000, 1, H1), (6000, 123, H2))),
        applied=(paid(_day(6, 29)),),
    ),
    Situation(
        "paid in part on the eve of the rate change",
        bears(interest((10_000, 30, H1), (6000, 123, H2))),
        applied=(paid(_day(6, 30)),),
    ),
    Situation(
        "paid in part on the day of the rate change",
        bears(interest((10_000, 30, H1), (10_000, 1, H2), (6000, 122, H2))),
        applied=(paid(_day(7, 1)),),
    ),
    Situation(
        "credit note on the day of the rate change",
        bears(interest((10_000, 30, H1), (10_000, 1, H2), (6000, 122, H2))),
        applied=(paid(_day(7, 1), kind="credit_note"),),
    ),
    Situation(
        "several payments on one day",
        bears(interest((10_000, 30, H1), (10_000, 10, H2), (5500, 113, H2))),
        applied=(paid(_day(7, 10)), paid(_day(7, 10), 700), paid(_day(7, 10), -200, "return")),
    ),
    Situation(
        "payment and credit note on one day",
        bears(interest((10_000, 30, H1), (10_000, 10, H2), (5000, 113, H2))),
        applied=(paid(_day(7, 10)), paid(_day(7, 10), 1000, "credit_note")),
    ),
    Situation(
        "returned payment",
        bears(interest((10_000, 30, H1), (10_000, 10, H2), (6000, 10, H2), (10_000, 103, H2))),
        applied=(paid(_day(7, 10)), paid(_day(7, 20), -4000, "return")),
    ),
    Situation(
        "paid in part before the due date",
        bears(interest((6000, 30, H1), (6000, 123, H2))),
        applied=(paid(_day(5, 20)),),
    ),
    Situation(
        "paid in part on the due date",
        bears(interest((6000, 30, H1), (6000, 123, H2))),
        applied=(paid(DUE),),
    ),
    Situation(
        "settled late",
        bears(
            interest((10_000, 30, H1), (10_000, 12, H2)),
            settled_on=_day(7, 12),
            interest_to=_day(7, 12),
            interest_days=42,
            open_amount=money(0),
        ),
        applied=(paid(_day(7, 12), 10_000),),
    ),
    Situation(
        "overpaid",
        bears(interest((10_000, 30, H1), (10_000, 12, H2)), warnings="over_applied"),
        applied=(paid(_day(7, 12), 11_000),),
    ),
    Situation(
        "paid with a value date to come",
        bears(ALL_DAYS, open_amount=money(6000)),
        applied=(paid(_day(11, 5), posting_date=_day(10, 30)),),
    ),
    Situation(
        "paid and posted after the as-of date",
        bears(ALL_DAYS, open_amount=money(10_000)),
        applied=(paid(_day(10, 30), posting_date=_day(11, 2)),),
    ),
)

_JUNE = interest((10_000, 30, H1))
_REST = str(6000 + _JUNE)

INTEREST_FIRST = (
    Situation(
        "interest first: the payment takes what has accrued",
        bears(interest((_REST, 123, H2))),
        applied=(paid(_day(6, 30)),),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: less was paid than has accrued",
        bears(interest((10_000, 30, H1)) - 50 + interest((10_000, 123, H2))),
        applied=(paid(_day(6, 30), 50),),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: a credit note reduces the principal alone",
        bears(interest((10_000, 30, H1), (6000, 123, H2))),
        applied=(paid(_day(6, 30), kind="credit_note"),),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: several payments on one day are one",
        bears(interest((_REST, 123, H2))),
        applied=(paid(_day(6, 30), 3900), paid(_day(6, 30), 100, "offset")),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: a payment that came back took none",
        bears(interest((10_000, 30, H1), (6000, 10, H2), (10_000, 113, H2))),
        applied=(paid(_day(6, 30)), paid(_day(7, 10), -4000, "return")),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: a later return undoes the latest payment",
        bears(interest((_REST, 20, H2), (str(5000 + _JUNE), 10, H2), (_REST, 93, H2))),
        applied=(
            paid(_day(6, 30)),
            paid(_day(7, 20), 1000),
            paid(_day(7, 30), -1000, "return"),
        ),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: before the due date there is none",
        bears(interest((6000, 30, H1), (6000, 123, H2))),
        applied=(paid(_day(5, 20)),),
        customer={"imputation": "interest_first"},
    ),
    Situation(
        "interest first: settlement in the ledger ends the accrual",
        bears(money(0), open_amount=money(0), settled_on=_day(6, 30)),
        applied=(paid(_day(6, 30), 10_000),),
        customer={"imputation": "interest_first"},
    ),
)

_OPENED_LATER = {"insolvency_date": _day(7, 16)}

INSOLVENCY = (
    Situation(
        "insolvency after the due date stops on its eve",
        bears(interest((10_000, 30, H1), (10_000, 15, H2)), interest_to=_day(7, 15)),
        customer=_OPENED_LATER,
    ),
    Situation(
        "insolvency on the day after the due date leaves no day",
        nothing("insolvency"),
        customer={"insolvency_date": _day(6, 1)},
    ),
    Situation(
        "insolvency on the due date", nothing("insolvency"), customer={"insolvency_date": DUE}
    ),
    Situation(
        "insolvency before the due date",
        nothing("insolvency"),
        customer={"insolvency_date": _day(5, 20)},
    ),
    Situation(
        "delivered before the opening, invoiced after it",
        bears(interest((10_000, 30, H1), (10_000, 15, H2))),
        item={"document_date": _day(7, 20), "delivery_date": _day(7, 1)},
        customer=_OPENED_LATER,
    ),
    Situation(
        "delivered on the day of the opening is a later claim",
        bears(ALL_DAYS),
        item={"delivery_date": _day(7, 16)},
        customer=_OPENED_LATER,
    ),
    Situation(
        "delivered after the opening",
        bears(ALL_DAYS),
        item={"delivery_date": _day(7, 20)},
        customer=_OPENED_LATER,
    ),
    Situation(
        "insolvency that has ended still stops prior claims",
        bears(interest((10_000, 30, H1), (10_000, 15, H2))),
        customer=_OPENED_LATER | {"insolvency_ended_on": _day(9, 1)},
    ),
    Situation(
        "insolvency opened after the as-of date",
        bears(ALL_DAYS),
        customer={"insolvency_date": _day(11, 2)},
    ),
    Situation(
        "settled before the insolvency",
        bears(interest((10_000, 30, H1), (10_000, 10, H2))),
        applied=(paid(_day(7, 10), 10_000),),
        customer=_OPENED_LATER,
    ),
)

DISPUTES = (
    Situation(
        "disputed as a whole",
        nothing("disputed", interest_suspended=ALL_DAYS),
        item={"disputed": True},
    ),
    Situation(
        "disputed in part",
        bears(
            interest((7000, 30, H1), (7000, 123, H2)),
            interest_suspended=interest((3000, 30, H1), (3000, 123, H2)),
            disputed_amount=money(3000),
        ),
        item={"disputed": True, "disputed_amount": money(3000)},
    ),
    Situation(
        "disputed in part and claimed by configuration",
        bears(ALL_DAYS, interest_suspended=interest((3000, 30, H1), (3000, 123, H2))),
        item={"disputed": True, "disputed_amount": money(3000)},
        configuration="claims disputed",
    ),
    Situation(
        "disputed as a whole and claimed by configuration",
        bears(ALL_DAYS, interest_suspended=ALL_DAYS),
        item={"disputed": True},
        configuration="claims disputed",
    ),
    Situation(
        "dispute that has ended",
        bears(ALL_DAYS, disputed_amount=money(0)),
        item={"disputed": True, "disputed_to": _day(10, 30)},
    ),
    Situation(
        "nothing beyond the disputed part was open on any interest day",
        nothing(
            "disputed",
            interest_suspended=interest((2500, 30, H1), (2500, 123, H2)),
            disputed_amount=money(3000),
        ),
        # 7,500 were paid before the due date and came back on the as-of date: open again tomorrow.
        item={"disputed": True, "disputed_amount": money(3000)},
        applied=(paid(_day(5, 20), 7500), paid(AS_OF, -7500, "return")),
    ),
    Situation(
        "beyond the disputed part one day alone",
        bears(
            interest((7000, 1, H2)),
            interest_suspended=interest((2500, 30, H1), (2500, 122, H2), (3000, 1, H2)),
            interest_days=153,
        ),
        item={"disputed": True, "disputed_amount": money(3000)},
        applied=(paid(_day(5, 20), 7500), paid(_day(10, 30), -7500, "return")),
    ),
)

POLICY = (
    Situation(
        "late by as many days as the grace",
        nothing("within_grace"),
        item={"due_date": _day(10, 21)},
        configuration="grace and minimum",
    ),
    Situation(
        "late by a day more than the grace",
        bears(interest((10_000, 11, H2)), interest_from=_day(10, 21)),
        item={"due_date": _day(10, 20)},
        configuration="grace and minimum",
    ),
    Situation(
        "settled within the grace",
        nothing("within_grace"),
        applied=(paid(_day(6, 10), 10_000),),
        configuration="grace and minimum",
    ),
    Situation(
        "below the minimum claim: the lump sum stays",
        nothing("below_minimum", fixed_indemnity=money(40)),  # 100 x 49 days x 12.40 % = 1.66
        item={"amount": money(100), "due_date": _day(9, 12)},
        configuration="grace and minimum",
    ),
    Situation(
        "exactly the minimum claim",
        bears(money(5), interest_days=1),
        item={"amount": money("14717.74"), "due_date": _day(10, 30)},  # 1 day of 12.40 %
        configuration="minimum",
    ),
    Situation(
        "a cent below the minimum claim",
        nothing("below_minimum", fixed_indemnity=money(40)),
        item={"amount": money("14690"), "due_date": _day(10, 30)},  # 4.99
        configuration="minimum",
    ),
)

BILLED = (
    Situation(
        "billed in part",
        bears(ALL_DAYS, interest_unbilled=ALL_DAYS - money("100.55")),
        item={"interest_billed_amount": money("100.55"), "interest_billed_to": _day(6, 30)},
    ),
    Situation(
        "billed to a day",
        bears(ALL_DAYS, interest_unbilled=ALL_DAYS - _JUNE),
        item={"interest_billed_to": _day(6, 30)},
    ),
    Situation(
        "payment recorded after the claim: a correction is owed to the debtor",
        bears(
            interest((10_000, 10, H1)),
            interest_unbilled=interest((10_000, 10, H1)) - ALL_DAYS,
            indemnity_unbilled=money(0),
        ),
        item={"interest_billed_amount": ALL_DAYS, "indemnity_billed_amount": money(40)},
        applied=(paid(_day(6, 10), 10_000, posting_date=_day(10, 20)),),
    ),
    Situation(
        "insolvency learnt of after the claim: all of it is owed back",
        nothing("insolvency", interest_unbilled=-ALL_DAYS, indemnity_unbilled=money(-40)),
        item={"interest_billed_amount": ALL_DAYS, "indemnity_billed_amount": money(40)},
        customer={"insolvency_date": DUE},
    ),
)

KINDS = (
    Situation("interest note", nothing("interest_note"), item={"document_type": "interest_note"}),
    Situation("consumer", nothing("consumer"), customer={"consumer": True}),
    Situation("intragroup", nothing("intragroup"), customer={"intragroup": True}),
    Situation(
        "credit note",
        nothing("credit"),
        item={"document_type": "credit_note", "amount": money(-10_000)},
    ),
    Situation("negative invoice", nothing("credit"), item={"amount": money(-10_000)}),
    Situation(
        "down payment",
        nothing("credit"),
        item={"document_type": "down_payment", "amount": money(-10_000)},
    ),
    Situation("matured bill", bears(ALL_DAYS), item={"document_type": "bill_of_exchange"}),
    Situation("debit note", bears(ALL_DAYS), item={"document_type": "debit_note"}),
    Situation("due on the as-of date", nothing("not_late"), item={"due_date": AS_OF}),
    Situation(
        "late by one day",
        bears(interest((10_000, 1, H2)), interest_days=1),
        item={"due_date": _day(10, 30)},
    ),
    Situation("no regime", nothing("no_regime"), item={"interest_regime": "NONE"}),
    Situation(
        FIRST_PUBLIC_ID,
        bears(interest((10_000, 153, "10.15")), interest_regime="FR_public"),
        customer={"public_buyer": True},
    ),
    Situation(
        "Ireland: each part at the rate of its payment",
        bears(interest((4000, 30, "10.15"), (6000, 153, "10.40")), fixed_indemnity=money(70)),
        item={"interest_regime": "IE_business"},
        applied=(paid(_day(6, 30)),),
    ),
    Situation(
        "Netherlands: interest joins after a year",
        bears(
            # 30 June 2025: 10.15 and 10.15; what had accrued by 30 June 2026 joins on 1 July.
            interest((10_000, 184, "10.15"), (10_000, 181, "10.15"))
            + interest(
                (str(10_000 + interest((10_000, 365, "10.15"))), 123, "10.40"),
            )
        ),
        item={"interest_regime": "NL_business", "due_date": _day(6, 30, 2025)},
    ),
    Situation(
        "a contract at a flat rate",
        bears(interest((10_000, 153, "15"))),
        item={"interest_regime": "FLAT"},
    ),
)

SITUATIONS = (
    *PAYMENTS,
    *INTEREST_FIRST,
    *INSOLVENCY,
    *DISPUTES,
    *POLICY,
    *BILLED,
    *KINDS,
)
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "claims disputed": {"accrue_on_disputed": True},
    "grace and minimum": {"grace_days": 10, "minimum_claim": "5"},
    "minimum": {"minimum_claim": "5"},
}
