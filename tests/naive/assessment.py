"""What one item is at the as-of date, said once more in plain words (DOMAIN 3 to 6)."""

from dataclasses import dataclass

CREDIT, INTEREST_NOTE, CONSUMER, INTRAGROUP = 1, 2, 4, 8
CREDIT_TYPES = {"credit_note", "payment", "down_payment"}
INTEREST_TYPES = {"invoice", "debit_note", "bill_of_exchange"}
COMPONENT = {
    "bill_of_exchange": "bills_of_exchange",
    "credit_note": "credit_notes",
    "payment": "unapplied_payments",
    "down_payment": "down_payments",
}
WITH_RECOURSE = {"discounted", "factored_recourse"}


@dataclass(frozen=True)
class Case:
    """One checked item, its parties, and what allocations leave of it; days are numbers."""

    kind: str | None
    financing: str
    amount: int
    extract_open: int
    has_extract_open: bool
    at_extract: int
    balance: int
    allocated: int
    has_allocation: bool
    settled_day: int | None
    is_bad: bool
    posting_day: int
    due_day: int
    basis_day: int
    due_before_document: bool
    is_disputed: bool
    disputed: int | None
    has_billed: bool
    regime: int
    customer_flags: int
    customer_regime: int
    company_regime: int
    insolvency_day: int | None


def exists(case: Case, as_of_day: int) -> bool:
    return not case.is_bad and case.posting_day <= as_of_day


def bears_interest(case: Case) -> bool:
    return case.kind in INTEREST_TYPES and case.amount >= 0


def open_amount(case: Case, as_of_day: int) -> int:
    if not exists(case, as_of_day):
        return 0
    return case.balance if case.has_allocation else case.extract_open


def settled_day(case: Case, as_of_day: int) -> int | None:
    if not exists(case, as_of_day) or open_amount(case, as_of_day):
        return None
    return case.settled_day


def late_end(case: Case, as_of_day: int) -> int:
    settled = settled_day(case, as_of_day)
    return as_of_day if settled is None else min(settled, as_of_day)


def is_published(case: Case, as_of_day: int) -> bool:
    if open_amount(case, as_of_day):
        return True
    is_late = late_end(case, as_of_day) > case.due_day
    return settled_day(case, as_of_day) is not None and bears_interest(case) and is_late


def disputed_amount(case: Case, as_of_day: int) -> int:
    left = open_amount(case, as_of_day)
    if not case.is_disputed:
        return 0
    part = abs(left) if case.disputed is None else min(abs(case.disputed), abs(left))
    return part if left > 0 else -part


def component(case: Case, as_of_day: int, recourse_days: int) -> str | None:
    """Name the component that an item counts in; None: in none."""
    if not open_amount(case, as_of_day):
        return None
    is_credit = case.kind in CREDIT_TYPES
    name = COMPONENT.get(str(case.kind), "receivables")
    if case.amount < 0 and not is_credit:
        name, is_credit = "credit_notes", True
    if case.financing == "none":
        return name
    if case.financing not in WITH_RECOURSE:
        return None
    if is_credit:
        return name
    return "financed_with_recourse" if as_of_day <= case.due_day + recourse_days else None


def regime(case: Case) -> int:
    """Give the code of the law: the item's, else the customer's, else the creditor's country's."""
    if case.customer_flags & (CONSUMER | INTRAGROUP):
        return -1
    if case.regime >= 0:
        return case.regime
    return case.company_regime if case.customer_regime == -1 else case.customer_regime


def flags(case: Case, as_of_day: int) -> int:
    if not exists(case, as_of_day):
        return CREDIT
    found = case.customer_flags
    if case.kind in CREDIT_TYPES or case.amount < 0:
        found |= CREDIT
    return found | (INTEREST_NOTE if case.kind == "interest_note" else 0)


def warnings(case: Case, as_of_day: int, extract_day: int) -> set[str]:
    found = set()
    if open_amount(case, as_of_day) * case.amount < 0:
        found.add("over_applied")
    if case.due_before_document:
        found.add("due_before_document")
    is_known = case.has_allocation and case.has_extract_open and case.posting_day <= extract_day
    if is_known and case.extract_open != case.amount - case.at_extract:
        found.add("open_amount_differs")
    return found
