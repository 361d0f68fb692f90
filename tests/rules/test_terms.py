from datetime import date

import numpy as np
import pytest

from encours.rules.terms import parse_payment_terms
from tests.naive.arithmetic import due_under_terms


@pytest.mark.parametrize(
    ("code", "baseline", "due"),
    [
        ("NET0", date(2026, 3, 31), date(2026, 3, 31)),
        ("NET30", date(2026, 1, 31), date(2026, 3, 2)),
        ("NET030", date(2024, 1, 31), date(2024, 3, 1)),
        ("NET45EOM", date(2025, 4, 10), date(2025, 5, 31)),
        ("NET45EOM", date(2008, 4, 15), date(2008, 5, 31)),
        ("NET45EOM", date(2008, 4, 17), date(2008, 6, 30)),  # two days later, a month later
        ("EOM45", date(2008, 4, 15), date(2008, 6, 14)),
        ("EOM45", date(2024, 1, 31), date(2024, 3, 16)),
        ("EOM45", date(2023, 1, 31), date(2023, 3, 17)),
        ("EOM0", date(2023, 2, 28), date(2023, 2, 28)),
        ("NET30EOMD15", date(2026, 1, 5), date(2026, 3, 15)),
        ("EOM0D31", date(2026, 1, 5), date(2026, 2, 28)),  # February has no 31st
        ("NET30D10", date(2026, 1, 5), date(2026, 3, 10)),
        ("NET9999", date(2026, 1, 1), date(2053, 5, 18)),
    ],
)
def test_due_date__follows_the_term(code: str, baseline: date, due: date) -> None:
    terms = parse_payment_terms(code)
    assert terms is not None
    assert terms.due_date(baseline) == due


@pytest.mark.parametrize(
    "code",
    ["", "NET", "EOM", "net30", "NET30 ", "NET-3", "NET12345", "30NET", "NET30D0", "NET30D32",
     "NET30EOMD", "EOM30EOM", "NET\u0663\u0660", "NET30\n", "D15"],
)  # fmt: skip
def test_parse_payment_terms__refuses_what_the_contract_does_not_define(code: str) -> None:
    assert parse_payment_terms(code) is None


def test_due_days__agrees_with_twin_over_four_years() -> None:
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2027-01-01")).astype(np.int32)
    for code in ("NET0", "NET30EOM", "EOM45", "NET60EOMD10", "EOM15D31", "NET7D29"):
        terms = parse_payment_terms(code)
        assert terms is not None
        due = terms.due_days(days)
        assert due.dtype == np.int32
        wanted = [due_under_terms(code, day) for day in days.astype("datetime64[D]").tolist()]
        assert due.astype("datetime64[D]").tolist() == wanted
