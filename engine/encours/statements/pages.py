"""The letter laid out in one language: titles, paragraphs and grids, before any markup."""

from __future__ import annotations

from dataclasses import dataclass, field

from encours.report.reader import Reader
from encours.statements.claims import Claim
from encours.statements.letter import Basis, CurrencyTotal, Statement
from encours.statements.words import WORDS

RIGHT_OF_CLAIMS = (False, False, True, True, False, True, True, True, True, True, False)


@dataclass(frozen=True)
class LetterGrid:
    """A table of the letter; `right` tells which columns hold figures."""

    headings: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    last_rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class LetterPart:
    """A heading with paragraphs, lines of a list and a table below it."""

    heading: str
    paragraphs: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    grid: LetterGrid | None = None


@dataclass(frozen=True)
class Letter:
    """The whole letter; `facts` are names and values under the title."""

    language: str
    title: str
    facts: tuple[tuple[str, str], ...]
    intro: str
    parts: tuple[LetterPart, ...] = ()
    footer: str = field(default="")


def lay_out(statement: Statement, language: str, *, plain: bool = False) -> Letter:
    """Put a statement into words; `plain` as in `Reader`."""
    return _Layout(statement, language, Reader(language, plain=plain)).letter()


class _Layout:
    """One letter in the making."""

    def __init__(self, statement: Statement, language: str, reader: Reader) -> None:
        self.statement, self.language, self.reader = statement, language, reader
        self.word = WORDS[language]

    def letter(self) -> Letter:
        """Give the whole letter."""
        statement, word = self.statement, self.word
        as_of = self.reader.day(statement.as_of)
        name = f" {statement.customer_name}" if statement.customer_name else ""
        return Letter(
            language=self.language,
            title=word["title"],
            facts=(
                (word["customer"], f"{statement.customer_id}{name}"),
                (word["as_of"], as_of),
                (word["reference"], statement.run_id),
            ),
            intro=word["intro" if statement.creditors else "nothing"].format(as_of=as_of),
            parts=tuple(self._parts(as_of)) if statement.creditors else (),
            footer=word["page"].format(run=statement.run_id),
        )

    def _parts(self, as_of: str) -> list[LetterPart]:
        """Give claims by creditor, totals, legal basis and method."""
        statement, word = self.statement, self.word
        parts = []
        for part in statement.creditors:
            heading = word["creditor"].format(company=part.company_code)
            parts.append(LetterPart(heading, grid=self._claims(part.claims)))
            parts.append(LetterPart("", grid=self._totals(part.totals)))
        if len(statement.creditors) > 1:
            parts.append(LetterPart(word["all_creditors"], grid=self._totals(statement.totals)))
        parts.append(
            LetterPart(
                word["legal_basis"], lines=tuple(self._basis(basis) for basis in statement.bases)
            )
        )
        method = [word["method_text"].format(as_of=as_of)]
        claims = [claim for part in statement.creditors for claim in part.claims]
        names = ("interest_unbilled", "indemnity_unbilled")
        if any(claim[name] < 0 for claim in claims for name in names):
            method.append(word["corrections"])
        parts.append(LetterPart(word["method"], tuple(method)))
        return parts

    def _claims(self, claims: tuple[Claim, ...]) -> LetterGrid:
        """List the items of one creditor."""
        word = self.word
        names = (
            "document", "due", "amount", "open", "period", "days", "interest", "billed",
            "to_claim", "compensation", "basis",
        )  # fmt: skip
        return LetterGrid(
            headings=tuple(word[name] for name in names),
            right=RIGHT_OF_CLAIMS,
            rows=tuple(self._claim(claim) for claim in claims),
        )

    def _claim(self, claim: Claim) -> tuple[str, ...]:
        """Give one item."""
        word, reader, currency = self.word, self.reader, claim["currency"]
        number = self.statement.number_of(claim)
        document = claim["document_number"]
        if document != claim["item_id"]:
            document = f"{document} ({word['item'].lower()} {claim['item_id']})"
        first, last = claim["interest_from"], claim["interest_to"]
        period = " \N{EN DASH} ".join(reader.short_day(day) for day in (first, last) if day)
        compensation = claim["indemnity_unbilled"]
        return (
            f"{document} {word['of']} {reader.short_day(claim['document_date'])}",
            reader.short_day(claim["due_date"]),
            reader.amount(claim["amount"], currency),
            reader.amount(claim["open_amount"], currency),
            period,
            reader.count(claim["interest_days"]) if claim["interest_days"] else "",
            reader.amount(claim["penalty_interest"], currency),
            reader.amount(claim["interest_billed"], currency) if claim["interest_billed"] else "",
            reader.amount(claim["interest_unbilled"], currency),
            reader.amount(compensation, claim["indemnity_currency"]) if compensation else "",
            f"[{number}]" if number else "",
        )

    def _totals(self, totals: tuple[CurrencyTotal, ...]) -> LetterGrid:
        """List the totals by currency."""
        word, reader = self.word, self.reader
        return LetterGrid(
            headings=(word["currency"], word["to_claim"], word["compensation"], word["sum"]),
            right=(False, True, True, True),
            rows=(),
            last_rows=tuple(
                (
                    word["total"].format(currency=total.currency),
                    reader.amount(total.interest, total.currency),
                    reader.amount(total.compensation, total.currency),
                    reader.amount(total.both, total.currency),
                )
                for total in totals
            ),
        )

    def _basis(self, basis: Basis) -> str:
        """Tell one legal basis."""
        word = self.word
        if not basis.articles:
            told = word["basis_contract"].format(name=basis.regime.name)
        elif basis.indemnity_articles:
            told = word["basis_of"].format(
                articles=basis.articles, indemnity=basis.indemnity_articles
            )
        else:
            told = word["basis_law"].format(articles=basis.articles)
        days = word["day_count"].format(day_count=basis.regime.day_count)
        if basis.regime.compounding != "none":
            days = f"{days}; {word['compounding']}"
        return f"[{basis.number}] {told} ({days})"
