"""The assessment kernels against their slow twin, on every corner that a day or a sign makes."""

import random
from typing import Any

import numpy as np
import pytest

from encours.calc import items as calc
from encours.calc.context import COMPONENTS
from encours.kernels import assessment as kernels
from encours.ledger.items import BEARS_INTEREST, DOCUMENT_TYPES, FINANCING, IS_DEBIT_TYPE
from tests.naive import assessment as naive
from tests.naive.assessment import Case

NO_DAY = np.iinfo(np.int32).min
AS_OF_DAY, EXTRACT_DAY, RECOURSE_DAYS = 1_000, 995, 5
MONEY_MAX = 10**18 - 1
WARNINGS = ("over_applied", "due_before_document", "open_amount_differs")


def draw(chance: random.Random) -> Case:
    """Draw an item whose days lie around the as-of date and whose amounts meet."""
    amounts = (0, 10, -10, 20, MONEY_MAX, -MONEY_MAX)
    near = [AS_OF_DAY + days for days in (-400, -6, -5, -1, 0, 1, 30)]
    return Case(
        kind=chance.choice([*DOCUMENT_TYPES, None]),
        financing=chance.choice(["none", *FINANCING]),
        amount=chance.choice(amounts),
        extract_open=chance.choice(amounts),
        has_extract_open=chance.random() < 0.5,
        at_extract=chance.choice(amounts),
        balance=chance.choice(amounts),
        allocated=chance.choice(amounts),
        has_allocation=chance.random() < 0.5,
        settled_day=chance.choice([None, *near]),
        is_bad=chance.random() < 0.1,
        posting_day=chance.choice(near),
        due_day=chance.choice(near),
        basis_day=chance.choice(near),
        due_before_document=chance.random() < 0.2,
        is_disputed=chance.random() < 0.5,
        disputed=chance.choice([None, *amounts]),
        has_billed=chance.random() < 0.3,
        regime=chance.choice([-1, -1, 0, 3]),
        customer_flags=chance.choice([0, 0, 0, 4, 8, 16, 28]),
        customer_regime=chance.choice([-1, -1, 1, -2]),
        company_regime=chance.choice([2, -2]),
        insolvency_day=chance.choice([None, *near]),
    )


def day(value: int | None) -> int:
    return NO_DAY if value is None else value


def assess(cases: list[Case]) -> tuple[kernels.Assessment, int]:
    """Run both kernels on cases, each with a customer and a company of its own."""

    def column(name: str, dtype: type[np.generic]) -> Any:
        return np.array([getattr(case, name) for case in cases], dtype)

    own = np.arange(len(cases), dtype=np.int32)
    columns = kernels.AssessedItems(
        amount_milli=column("amount", np.int64),
        extract_open_milli=column("extract_open", np.int64),
        disputed_milli=np.array([case.disputed or 0 for case in cases], np.int64),
        company_code=own,
        customer_code=own,
        type_code=np.array(
            [-1 if case.kind is None else DOCUMENT_TYPES.index(case.kind) for case in cases],
            np.int32,
        ),
        financing_code=np.array([FINANCING.index(case.financing) for case in cases], np.int32),
        regime_code=column("regime", np.int32),
        posting_day=column("posting_day", np.int32),
        due_day=column("due_day", np.int32),
        basis_day=column("basis_day", np.int32),
        is_bad=np.array([case.is_bad or case.kind is None for case in cases], np.bool_),
        is_disputed=column("is_disputed", np.bool_),
        has_disputed_milli=np.array([case.disputed is not None for case in cases], np.bool_),
        has_extract_open=column("has_extract_open", np.bool_),
        has_billed=column("has_billed", np.bool_),
        due_before_document=column("due_before_document", np.bool_),
        has_allocation=column("has_allocation", np.bool_),
        balance_milli=column("balance", np.int64),
        allocated_milli=column("allocated", np.int64),
        settled_day=np.array([day(case.settled_day) for case in cases], np.int32),
        at_extract_milli=column("at_extract", np.int64),
    )
    credit_notes = np.int32(COMPONENTS.index("credit_notes"))
    tables = kernels.AssessmentTables(
        calc._FLAGS_OF_TYPE,
        BEARS_INTEREST,
        calc._COMPONENT_OF_TYPE,
        np.where(IS_DEBIT_TYPE, credit_notes, calc._COMPONENT_OF_TYPE),
        calc._IS_SOLD,
        calc._IS_RECOURSE,
        column("customer_flags", np.uint8),
        column("customer_regime", np.int32),
        np.array([day(case.insolvency_day) for case in cases], np.int32),
        column("company_regime", np.int32),
    )
    options = kernels.AssessmentOptions(
        AS_OF_DAY,
        EXTRACT_DAY,
        RECOURSE_DAYS,
        COMPONENTS.index("financed_with_recourse"),
        int(credit_notes),
    )
    out = kernels.new_assessment(len(cases))
    lacking = int(kernels.classify_items(columns, tables, options, out))
    kernels.assess_items(columns, options, out)
    return out, lacking


def expected(case: Case) -> dict[str, object]:
    """Give every figure of the twin by the kernel's names."""
    if case.kind is None:
        case = Case(**{**vars(case), "is_bad": True})
    exists, left = naive.exists(case, AS_OF_DAY), naive.open_amount(case, AS_OF_DAY)
    settled = naive.settled_day(case, AS_OF_DAY)
    published = naive.is_published(case, AS_OF_DAY)
    by_allocations = case.has_allocation
    component = naive.component(case, AS_OF_DAY, RECOURSE_DAYS)
    warned = naive.warnings(case, AS_OF_DAY, EXTRACT_DAY)
    opened = case.insolvency_day
    return {
        "exists": exists,
        "is_published": published,
        "bears_interest": naive.bears_interest(case),
        "is_settled_in_time": settled is not None and not published,
        "is_settled_date_unknown": exists and not left and settled is None,
        "has_billed": case.has_billed and exists,
        "open_milli": left,
        "allocated_milli": case.allocated if exists and by_allocations else 0,
        "extract_difference_milli": case.amount - left if exists and not by_allocations else 0,
        "disputed_milli": naive.disputed_amount(case, AS_OF_DAY),
        "days_past_due": naive.late_end(case, AS_OF_DAY) - case.due_day if exists else 0,
        "ageing_days": AS_OF_DAY - case.basis_day if left else 0,
        "settled_day": day(settled),
        "insolvency_day": NO_DAY if opened is None or opened > AS_OF_DAY else opened,
        "component": -1 if component is None else COMPONENTS.index(component),
        "regime_code": max(naive.regime(case), -1),
        "flags": naive.flags(case, AS_OF_DAY),
        "warning_bits": sum(1 << bit for bit, name in enumerate(WARNINGS) if name in warned),
    }


@pytest.mark.parametrize("seed", range(4))
def test_assessment__is_that_of_the_twin(seed: int) -> None:
    chance = random.Random(seed)
    cases = [draw(chance) for _ in range(5_000)]
    out, _ = assess(cases)
    for place, case in enumerate(cases):
        found = {name: column[place].item() for name, column in out._asdict().items()}
        found["has_billed"] = bool(found["has_billed"])
        assert found == expected(case), case


def test_classify_items__names_the_first_row_that_lacks_its_regime() -> None:
    chance = random.Random(9)
    cases = [draw(chance) for _ in range(2_000)]
    for start in range(0, 1_000, 50):
        _, lacking = assess(cases[start:])
        rows = [
            place
            for place, case in enumerate(cases[start:])
            if naive.exists(case, AS_OF_DAY)
            and naive.bears_interest(case)
            and naive.regime(case) == kernels.NO_REGIME_ON_FILE
        ]
        assert lacking == rows[0]


def test_assessment__of_no_items() -> None:
    out, lacking = assess([])
    assert lacking == -1
    assert len(out.exists) == 0
