"""The explanation of an item for people: what `encours explain item` prints."""

from __future__ import annotations

import textwrap
from decimal import Decimal
from typing import TYPE_CHECKING

from encours.explain.item_words import WORDS
from encours.explain.sentence import debtor_sentence
from encours.report.layout import ABSENT, Grid, Page, cell_width, plain_page, rich_page, shown
from encours.report.reader import Reader, decimal_places
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours_schemas.reasons import NoInterestReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from encours.explain.compensation import CompensationFacts
    from encours.explain.item import InterestFacts, ItemExplanation, ItemFacts
    from encours.explain.steps import PeriodStep
    from encours.rules.derivation import FloorRate, RateDerivation

WIDTH = 100

Line = tuple[str, ...]
Section = tuple[str, list[tuple[int, str]]]


def item_text(
    explanation: ItemExplanation, language: str, *, terminal_width: int | None = None
) -> str:
    """Give an explanation as lines of text.

    language        `en` or `fr`
    terminal_width  columns of a terminal, which gets colours; None gives plain text
    """
    writer = _Writer(language)
    page = writer.page(explanation)
    told = plain_page(page, WIDTH) if terminal_width is None else rich_page(page, terminal_width)
    lines = [told]
    for title, paragraphs in writer.sections(explanation):
        lines += ["", title]
        for indent, text in paragraphs:
            lines += textwrap.wrap(
                shown(text),
                WIDTH,
                initial_indent="  ",
                subsequent_indent=" " * indent,
                break_on_hyphens=False,
            )
    return "\n".join(lines)


class _Writer:
    """The parts of the page, in one language."""

    def __init__(self, language: str) -> None:
        self.word: Mapping[str, str] = WORDS[language]
        self.reader = Reader(language, plain=True)

    def page(self, explanation: ItemExplanation) -> Page:
        """Lay the explanation out."""
        grids = [self._quarantine(explanation)]
        facts, interest = explanation.facts, explanation.interest
        if facts is not None:
            grids.append(self._allocations(explanation, facts.currency))
        if facts is not None and interest is not None and explanation.compensation is not None:
            grids.append(self._items(explanation.compensation))
            grids.append(self._periods(interest, facts.currency))
        return Page(
            title=self.word["title"].format(
                item=explanation.item_id, as_of=self.reader.day(explanation.as_of)
            ),
            facts=tuple(self._facts(explanation)),
            grids=tuple(grid for grid in grids if grid.rows),
        )

    def sections(self, explanation: ItemExplanation) -> Iterator[Section]:
        """Give what is told in sentences: rates, claims, the letter's words."""
        facts, interest = explanation.facts, explanation.interest
        if facts is None or interest is None or explanation.compensation is None:
            return
        rates = self._rates(interest)
        if rates:
            yield self.word["rates"], [(4, rate) for rate in rates]
        totals = [
            *self._interest_totals(interest, facts.currency),
            *self._compensation_totals(explanation.compensation),
        ]
        yield self.word["totals"], _aligned(totals)
        sentence = debtor_sentence(explanation, self.reader.language)
        if sentence is not None:
            yield self.word["sentence"], [(2, sentence)]

    def _facts(self, explanation: ItemExplanation) -> Iterator[tuple[str, str]]:
        """Give what is known of the item, and the regime."""
        word = self.word
        yield word["run"], explanation.run_id
        yield word["status"], word[f"status_{explanation.status}"]
        if explanation.facts is not None:
            yield from self._item_facts(explanation.facts)
        if explanation.interest is not None:
            yield from self._regime_facts(explanation.interest)
            yield from self._day_facts(explanation.interest)

    def _item_facts(self, facts: ItemFacts) -> Iterator[tuple[str, str]]:
        """Give the facts of the ledger."""
        word, reader = self.word, self.reader
        yield word["document"], f"{facts.document_type} {facts.document_number}"
        yield word["customer"], f"{facts.customer_id} ({facts.customer_country or ABSENT})"
        yield word["company"], f"{facts.company_code} ({facts.company_country or ABSENT})"
        yield (
            word["dates"],
            word["dates_of"].format(
                document=reader.short_day(facts.document_date),
                posting=reader.short_day(facts.posting_date),
                delivery=reader.short_day(facts.delivery_date),
            ),
        )
        yield word["due"], reader.day(facts.due_date)
        yield word["amount"], reader.amount(facts.amount, facts.currency)
        how = word[f"open_by_{facts.open_amount_by}"]
        yield word["open"], f"{reader.amount(facts.open_amount, facts.currency)}; {how}"
        if facts.disputed_amount:
            yield word["disputed"], reader.amount(facts.disputed_amount, facts.currency)
        if facts.settled_on is not None:
            yield word["settled"], reader.day(facts.settled_on)
        if facts.financing != "none":
            yield word["financing"], facts.financing
        if facts.insolvency_date is not None:
            opened = reader.day(facts.insolvency_date)
            yield word["insolvency"], word["insolvency_of"].format(day=opened)

    def _regime_facts(self, interest: InterestFacts) -> Iterator[tuple[str, str]]:
        """Give the regime, why it applies, and on what it rests."""
        word, choice = self.word, interest.regime
        if choice is None:
            return
        regime = choice.regime
        yield word["regime"], regime.name if regime else word["regime_none"]
        yield word["why"], word[f"rule_{choice.rule}"].format(country=choice.country)
        if regime is None:
            return
        for name, fact in (
            ("law", regime.articles_of(choice.cited_country)),
            ("indemnity_law", regime.indemnity_articles),
            ("source", regime.source),
            ("confidence", regime.confidence_of(choice.cited_country)),
            ("note", regime.note),
        ):
            if fact:
                yield word[name], fact
        yield word["fixing"], word[f"fixing_{regime.fixing}"]
        yield word["day_count"], str(regime.day_count)

    def _day_facts(self, interest: InterestFacts) -> Iterator[tuple[str, str]]:
        """Give the interest days, what ends them, and the reason against."""
        word, reader = self.word, self.reader
        if interest.from_date is not None and interest.to_date is not None:
            yield (
                word["days"],
                word["days_of"].format(
                    days=reader.count(interest.days or 0),
                    first=reader.day(interest.from_date),
                    last=reader.day(interest.to_date),
                ),
            )
        if interest.end is not None:
            why = word[f"end_{interest.end_by}"]
            yield word["end"], word["end_of"].format(day=reader.day(interest.end), why=why)
        if interest.reason is not None:
            yield word["reason"], word[f"reason_{interest.reason}"]

    def _quarantine(self, explanation: ItemExplanation) -> Grid:
        """List the refused rows with this id."""
        word = self.word
        return Grid(
            title=word["quarantine"],
            headings=(word["file"], word["row"], word["column"], word["code"]),
            right=(False, True, False, False),
            rows=tuple(
                (file, str(row), column, reason)
                for file, row, column, reason in explanation.quarantine
            ),
        )

    def _allocations(self, explanation: ItemExplanation, currency: str) -> Grid:
        """List the allocations."""
        word, reader = self.word, self.reader
        rows = [
            (
                reader.short_day(one.value_date),
                reader.short_day(one.posting_date),
                one.kind,
                reader.figure(one.amount, currency),
                word.get(f"effect_{one.effect}", one.effect),
            )
            for one in explanation.allocations
        ]
        names = ("value_date", "posting_date", "kind", "amount", "effect")
        return Grid(
            title=word["allocations"].format(currency=currency),
            headings=tuple(word[name] for name in names),
            right=(False, False, False, True, False),
            rows=tuple(rows),
        )

    def _periods(self, interest: InterestFacts, currency: str) -> Grid:
        """List the stretches."""
        word = self.word
        names = ("from", "to", "day_number", "principal", "rate", "share", "exact", "accrued")
        title = {
            NoInterestReason.DISPUTED: "periods_suspended",
            NoInterestReason.BELOW_MINIMUM: "periods_below_minimum",
        }
        key = title.get(interest.reason, "periods") if interest.reason else "periods"
        return Grid(
            title=word[key].format(currency=currency),
            headings=(*(word[name] for name in names), word["running"], word["interest"]),
            right=(True,) * 10,
            rows=tuple(self._period(step, currency) for step in interest.steps),
        )

    def _period(self, step: PeriodStep, currency: str) -> Line:
        """Give one stretch; one of no days is what a payment took."""
        reader = self.reader
        days = (reader.short_day(step.from_date), reader.short_day(step.to_date))
        last = (
            reader.figure(step.running_total, currency),
            reader.figure(step.interest, currency),
        )
        if not step.days:
            return (*days, "0", self.word["paid"], "", "", "", "", *last)
        return (
            *days,
            reader.count(step.days),
            reader.figure(step.principal, currency),
            reader.percent(step.rate_percent),
            step.year_fraction,
            str(step.exact),
            str(step.accrued),
            *last,
        )

    def _rates(self, interest: InterestFacts) -> list[str]:
        """Tell where the rates come from, each source once."""
        first_days: dict[str, str] = {}
        for step in interest.steps:
            if step.derivation is not None:
                told = self._rate(step.derivation)
                first_days.setdefault(told, self.reader.short_day(step.from_date))
        from_day = self.word["for_days"]
        return [f"{from_day.format(day=day)} {told}" for told, day in first_days.items()]

    def _rate(self, derivation: RateDerivation) -> str:
        """Tell a rate's source, and how the rate is made of it."""
        word, reader = self.word, self.reader
        reference = derivation.reference
        floor = self._floor(derivation.floor)
        if reference is None or derivation.rounded_reference is None:
            return word["flat"].format(rate=reader.percent(derivation.rate)) + floor
        row = reference.row
        made = [
            word["looked_up"].format(
                series=reference.series,
                value=reader.percent(row.rate_percent),
                day=reader.short_day(reference.looked_up_on),
                since=reader.short_day(row.effective_date),
            )
        ]
        if derivation.rounded_reference != row.rate_percent:
            rounded = reader.percent(derivation.rounded_reference)
            made.append(word["rounded_reference"].format(rate=rounded))
        if derivation.margin:
            margin = reader.number(derivation.margin, decimal_places(derivation.margin))
            made.append(word["plus"].format(margin=margin))
        made.append(f"= {reader.percent(derivation.rate)}")
        read_in = word["read_in"].format(source=row.source) if row.source else ""
        return " ".join(made) + floor + read_in

    def _floor(self, floor: FloorRate | None) -> str:
        """Tell the floor of a contract's rate; nothing where there is none."""
        if floor is None:
            return ""
        told = self.word["floor"].format(
            times=f"{floor.times:f}",
            value=self.reader.percent(floor.value.row.rate_percent),
            rate=self.reader.percent(floor.rate),
        )
        return f"; {told}{self.word['floor_decides'] if floor.decides else ''}"

    def _compensation_totals(self, facts: CompensationFacts) -> Iterator[Line]:
        """Give the lines about the compensation."""
        word, reader = self.word, self.reader
        amount = reader.amount(facts.amount, facts.currency)
        yield word["compensation"], amount, self._standing(facts)
        if facts.billed_amount:
            billed = reader.amount(facts.billed_amount, facts.currency)
            yield word["indemnity_billed"], billed, word["billed_by_amount"]
            yield word["indemnity_unbilled"], reader.amount(facts.unbilled, facts.currency), ""

    def _interest_totals(self, interest: InterestFacts, currency: str) -> Iterator[Line]:
        """Give the lines about interest."""
        word, reader = self.word, self.reader
        unit = Decimal(1).scaleb(-CURRENCY_EXPONENTS.get(currency, 2))
        rounding = word["rounding"].format(unit=reader.amount(unit, currency))
        before = sorted({step.rounded_on for step in interest.steps if step.rounded_on})
        if before:
            days = ", ".join(reader.short_day(day) for day in before)
            rounding += word["rounded_before"].format(days=days)
        yield word["penalty"], reader.amount(interest.penalty, currency), rounding
        if interest.suspended:
            yield word["suspended"], reader.amount(interest.suspended, currency), ""
        if interest.billed_by == "nothing":
            return
        how = word[f"billed_by_{interest.billed_by}"]
        if interest.billed_to is not None:
            how = how.format(day=reader.day(interest.billed_to))
        yield word["billed_amount"], reader.amount(interest.billed_amount, currency), how
        yield word["unbilled"], reader.amount(interest.unbilled, currency), word["unbilled_of"]

    def _standing(self, facts: CompensationFacts) -> str:
        """Say on which item the compensation stands, and in which band."""
        word = self.word
        bearer = next((item.item_id for item in facts.document if item.bears), "")
        standing = word[f"standing_{facts.standing}"].format(
            per=word[f"per_{facts.per}"], item=bearer
        )
        if facts.band is None or facts.principal is None:
            return standing
        principal = self.reader.amount(facts.principal, facts.principal_currency)
        told = word["band"].format(band=self._band(facts), principal=principal)
        if facts.in_band is not None and facts.band_currency != facts.principal_currency:
            converted = self.reader.amount(facts.in_band, facts.band_currency)
            told += word["band_converted"].format(amount=converted)
        return f"{standing}; {told}"

    def _band(self, facts: CompensationFacts) -> str:
        """Name a band by its bounds."""
        word, band = self.word, facts.band
        if band is None or (band.limit is None and facts.above is None):
            return word["band_all"]
        if band.limit is None and facts.above is not None:
            key = "band_above" if facts.is_above_excluded else "band_from"
            return word[key].format(bound=self.reader.amount(facts.above, facts.band_currency))
        key = "band_up_to" if band.limit_included else "band_below"
        bound = self.reader.amount(band.limit or Decimal(0), facts.band_currency)
        return word[key].format(bound=bound)

    def _items(self, facts: CompensationFacts) -> Grid:
        """List the items of a document of several."""
        word = self.word
        several = facts.document if len(facts.document) > 1 else ()
        return Grid(
            title=word["items"],
            headings=(word["item"], word["due"], word["late"], word["bears"]),
            right=(False, False, False, False),
            rows=tuple(
                (
                    member.item_id,
                    self.reader.short_day(member.due_date),
                    word["yes" if member.is_late else "no"],
                    word["yes" if member.bears else "no"],
                )
                for member in several
            ),
        )


def _aligned(lines: list[Line]) -> list[tuple[int, str]]:
    """Put names and amounts under each other, and let what is told of them hang behind."""
    names = max(cell_width(name) for name, _, _ in lines)
    amounts = max(cell_width(amount) for _, amount, _ in lines)
    told = []
    for name, amount, how in lines:
        gap = " " * (2 + names - cell_width(name) + amounts - cell_width(amount))
        told.append((names + amounts + 6, f"{name}{gap}{amount}  {how}"))
    return told
