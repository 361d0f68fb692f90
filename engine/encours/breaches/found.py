"""What one rule found, as columns: a row per breach."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.breaches.columns import MICRO, Texts, as_array, constant, escaped, taken
from encours.calc.texts import may_hold, may_hold_control
from encours_schemas.messages import TEMPLATES, MessageCode, template_parts, value_names
from encours_schemas.rule_ids import RuleId

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Array = np.ndarray[Any, np.dtype[Any]]

RULES: Final = tuple(RuleId)
RULE_POSITIONS: Final = {rule: place for place, rule in enumerate(RULES)}
MONEY_CANNOT: Final = -1


@dataclass(frozen=True)
class Place:
    """Where k breaches are: the row of a credit account (-1: none), and the names of the id.

    row      int64[k]   row of the credit account that it is about, -1 for a party or the portfolio
    party    string[k]  credit account or group
    segment  string[k]  credit segment, null where it is about all of them
    key      string[k]  what tells two breaches of one rule, party and segment apart; mostly empty
    """

    row: Array
    party: pa.Array
    segment: pa.Array
    key: pa.Array

    def take(self, chosen: Array) -> Place:
        """Give some of them."""
        rows = pa.array(chosen)
        return Place(
            self.row[chosen], self.party.take(rows), self.segment.take(rows), self.key.take(rows)
        )

    def ids(self, rule: RuleId) -> pa.Array:
        """Name each breach the same in every run: rule, party, segment and key."""
        parts = [escaped(part.fill_null("")) for part in (self.party, self.segment, self.key)]
        return pc.binary_join_element_wise(constant(rule.value, len(self.row)), *parts, ":")


@dataclass(frozen=True)
class Measure:
    """What was measured of k breaches.

    measured, threshold  decimal128(38, 6)[k], null where there is none
    excess_milli         int64[k]  thousandths of the reporting currency, -1 where it is no money
    release_milli        int64[k]  largest measure at which its holds end; -1: money lifts none
    """

    measured: pa.Array
    threshold: pa.Array
    excess_milli: Array
    release_milli: Array


@dataclass(frozen=True)
class Sentence:
    """The message of k breaches: one of some codes each, and the values by name."""

    codes: tuple[MessageCode, ...]
    choice: Array
    values: Mapping[str, Texts]

    def take(self, rows: Array) -> Sentence:
        """Give those of some breaches."""
        values = {name: taken(texts, rows) for name, texts in self.values.items()}
        return Sentence(self.codes, self.choice[rows], values)


@dataclass(frozen=True)
class Found:
    """The breaches of one rule, k rows. Severity: 1 warning, 2 breach; holds: bits asked for."""

    rule: RuleId
    scope: str
    place: Place
    measure: Measure
    severity: Array
    holds: Array
    sentence: Sentence
    subject: pa.Array | None = None
    also_bears_on: tuple[Array, Array] = field(
        default_factory=lambda: (np.empty(0, np.int64), np.empty(0, np.int64))
    )

    def __len__(self) -> int:
        """Count them."""
        return len(self.severity)

    def take(self, rows: Array) -> Found:
        """Give some of them, with the accounts that they are about themselves."""
        chosen = pa.array(rows)
        measure = self.measure
        return replace(
            self,
            place=self.place.take(rows),
            measure=Measure(
                measure.measured.take(chosen),
                measure.threshold.take(chosen),
                measure.excess_milli[rows],
                measure.release_milli[rows],
            ),
            severity=self.severity[rows],
            holds=self.holds[rows],
            sentence=self.sentence.take(rows),
            subject=None if self.subject is None else self.subject.take(chosen),
            also_bears_on=(np.empty(0, np.int64), np.empty(0, np.int64)),
        )

    def bears_on(self) -> tuple[Array, Array]:
        """Give pairs of breach and account row: whom each breach holds; int64[p] each."""
        own = np.flatnonzero(self.place.row >= 0)
        breach, row = self.also_bears_on
        return np.concatenate([own, breach]), np.concatenate([self.place.row[own], row])


def no_numbers(count: int) -> pa.Array:
    """Give a column of numbers without any."""
    return pa.nulls(count, MICRO)


def no_money(count: int) -> Array:
    """Give an excess that is no money, or a hold that no payment lifts: int64[k]."""
    return np.full(count, MONEY_CANNOT, np.int64)


def rendered(sentence: Sentence, language: str = "en") -> pa.Array:
    """Write every sentence: string[k]."""
    return _by_code(sentence, lambda code, values: _written(code, values, language))


def values_as_json(sentence: Sentence) -> pa.Array:
    """Write the values of every sentence as a JSON object of texts: string[k]."""
    return _by_code(sentence, _json)


def codes_of(sentence: Sentence) -> pa.Array:
    """Give the code of every sentence: string[k]."""
    names = pa.array([code.value for code in sentence.codes], pa.string())
    return names.take(pa.array(sentence.choice))


def _by_code(sentence: Sentence, write: Any) -> pa.Array:  # noqa: ANN401 - a function of a code
    """Write the rows of each code together, and put them back in their order."""
    parts, rows = [pa.array([], pa.string())], [np.empty(0, np.int64)]
    for number, code in enumerate(sentence.codes):
        chosen = np.flatnonzero(sentence.choice == number)
        if not len(chosen):
            continue
        texts = {name: sentence.values[name] for name in value_names(code)}
        if len(chosen) < len(sentence.choice):
            texts = {name: taken(some, chosen) for name, some in texts.items()}
        values = {name: as_array(some) for name, some in texts.items()}
        parts.append(write(code, values or {"": constant("", len(chosen))}))
        rows.append(chosen)
    if len(parts) == 2:  # all of one code: they are in their order
        return parts[-1]
    order = np.argsort(np.concatenate(rows), kind="stable")
    return pa.concat_arrays(parts).take(pa.array(order))


def _written(code: MessageCode, values: Mapping[str, pa.Array], language: str) -> pa.Array:
    pieces: list[pa.Array | pa.Scalar] = []
    for text, name in template_parts(TEMPLATES[language][code]):
        pieces.append(pa.scalar(text, pa.string()))
        pieces.extend([values[name]] if name else [])
    return _joined(pieces, values)


def _json(_code: MessageCode, values: Mapping[str, pa.Array]) -> pa.Array:
    pieces: list[pa.Array | pa.Scalar] = []
    for name, texts in values.items():
        if name:
            lead = "," if pieces else "{"
            pieces += [pa.scalar(f'{lead}"{name}":"', pa.string()), _json_text(texts)]
            pieces.append(pa.scalar('"', pa.string()))
    return _joined([*(pieces or [pa.scalar("{", pa.string())]), pa.scalar("}")], values)


def _joined(pieces: Sequence[pa.Array | pa.Scalar], values: Mapping[str, pa.Array]) -> pa.Array:
    count = len(next(iter(values.values())))
    return pc.binary_join_element_wise(constant("", count), *pieces, "")


def _json_text(texts: pa.Array) -> pa.Array:
    """Escape texts as JSON strings: backslash and quote, and whatever else may not stand bare."""
    if may_hold(texts, '\\"'):
        texts = pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')
    for number in range(32) if may_hold_control(texts) else ():
        character = chr(number)
        if pc.any(pc.match_substring(texts, character)).as_py():
            texts = pc.replace_substring(texts, character, f"\\u{number:04x}")
    return texts
