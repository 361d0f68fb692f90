"""A customer's story as a page of text, and as plain values for machines."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from encours.explain.customer import COMPONENTS, NOT_COUNTED
from encours.report.layout import ABSENT, Grid, Page, amount_text, plain_page, rich_page
from encours.rules.currencies import CURRENCY_EXPONENTS

if TYPE_CHECKING:
    from encours.explain.customer import AccountStory, CustomerStory

WIDTH: Final = 100
_HOLDS: Final = ("orders", "deliveries", "production")
_STATUS: Final = {
    "set": "the account's own limit",
    "shared": "one limit that all credit segments of the party share",
    "default": "the default limit of the risk class",
    "none": "no limit",
    "expired": "no limit: those that there were have ended or were withdrawn",
    "unlimited": "no upper bound",
}
ZERO: Final = Decimal(0)


def customer_text(story: CustomerStory, *, terminal_width: int | None = None) -> str:
    """Give one page per credit account."""
    pages = [_page(story, account) for account in story.accounts]
    if terminal_width is None:
        return "\n\n".join(plain_page(page, WIDTH) for page in pages)
    return "\n\n".join(rich_page(page, terminal_width) for page in pages)


def customer_record(story: CustomerStory) -> dict[str, Any]:
    """Give the story as values that JSON holds: amounts and dates as text."""
    return {
        "customer_id": story.customer_id,
        "as_of": story.as_of.isoformat(),
        "currency": story.currency,
        "accounts": [
            {
                "account": _plain(one.account),
                "waterfall": [
                    {
                        "component": name,
                        "rows": None if rows is None else str(rows),
                        "counted": str(counted),
                    }
                    for name, rows, counted in waterfall(one)
                ],
                "items": [_plain(row) for row in one.items],
                "commitments": [_plain(row) for row in one.commitments],
                "deliveries": [_plain(row) for row in one.deliveries],
                "limits": [_plain(asdict(row)) for row in one.limits],
                "groups": [_plain(row) for row in one.groups],
                "breaches": [_plain(row) for row in one.breaches],
                "clearing": clearing(one, story.currency),
            }
            for one in story.accounts
        ],
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Decimal | date) else value
        for name, value in row.items()
    }


def waterfall(one: AccountStory) -> list[tuple[str, Decimal | None, Decimal]]:
    """Give each component: what its rows add up to, and what of them counts in the exposure.

    The two differ by credits beyond the debts to a company code, by what a down payment took off
    the order that it names, and by components that are left out.
    """
    return [(name, one.of_component(name), one.account[name]) for name in COMPONENTS]


def clearing(one: AccountStory, currency: str) -> list[str]:
    """Say what would clear the holds of the account."""
    account = one.account
    held = [name for name in _HOLDS if account[f"hold_{name}"]]
    if not held:
        return ["Nothing is held."]
    told = [f"Held: {', '.join(held)}."]
    if account["cure_amount"] is None:
        told.append("No payment alone lifts the holds; see the breaches.")
    else:
        amount = amount_text(account["cure_amount"], CURRENCY_EXPONENTS[currency])
        told.append(f"A payment of {amount} {currency} lifts them.")
    for row in one.breaches:
        asks = [name for name in _HOLDS if row[f"hold_{name}"]]
        if asks:
            by_person = f" (override: {row['override']})" if row["override"] else ""
            told.append(f"{row['rule']} asks for {', '.join(asks)}: {row['message']}{by_person}")
    return told


def _page(story: CustomerStory, one: AccountStory) -> Page:
    account = one.account

    def money(amount: Decimal | None) -> str:
        return amount_text(amount, CURRENCY_EXPONENTS[story.currency])

    facts = [
        ("as of", story.as_of.isoformat()),
        ("name", account["customer_name"] or ABSENT),
        ("group", account["group_id"] or ABSENT),
        ("amounts in", story.currency),
        ("exposure", money(account["exposure"])),
        (
            "credit limit",
            f"{money(account['credit_limit'])}  {_STATUS.get(account['limit_status'], '')}",
        ),
        ("available", money(account["available"])),
        ("available to sell", money(account["available_to_sell"])),
        ("insured cover", money(account["insured_covered"])),
        ("guarantees", money(account["guarantees"])),
        ("secured", money(account["secured"])),
        ("unsecured", money(account["unsecured"])),
    ]
    facts += [
        ("holds" if not place else "", line)
        for place, line in enumerate(clearing(one, story.currency))
    ]
    title = f"{account['credit_account_id']}, credit segment {account['credit_segment']}"
    return Page(title, tuple(facts), tuple(_grids(one, money)))


def _grids(one: AccountStory, money: Any) -> list[Grid]:  # noqa: ANN401 - a function of an amount
    """Give the waterfall, the rows behind it, the limits, the groups and the breaches."""
    account = one.account
    steps = tuple(
        (name, money(rows), money(counted))
        for name, rows, counted in waterfall(one)
        if rows or counted
    )
    grids = [
        Grid(
            "From components to exposure",
            ("component", "its rows", "counted"),
            (False, True, True),
            steps,
            ("exposure", "", money(account["exposure"])),
        )
    ]
    if account["credit_balance"]:
        rows = (("credits that count against no debt", money(account["credit_balance"])),)
        grids.append(Grid("Not counted", ("what", "amount"), (False, True), rows))
    grids += [_items(one, money), _commitments(one, money), _deliveries(one)]
    grids += [_limits(one), _groups(one, money)]
    grids.append(
        Grid(
            "Breaches",
            ("rule", "severity", "status", "since", "message"),
            (False, False, False, False, False),
            tuple(
                (
                    row["rule"],
                    row["severity"],
                    row["status"],
                    row["first_seen"].isoformat(),
                    row["message"],
                )
                for row in one.breaches
            ),
        )
    )
    return [grid for grid in grids if grid.rows]


def _items(one: AccountStory, money: Any) -> Grid:  # noqa: ANN401 - a function of an amount
    names = {NOT_COUNTED: "not counted"}
    return Grid(
        "Open items, in the order in which cover attaches",
        ("item", "component", "delivered", "due", "open", "covered"),
        (False, False, False, False, True, True),
        tuple(
            (
                str(row["item_id"]),
                names.get(row["component"], str(row["component"])),
                str(row["delivery_date"]),
                row["due_date"].isoformat(),
                money(row["open_amount_rc"]),
                money(row["insured_covered_rc"]),
            )
            for row in one.items
        ),
    )


def _commitments(one: AccountStory, money: Any) -> Grid:  # noqa: ANN401 - a function of an amount
    return Grid(
        "Commitments",
        ("commitment", "kind", "expected", "amount", "decision", "rule"),
        (False, False, False, True, False, False),
        tuple(
            (
                row["commitment_id"],
                row["kind"],
                row["expected_date"].isoformat() if row["expected_date"] else ABSENT,
                money(row["amount_rc"]),
                row["decision"],
                row["rule"] or "",
            )
            for row in one.commitments
        ),
    )


def _deliveries(one: AccountStory) -> Grid:
    return Grid(
        "Deliveries not invoiced, as the ledger has them",
        ("commitment", "currency", "amount", "tax", "prepaid"),
        (False, False, True, True, True),
        tuple(
            (
                str(row["commitment_id"]),
                str(row["currency"]),
                str(row["amount"]),
                f"{row['tax_percent']} %" if row.get("tax_percent") else ABSENT,
                str(row.get("prepaid_amount") or ABSENT),
            )
            for row in one.deliveries
        ),
    )


def _limits(one: AccountStory) -> Grid:
    return Grid(
        "Limits, and what has become of them",
        ("limit", "kind", "segment", "amount", "from", "to", "state"),
        (False, False, False, True, False, False, False),
        tuple(
            (
                row.limit_id,
                row.kind if row.kind != "insured" else f"insured, {row.layer}",
                row.credit_segment or "shared",
                "unlimited" if row.amount is None else f"{row.amount:,} {row.currency}",
                row.valid_from.isoformat(),
                row.valid_to.isoformat() if row.valid_to else "open",
                row.state,
            )
            for row in one.limits
        ),
    )


def _groups(one: AccountStory, money: Any) -> Grid:  # noqa: ANN401 - a function of an amount
    return Grid(
        "Groups with a limit that it answers to",
        ("group", "exposure", "limit", "available"),
        (False, True, True, True),
        tuple(
            (
                row["group_id"],
                money(row["exposure"]),
                money(row["group_limit"]),
                money(row["available"]),
            )
            for row in one.groups
        ),
    )
