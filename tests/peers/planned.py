"""A file of cases, laid out: what each asks, which ledgers answer it, what is missing for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.peers.cases import Fields, Question, questions_of, read_cases, resolve_references
from tests.peers.decide import NoSuchFeatureError, feature_of_kind
from tests.peers.events import complete
from tests.peers.extract import Extract
from tests.peers.ladder import Ladder, read_ladder
from tests.peers.limit_cases import is_limit_case
from tests.peers.translate import plan


@dataclass
class PlannedQuestion:
    """A question with its ledgers; without any where a feature is missing to write them."""

    key: str
    question: Question
    ladder: Ladder
    extracts: Mapping[str, Extract] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass
class PlannedCase:
    """A case of a file with its questions; none where its whole kind is out of scope.

    limit_case  the case itself where it is about limits, cover or rules: `limit_cases` reads it
    """

    name: str
    title: str
    file: str
    questions: list[PlannedQuestion] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    defect: Exception | None = None
    limit_case: Fields | None = None


@dataclass(frozen=True)
class Verdict:
    """How a case ended.

    outcome    `reproduced`, `decided otherwise` or `no such feature`
    declared   the rules or features behind the two latter
    compared   how many figures were compared, in any case
    complaints figures that differ from what they must be
    """

    outcome: str
    declared: tuple[str, ...]
    compared: int
    complaints: list[str]

    @property
    def told(self) -> str:
        """The outcome as it is shown; a case with a complaint has none of the three."""
        if self.complaints:
            return "NOT REPRODUCED"
        return f"{self.outcome} ({'; '.join(self.declared)})" if self.declared else self.outcome


@dataclass
class CaseFile:
    """All cases of one file."""

    name: str
    cases: list[PlannedCase]

    @classmethod
    def read(cls, path: Path, also_known: Sequence[Path] = ()) -> CaseFile:
        """Lay out a file; references may also point at the cases of the other files."""
        known = [case for other in also_known if other.exists() for case in read_cases(other)]
        return cls.of_cases(path.name, read_cases(path), known)

    @classmethod
    def of_cases(
        cls, name: str, cases: Sequence[Fields], also_known: Sequence[Fields] = ()
    ) -> CaseFile:
        """Lay out cases."""
        known = {str(case["id"]): case for case in [*also_known, *cases]}
        planned = [
            _planned(name, number, resolve_references(case, known))
            for number, case in enumerate(cases)
        ]
        return cls(name, planned)


# What a case of another form than the one described makes of its reader.
UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


def _planned(file: str, number: int, case: dict[str, Any]) -> PlannedCase:
    planned = PlannedCase(str(case["id"]), str(case.get("title", "")), file)
    if is_limit_case(case):
        planned.limit_case = case
        return planned
    feature = feature_of_kind(str(case.get("kind")))
    if feature is not None:
        planned.missing.append(feature.name)
        return planned
    try:
        for i, question in enumerate(questions_of(case)):
            planned.questions.append(_planned_question(f"{file}/{number}/{i}", question))
    except UNREADABLE as error:
        # A case that cannot be read fails by itself and leaves the others of its file alone.
        planned.defect = error
    return planned


def _planned_question(key: str, question: Question) -> PlannedQuestion:
    planned = PlannedQuestion(key, question, read_ladder(question.config, question.as_of))
    try:
        planned.question = complete(question)
        planned.extracts = plan(planned.question)
    except NoSuchFeatureError as feature:
        planned.missing.append(str(feature))
    else:
        planned.missing += planned.extracts["main"].missing
    return planned
