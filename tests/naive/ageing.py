"""Ageing buckets, item by item (DOMAIN 4)."""

from collections import defaultdict
from datetime import date
from fractions import Fraction
from typing import Any

from tests.naive.items import Item
from tests.naive.settings import Settings

UNALLOCATED = "unallocated"
ZERO = Fraction(0)


def bucket_labels(settings: Settings) -> list[str]:
    """Give every bucket's name, in the order of the positions."""
    ladder = list(settings("ageing", "not_due_bounds"))
    bounds = list(settings("ageing", "bounds"))
    labels = ["not_due"]
    if ladder:
        starts = [0, *(bound + 1 for bound in ladder)]
        near = [f"due_{start}-{end}" for start, end in zip(starts, ladder, strict=False)]
        labels = [f"due_>{ladder[-1]}", *reversed(near)]
    starts = [1, *(bound + 1 for bound in bounds)]
    labels += [f"{start}-{end}" for start, end in zip(starts, bounds, strict=False)]
    return [*labels, f">{bounds[-1]}", UNALLOCATED]


def bucket_of_days(days: int, settings: Settings) -> str:
    """Name the bucket of an item by the days that lie between its date and the as-of date."""
    ladder = list(settings("ageing", "not_due_bounds"))
    bounds = list(settings("ageing", "bounds"))
    if days > 0:
        for start, end in zip([0, *bounds], bounds, strict=False):
            if start < days <= end:
                return f"{start + 1}-{end}"
        return f">{bounds[-1]}"
    if not ladder:
        return "not_due"
    for start, end in zip([-1, *ladder], ladder, strict=False):
        if start < -days <= end:
            return f"due_{start + 1}-{end}"
    return f"due_>{ladder[-1]}"


def bucket_of(item: Item, as_of: date, settings: Settings) -> str | None:
    """Name an item's bucket, None when nothing is open."""
    if item.open_amount == 0:
        return None
    if item.open_amount < 0 and settings("ageing", "credits") != "by_date":
        return UNALLOCATED
    basis = item[settings("ageing", "basis")]
    return bucket_of_days((as_of - basis).days, settings)


def ageing_rows(items: list[Item], as_of: date, settings: Settings) -> list[dict[str, Any]]:
    """Give one row per customer, company code, currency and bucket that holds an open item."""
    labels = bucket_labels(settings)
    parties: dict[tuple[str, str, str], dict[int, list[Item]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for item in items:
        bucket = bucket_of(item, as_of, settings)
        if bucket is not None:
            party = (item["company_code"], item["customer_id"], item["currency"])
            parties[party][labels.index(bucket)].append(item)
    rows = []
    for (company_code, customer_id, currency), buckets in parties.items():
        amounts = {k: sum((item.open_amount for item in held), ZERO) for k, held in buckets.items()}
        converted = {k: sum((item.open_rc for item in held), ZERO) for k, held in buckets.items()}
        if settings("ageing", "credits") == "oldest_first":
            _take_credits_from_oldest(amounts, labels.index(UNALLOCATED))
            _take_credits_from_oldest(converted, labels.index(UNALLOCATED))
        rows += [
            {
                "company_code": company_code,
                "customer_id": customer_id,
                "currency": currency,
                "bucket": labels[position],
                "bucket_position": position,
                "open_amount": amounts[position],
                "open_amount_rc": converted[position],
                "disputed_amount_rc": sum((item.disputed_rc for item in held), ZERO),
                "item_count": len(held),
            }
            for position, held in buckets.items()
        ]
    return rows


def _take_credits_from_oldest(amounts: dict[int, Fraction], unallocated: int) -> None:
    """Set the credits against the latest buckets first; what is left over stays unallocated."""
    credit = -amounts.get(unallocated, ZERO)
    if not credit:
        return
    for position in sorted(amounts, reverse=True):
        if position != unallocated:
            taken = min(credit, amounts[position])
            amounts[position] -= taken
            credit -= taken
    amounts[unallocated] = -credit
