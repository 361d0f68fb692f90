"""Reasons, warnings and rules: spelled as in the contract, in its order, each with a meaning."""

from enum import StrEnum

import pytest

from encours_schemas import reasons, rule_ids, warnings

CONTRACT_ORDER = {
    reasons.NoInterestReason: (
        "credit interest_note not_late consumer intragroup no_regime insolvency within_grace "
        "disputed below_minimum"
    ),
    warnings.ItemWarning: (
        "over_applied due_before_document open_amount_differs terms_exceed_legal due_date_moved "
        "limitation"
    ),
    rule_ids.RuleId: (
        "limit_exceeded total_limit_exceeded group_limit_exceeded insured_limit_exceeded "
        "cover_stopped insurer_notification insured_limit_reduced cover_ending overdue_age "
        "overdue_share limit_missing limit_expired temporary_limit_ending insolvency "
        "claim_filing manual_hold due_date_moved terms_exceed_legal document_value "
        "concentration limitation"
    ),
}
MEANINGS = (
    (reasons.Reason, reasons.REASON_MEANING),
    (reasons.NoInterestReason, reasons.NO_INTEREST_MEANING),
    (warnings.ItemWarning, warnings.ITEM_WARNING_MEANING),
    (warnings.RunWarning, warnings.RUN_WARNING_MEANING),
    (rule_ids.RuleId, rule_ids.RULE_MEANING),
)


@pytest.mark.parametrize(("codes", "expected"), CONTRACT_ORDER.items())
def test_codes__stand_in_the_order_of_the_contract(codes: type[StrEnum], expected: str) -> None:
    assert [str(code) for code in codes] == expected.split()


@pytest.mark.parametrize(("codes", "meanings"), MEANINGS)
def test_codes__are_lower_case_words_with_a_meaning(
    codes: type[StrEnum], meanings: dict[StrEnum, str]
) -> None:
    assert list(meanings) == list(codes)
    for code in codes:
        assert code.value == code.name.lower()
        assert meanings[code].endswith(".")


def test_kept_reasons__are_those_that_leave_the_row_in_the_outputs() -> None:
    assert {
        "missing_parent",
        "parent_cycle",
        "due_before_document",
        "open_amount_differs",
    } == reasons.KEPT_REASONS
