"""Why the figures of an item are what they are: facts, regime, interest, compensation, claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encours.explain.compensation import CompensationFacts, explain_compensation
from encours.explain.figures import Figures, UnitFigures, compute_figures
from encours.explain.regime_choice import RegimeChoice, choose_regime
from encours.explain.run_ledger import EPOCH, open_run_ledger
from encours.explain.steps import PeriodStep, list_steps
from encours.kernels.interest_columns import NO_DAY, NO_INTEREST_REASONS
from encours.ledger.allocations import ALLOCATION_KINDS
from encours.ledger.items import DOCUMENT_TYPES, FINANCING
from encours.ledger.master import CURRENCIES
from encours_schemas.errors import ControlFailed, UsageWrong
from encours_schemas.reasons import NoInterestReason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encours.explain.run_ledger import RunLedger


class ItemStatus(StrEnum):
    """What became of an item's row in the run."""

    PUBLISHED = "published"
    SETTLED_IN_TIME = "settled_in_time"
    SETTLED_DATE_UNKNOWN = "settled_date_unknown"
    NOT_YET_POSTED = "not_yet_posted"
    QUARANTINED = "quarantined"


@dataclass(frozen=True)
class AllocationFact:
    """One allocation of the item; `effect` says what it does: `counts`, `posted_later`, or why not.

    Only what counts reduces the open amount; its value date decides interest.
    """

    allocation_id: str | None
    value_date: date
    posting_date: date
    amount: Decimal
    kind: str
    effect: str


@dataclass(frozen=True)
class ItemFacts:
    """What the ledger says of the item, and what is open of it."""

    item_id: str
    company_code: str
    company_country: str
    customer_id: str
    customer_country: str
    document_type: str
    document_number: str
    document_date: date
    posting_date: date
    delivery_date: date
    due_date: date
    currency: str
    amount: Decimal
    open_amount: Decimal
    open_amount_by: str
    disputed_amount: Decimal
    settled_on: date | None
    financing: str
    insolvency_date: date | None


@dataclass(frozen=True)
class InterestFacts:
    """The item's interest, in its currency; all amounts as published.

    regime      None for a credit, and for what does not exist at the as-of date
    end         last day that can bear interest; None where there is none
    end_by      what sets it: `as_of`, `settlement` or `insolvency`
    steps       stretches; those of a wholly disputed item show what is suspended, those below the
                minimum what is not claimed
    billed_by   `amount`, `date` or `nothing`: how the ledger says what was claimed before
    """

    regime: RegimeChoice | None
    reason: NoInterestReason | None
    end: date | None
    end_by: str
    from_date: date | None
    to_date: date | None
    days: int | None
    steps: tuple[PeriodStep, ...]
    penalty: Decimal
    penalty_rc: Decimal
    suspended: Decimal
    billed_by: str
    billed_amount: Decimal
    billed_to: date | None
    unbilled: Decimal


@dataclass(frozen=True)
class ItemExplanation:
    """Everything that `encours explain item` tells; `facts` and below are None in quarantine.

    quarantine  (file, row, column, reason) of the item's rows that were refused
    """

    run_id: str
    as_of: date
    reporting_currency: str
    item_id: str
    status: ItemStatus
    quarantine: tuple[tuple[str, int, str, str], ...]
    facts: ItemFacts | None = None
    allocations: tuple[AllocationFact, ...] = ()
    interest: InterestFacts | None = None
    compensation: CompensationFacts | None = None


def explain_items(
    directory: Path, ids: Sequence[str], ledger: Path | None = None, *, threads: int = 1
) -> list[ItemExplanation]:
    """Explain some items of a published run, from the run's own ledger, in the order of `ids`.

    Raises UsageWrong (2) for an id that the ledger does not have, ControlFailed (70) where what is
    computed is not what was published, and the errors of `open_run_ledger`.
    """
    with open_run_ledger(directory, ledger, threads=threads) as source:
        figures = compute_figures(source, ids)
        published = {
            row["item_id"]: row for row in source.run.rows_of("items", "item_id", sorted(set(ids)))
        }
        return [_explained(item_id, figures, published.get(item_id), source) for item_id in ids]


def _explained(
    item_id: str, figures: Figures, published: dict[str, Any] | None, source: RunLedger
) -> ItemExplanation:
    """Explain one item, and hold its figures against the published row."""
    rows = figures.rows_of(item_id)
    if not rows:
        raise UsageWrong(
            what="no item of the ledger has this id",
            where=str(source.ledger.directory),
            expected="an item_id of the table open_items, byte for byte",
            cure="copy the id from the published table items",
        )
    good = [(unit, row) for unit, row in rows if not unit.items.faults.bad[row]]
    outline = ItemExplanation(
        run_id=str(source.run.manifest["run_id"]),
        as_of=date.fromisoformat(source.run.manifest["as_of"]),
        reporting_currency=source.run.reporting_currency,
        item_id=item_id,
        status=ItemStatus.QUARANTINED,
        quarantine=tuple(_refused(source, *pair) for pair in rows if pair not in good),
    )
    if not good:
        _require(published is None, "a row in quarantine", "published")
        return outline
    unit, row = good[0]
    status = _status(unit, row)
    is_published = status is ItemStatus.PUBLISHED
    _require(is_published == (published is not None), status, "published" if published else "not")
    if published is not None:
        _require_agreement(unit, row, published, figures)
    exists = bool(unit.measured.exists[row])
    return replace(
        outline,
        status=status,
        facts=_facts(unit, row, figures),
        allocations=tuple(_allocations(unit, row, figures)),
        interest=_interest(unit, row, figures) if exists else None,
        compensation=explain_compensation(unit, row, figures) if exists else None,
    )


def _refused(source: RunLedger, unit: UnitFigures, row: int) -> tuple[str, int, str, str]:
    """Say where a refused row stands and why it was."""
    column, reason = unit.items.faults.of_row(row)
    located = unit.located
    numbers = source.ledger.tables["open_items"].row_numbers(
        located.unit, located.rows[row : row + 1]
    )
    return located.unit.file.relative, int(numbers[0]), column, str(reason)


def _status(unit: UnitFigures, row: int) -> ItemStatus:
    """Tell what became of an accepted row."""
    measured = unit.measured
    for status, flags in (
        (ItemStatus.PUBLISHED, measured.is_published),
        (ItemStatus.SETTLED_IN_TIME, measured.is_settled_in_time),
        (ItemStatus.SETTLED_DATE_UNKNOWN, measured.is_settled_date_unknown),
    ):
        if flags[row]:
            return status
    return ItemStatus.NOT_YET_POSTED


def _require(holds: bool, found: str, expected: str) -> None:
    if not holds:
        raise ControlFailed(
            what="the explanation does not agree with what was published",
            found=found,
            expected=expected,
            cure="explain it with the version of Encours that published the run (manifest, "
            "engine_version), or report this defect of the engine",
        )


def _require_agreement(
    unit: UnitFigures, row: int, published: dict[str, Any], figures: Figures
) -> None:
    """Raise ControlFailed for the first figure that is not the published one."""
    measured, paid, items = unit.measured, unit.paid, unit.items
    regime = int(measured.regime_code[row])
    currency = int(paid.currency_code[row])
    computed = {
        "amount": money(items.amount_milli[row]),
        "open_amount": money(measured.open_milli[row]),
        "open_amount_rc": money(measured.open_rc[row]),
        "disputed_amount": money(measured.disputed_milli[row]),
        "due_date": day(items.due_day[row]),
        "settled_on": day(measured.settled_day[row]),
        "interest_regime": figures.context.law.names[regime] if regime >= 0 else None,
        "interest_from": day(measured.from_day[row]),
        "interest_to": day(measured.to_day[row]),
        "interest_days": None if measured.reason[row] else int(measured.interest_days[row]),
        "penalty_interest": money(measured.penalty_milli[row]),
        "penalty_interest_rc": money(measured.penalty_rc[row]),
        "interest_suspended": money(measured.suspended_milli[row]),
        "interest_unbilled": money(measured.unbilled_milli[row]),
        "no_interest_reason": NO_INTEREST_REASONS[measured.reason[row]] or None,
        "fixed_indemnity": money(paid.milli[row]),
        "fixed_indemnity_currency": CURRENCIES[currency] if currency >= 0 else None,
        "fixed_indemnity_rc": money(paid.rc[row]),
        "indemnity_unbilled": money(paid.milli[row] - items.indemnity_billed_milli[row]),
    }
    for name, value in computed.items():
        _require(published[name] == value, f"{name} {value}", f"{name} {published[name]}")


def _facts(unit: UnitFigures, row: int, figures: Figures) -> ItemFacts:
    """Gather what the ledger says of an item."""
    items, measured, master = unit.items, unit.measured, figures.context.master
    customer, company = int(items.customer_code[row]), int(items.company_code[row])
    by_allocations = bool(measured.interest_inputs.items.has_allocation[row])
    by_extract = "extract" if items.has_extract_open[row] else "amount"
    return ItemFacts(
        item_id=str(items.item_id[row].as_py()),
        company_code=master.companies.codes[company],
        company_country=master.companies.countries[company],
        customer_id=str(master.customers.ids[customer].as_py()),
        customer_country=master.customers.texts["country"][customer].as_py() or "",
        document_type=DOCUMENT_TYPES[items.type_code[row]],
        document_number=str(items.document_number[row].as_py()),
        document_date=_known_day(items.document_day[row]),
        posting_date=_known_day(items.posting_day[row]),
        delivery_date=_known_day(items.delivery_day[row]),
        due_date=_known_day(items.due_day[row]),
        currency=CURRENCIES[items.currency_code[row]],
        amount=money(items.amount_milli[row]),
        open_amount=money(measured.open_milli[row]),
        open_amount_by="allocations" if by_allocations else by_extract,
        disputed_amount=money(measured.disputed_milli[row]),
        settled_on=day(measured.settled_day[row]),
        financing=FINANCING[items.financing_code[row]],
        insolvency_date=day(measured.interest_inputs.items.insolvency_day[row]),
    )


def _allocations(unit: UnitFigures, row: int, figures: Figures) -> list[AllocationFact]:
    """List the allocations of an item by value date, those that do not count, too."""
    own = unit.records[unit.records["first"] == row]
    facts = []
    for record in sorted(own, key=lambda each: (each["value_day"], each["ordinal"])):
        refused = unit.refused.get(int(record["ordinal"]))
        later = int(record["posting_day"]) > figures.context.as_of_day
        facts.append(
            AllocationFact(
                allocation_id=figures.located.allocation_ids[record["ordinal"]],
                value_date=_known_day(record["value_day"]),
                posting_date=_known_day(record["posting_day"]),
                amount=money(record["amount_milli"]),
                kind=ALLOCATION_KINDS[record["kind_code"]],
                effect=str(refused) if refused else "posted_later" if later else "counts",
            )
        )
    return facts


def _interest(unit: UnitFigures, row: int, figures: Figures) -> InterestFacts:
    """Explain an item's interest."""
    items, measured = unit.items, unit.measured
    code = NO_INTEREST_REASONS[measured.reason[row]]
    reason = NoInterestReason(code) if code else None
    is_shown = reason in {None, NoInterestReason.DISPUTED, NoInterestReason.BELOW_MINIMUM}
    is_disputed = reason is NoInterestReason.DISPUTED
    steps = (
        list_steps(measured, row, figures.context, with_disputed=is_disputed) if is_shown else []
    )
    total = money(measured.suspended_milli[row] if is_disputed else measured.penalty_milli[row])
    if reason is not NoInterestReason.BELOW_MINIMUM:
        summed = steps[-1].running_total if steps else Decimal(0)
        _require(summed == total, f"stretches of {summed}", f"interest of {total}")
    end, end_by = _end(unit, row, figures) if measured.bears_interest[row] else (None, "")
    has_billed = bool(items.has_billed[row])
    billed_to = day(items.billed_to_day[row])
    return InterestFacts(
        regime=choose_regime(items, row, measured, figures.context),
        reason=reason,
        end=end,
        end_by=end_by,
        from_date=day(measured.from_day[row]),
        to_date=day(measured.to_day[row]),
        days=None if reason else int(measured.interest_days[row]),
        steps=tuple(steps),
        penalty=money(measured.penalty_milli[row]),
        penalty_rc=money(measured.penalty_rc[row]),
        suspended=money(measured.suspended_milli[row]),
        billed_by="amount" if has_billed else "date" if billed_to else "nothing",
        billed_amount=money(items.billed_milli[row]) if has_billed else _billed(unit, row),
        billed_to=billed_to,
        unbilled=money(measured.unbilled_milli[row]),
    )


def _billed(unit: UnitFigures, row: int) -> Decimal:
    """Give what was claimed up to a date: the item's interest less what is left to claim."""
    measured = unit.measured
    if measured.reason[row]:
        return Decimal(0)
    return money(measured.penalty_milli[row] - measured.unbilled_milli[row])


def _end(unit: UnitFigures, row: int, figures: Figures) -> tuple[date | None, str]:
    """Give the last day that can bear interest, and what sets it."""
    inputs = unit.measured.interest_inputs.items
    end, end_by = figures.context.as_of_day, "as_of"
    settled, opening = int(inputs.settled_day[row]), int(inputs.insolvency_day[row])
    if settled != NO_DAY and settled <= end:
        end, end_by = settled, "settlement"
    if opening != NO_DAY and int(inputs.claim_day[row]) < opening <= end:
        end, end_by = opening - 1, "insolvency"
    return day(end), end_by


def money(milli: int) -> Decimal:
    """Give an amount of thousandths."""
    return Decimal(int(milli)).scaleb(-3)


def day(number: int) -> date | None:
    """Give the date of a day number, None for `NO_DAY`."""
    return None if int(number) == NO_DAY else EPOCH + timedelta(days=int(number))


def _known_day(number: int) -> date:
    return EPOCH + timedelta(days=int(number))
