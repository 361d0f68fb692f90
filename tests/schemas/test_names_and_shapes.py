"""Suggestions are near and repeatable; shapes show the mistake and hide the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encours_schemas.names import nearest_name
from encours_schemas.shapes import shape_of

KNOWN = ("grace_days", "horizon_days", "minimum_claim", "regime_by")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grace_dayz", "grace_days"),
        ("graceDays", "grace_days"),
        ("Grace-Days", "grace_days"),
        ("minimum claim", "minimum_claim"),
        ("regimeby", "regime_by"),
        ("claim", None),
        ("day", None),
        ("xyz", None),
        ("", None),
    ],
)
def test_nearest_name__finds_the_slip(name: str, expected: str | None) -> None:
    assert nearest_name(name, KNOWN) == expected


def test_nearest_name__knows_nothing_among_nothing() -> None:
    assert nearest_name("a", ()) is None


def test_nearest_name__does_not_depend_on_the_order_of_the_known() -> None:
    known = ("abcx", "abcy", "abcz")
    assert nearest_name("abcd", known) == nearest_name("abcd", known[::-1]) == "abcx"


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("1.234,56", "9.999,99"),
        ("-12", "-99"),
        ("FR", "AA"),
        ("Dupont", "Aa{5}"),
        ("2026-10-31", "9999-99-99"),
        ("31/10/26", "99/99/99"),
        ("123456789", "9{9}"),
        ("", "(empty)"),
        ("  ", "  "),
        ("1\u00a0234", "9\\u00a0999"),
        ("1\n2", "9\\u000a9"),
        ("12 €", "99 €"),
        ("Ünïcode", "Aa{6}"),
        ("e\u0301", "aa"),
        ("x" * 300, "a{200}… (300 characters)"),
        ("a1" * 30, "a9" * 20 + "… (60 characters)"),
    ],
)
def test_shape_of__shows_the_form(value: str, shape: str) -> None:
    assert shape_of(value) == shape


@given(st.text())
def test_shape_of__is_one_short_visible_line_without_the_letters_and_digits(value: str) -> None:
    shape = shape_of(value)
    assert shape.isprintable()
    assert len(shape) <= 80
    # Digits other than 9 only count a run or number a code point.
    if value.isalnum() and value.isascii() and len(value) <= 4:
        assert set(shape) <= set("9aA")
