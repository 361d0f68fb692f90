"""What the nodes of an expression compute, over one unit of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from encours.ledger.checking import dictionary_of
from encours.ledger.layouts.fields import FieldForm, Normalised, read_days, read_field
from encours.ledger.layouts.values import (
    Array,
    Cause,
    Causes,
    Value,
    any_missing,
    as_kind,
    choose,
    constant,
    first_fault,
    nothing,
    take,
)
from encours.rules.currencies import CURRENCY_EXPONENTS
from encours_schemas.layouts.expressions import AMOUNT, BOOL, DATE, INTEGER, NOTHING, RATE, TEXT
from encours_schemas.reasons import Reason

if TYPE_CHECKING:
    from encours.ledger.layouts.source_tables import SourceTable, SourceUnit
    from encours_schemas.layouts.expressions import Node

_AMOUNT_MAX = 10**18
_DAYS_MAX = 400_000
"""Days that an expression may add to a date; more is a slip, and int32 days stay safe."""


class Evaluator:
    """Works the expressions of a rule out over the rows of one source unit; one use.

    Values are kept by node, so that what several columns need is computed once.
    """

    def __init__(
        self,
        read: Callable[[str], pa.ChunkedArray | None],
        rows: int,
        forms: Mapping[str, FieldForm],
        maps: Mapping[str, Mapping[str, str]],
        causes: Causes,
        place: tuple[str, int, Callable[[Array], Array]],
    ) -> None:
        """Take what is needed to read fields.

        read   gives a column of the source by field, None where the file lacks it
        place  name of the file, its number in the source, and row numbers by row
        """
        self._read = read
        self.rows = rows
        self._forms = forms
        self._maps = maps
        self._causes = causes
        self._place = place
        self._fields: dict[str, Value] = {}
        self._nodes: dict[int, Value] = {}
        self._kept: list[Node] = []
        self._joined: dict[str, Mapping[str, Value]] = {}
        self._found: dict[str, Array] = {}
        self._join_faults: dict[str, Array] = {}
        self._chosen: Array | None = None
        self._number_form = next(
            (form for form in forms.values() if form.type == AMOUNT), None
        ) or next(iter(forms.values()), None)
        self.normalised = Normalised()

    # -- rows --------------------------------------------------------------------------------------

    def only(self, rows: Array) -> None:
        """Go on with some of the rows: int64[k]."""
        self._fields = {name: take(value, rows) for name, value in self._fields.items()}
        self._joined = {
            join: {name: take(value, rows) for name, value in values.items()}
            for join, values in self._joined.items()
        }
        self._found = {join: found[rows] for join, found in self._found.items()}
        self._join_faults = {join: fault[rows] for join, fault in self._join_faults.items()}
        self._nodes.clear()
        self._chosen = rows if self._chosen is None else self._chosen[rows]
        self.rows = len(rows)

    def give(self, name: str, value: Value) -> None:
        """Set a field that no column of the source holds."""
        self._fields[name] = value

    def give_joined(
        self, join: str, values: Mapping[str, Value], found: Array, fault: Array | None
    ) -> None:
        """Set what a join found, and what it holds against rows."""
        self._joined[join], self._found[join] = values, found
        if fault is not None:
            self._join_faults[join] = fault

    def join_fault(self, join: str) -> Array | None:
        """Give what a join holds against rows."""
        return self._join_faults.get(join)

    # -- values ------------------------------------------------------------------------------------

    def value(self, node: Node) -> Value:
        """Work a node out."""
        known = self._nodes.get(id(node))
        if known is None:
            known = self._compute(node)
            self._nodes[id(node)] = known
            self._kept.append(node)
        return known

    def _compute(self, node: Node) -> Value:
        if node.op == "field":
            return self._field(str(node.value))
        if node.op == "let":
            return self.value(node.args[0])
        if node.op == "constant":
            return constant(node.kind, node.value, self.rows)
        if node.op == "joined" and isinstance(node.value, tuple):
            join, name = node.value
            return self._joined[join][name]
        if node.op == "found":
            return Value(BOOL, self._found[str(node.value)])
        if node.op == "refuse":
            cause = Cause("", Reason.REFUSED_BY_LAYOUT, message=str(node.value))
            number = self._causes.number(cause)
            return nothing(self.rows).with_fault(np.full(self.rows, number, np.int32))
        return _OPERATIONS[node.op](self, node, tuple(self.value(one) for one in node.args))

    def _field(self, name: str) -> Value:
        if name not in self._fields:
            form = self._forms[name]
            column = self._read(name)
            if column is None:
                self._fields[name] = nothing(self.rows, form.type)
            else:
                if self._chosen is not None:
                    column = column.take(pa.array(self._chosen))
                self._fields[name] = read_field(form, column, self._causes, self.normalised)
        return self._fields[name]

    # -- what operations ask for -------------------------------------------------------------------

    def cause(self, reason: Reason, expected: str = "", message: str = "") -> int:
        """Give the number of a cause that no single source column has."""
        return self._causes.number(Cause("", reason, expected, message))

    def map_of(self, name: str) -> Mapping[str, str]:
        """Give a value map."""
        return self._maps[name]

    def number_form(self) -> FieldForm | None:
        """Give the form in which the source writes amounts."""
        return self._number_form

    def read_text_as(self, kind: str, text: pa.Array) -> Value:
        """Read a text as a field of that type of this source would be."""
        form = self._number_form
        if form is None:
            return nothing(self.rows, kind)
        plain = FieldForm(**{**form.__dict__, "name": kind, "column": "", "type": kind})
        return read_field(plain, pa.chunked_array([text]), self._causes, self.normalised)

    def source_file(self) -> str:
        """Give the name of the file."""
        return self._place[0]

    def source_number(self) -> int:
        """Give the number of the file within its source."""
        return self._place[1]

    def source_rows(self) -> Array:
        """Give the row numbers in the file."""
        rows = np.arange(self.rows, dtype=np.int64) if self._chosen is None else self._chosen
        return self._place[2](rows)


def evaluator_over(
    source: SourceTable,
    unit: SourceUnit,
    maps: Mapping[str, Mapping[str, str]],
    causes: Causes,
    nodes: Iterable[Node],
) -> Evaluator:
    """Give an evaluator over all rows of a source unit.

    nodes  what it will be asked for: their columns are read at once
    """
    wanted = set().union(*(node.names() for node in nodes))
    columns = source.columns(unit, sorted(wanted & set(source.source.fields)))
    forms = {
        name: FieldForm(**{**form.__dict__, "column": unit.parts.columns.get(name) or name})
        for name, form in source.forms.items()
    }
    return Evaluator(
        columns.get,
        unit.rows,
        forms,
        maps,
        causes,
        (unit.file.relative, unit.file_number, unit.part.numbers.one_based),
    )


Operation = Callable[[Evaluator, "Node", tuple[Value, ...]], Value]


def _bounded(at: Evaluator, value: Value, limit: int, reason: Reason = Reason.TOO_LARGE) -> Value:
    """Hold results beyond a limit against their rows."""
    beyond = (value.data >= limit) | (value.data <= -limit)
    if value.missing is not None:
        beyond &= ~value.missing
    if not beyond.any():
        return value
    number = at.cause(reason, f"a result below {limit // 1000 if value.kind == AMOUNT else limit}")
    fault = np.where(beyond, number, 0).astype(np.int32)
    lost = beyond if value.missing is None else value.missing | beyond
    data = np.where(beyond, 0, value.data).astype(value.data.dtype)
    return Value(value.kind, data, lost, first_fault(value.fault, fault))


def _add(at: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    left, right = args
    data = left.data + right.data if node.op == "+" else left.data - right.data
    fault = first_fault(left.fault, right.fault)
    return _bounded(at, Value(node.kind, data, any_missing(left, right), fault), _AMOUNT_MAX)


def _multiply(at: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    left, right = args
    # Products may leave 64 bits: where they could, they are told by division.
    with np.errstate(over="ignore"):
        data = left.data * right.data
    room = _AMOUNT_MAX // np.maximum(np.abs(right.data), 1)
    beyond = np.abs(left.data) > room
    data = np.where(beyond, _AMOUNT_MAX, data)
    fault = first_fault(left.fault, right.fault)
    return _bounded(at, Value(node.kind, data, any_missing(left, right), fault), _AMOUNT_MAX)


def _negate(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    inner = args[0]
    if inner.kind == NOTHING:
        return inner
    return Value(node.kind, -inner.data, inner.missing, inner.fault)


def _absolute(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    return Value(node.kind, np.abs(args[0].data), args[0].missing, args[0].fault)


def _to_amount(at: Evaluator, _: Node, args: tuple[Value, ...]) -> Value:
    whole = _bounded(at, args[0], 10**15)
    return Value(AMOUNT, whole.data * 1000, whole.missing, whole.fault)


def _to_rate(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    return Value(RATE, args[0].arrow().cast(pa.string()), None, args[0].fault)


def _days(at: Evaluator, _: Node, args: tuple[Value, ...]) -> Value:
    day, more = args[0], _bounded(at, args[1], _DAYS_MAX, Reason.OUT_OF_RANGE)
    data = (day.data.astype(np.int64) + more.data).astype(np.int32)
    return Value(DATE, data, any_missing(day, more), first_fault(day.fault, more.fault))


def _between(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    data = args[0].data.astype(np.int64) - args[1].data
    return Value(INTEGER, data, any_missing(*args), first_fault(args[0].fault, args[1].fault))


def _not(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    return Value(BOOL, ~args[0].holds(), None, args[0].fault)


def _connect(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    """Join conditions; where the first ones decide, what is wrong with later ones is no matter."""
    holds = args[0].holds().copy()
    fault = args[0].fault
    for one in args[1:]:
        decided = ~holds if node.op == "and" else holds
        if one.fault is not None:
            fault = first_fault(fault, np.where(decided, 0, one.fault))
        holds = holds & one.holds() if node.op == "and" else holds | one.holds()
    return Value(BOOL, holds, None, fault)


def _if(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    test = args[0]
    return choose(test.holds(), args[1], args[2], node.kind).with_fault(test.fault)


def _missing(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    inner = args[0]
    missing = inner.is_missing()
    if inner.fault is not None:
        missing = missing & (inner.fault == 0)
    return Value(BOOL, missing, None, inner.fault)


def _compare(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    left, right = args
    fault = first_fault(left.fault, right.fault)
    if left.kind in {TEXT, RATE}:
        equal = pc.equal(left.data, right.data)
        return Value(BOOL, _filled(equal), None, fault)
    if left.kind == BOOL:
        data = left.holds() == right.holds()
    else:
        data = _ORDER[node.op](left.data, right.data)
    missing = any_missing(left, right)
    return Value(BOOL, data if missing is None else data & ~missing, None, fault)


_ORDER: Mapping[str, Callable[[Array, Array], Array]] = {
    "==": np.equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _filled(mask: pa.Array) -> Array:
    """Give an Arrow condition as bool[n], null as not met."""
    filled: Array = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return filled


def _in(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    wanted = pa.array(node.value, pa.string())
    found = pc.and_(pc.is_in(args[0].data, value_set=wanted), args[0].data.is_valid())
    return Value(BOOL, _filled(found), None, args[0].fault)


def _first(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    chosen = as_kind(args[-1], node.kind)
    for one in reversed(args[:-1]):
        present = ~one.is_missing()
        if one.fault is not None:
            present |= one.fault != 0  # a bad value is not a missing one
        chosen = choose(present, one, chosen, node.kind)
    return chosen


def _extreme(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    best = as_kind(args[0], node.kind)
    for other in args[1:]:
        one = as_kind(other, node.kind)
        is_less = one.data < best.data if node.op == "least" else one.data > best.data
        takes = (is_less & ~one.is_missing()) | best.is_missing()
        fault = first_fault(best.fault, one.fault)
        best = choose(takes, one, best, node.kind).with_fault(fault)
    return best


def _text(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    inner = args[0]
    if inner.kind != AMOUNT:
        return Value(TEXT, inner.arrow().cast(pa.string()), None, inner.fault)
    written = inner.arrow().cast(pa.string())
    short = pc.replace_substring_regex(written, r"(\.[0-9]*[1-9])0+$", r"\1")
    return Value(TEXT, pc.replace_substring_regex(short, r"\.0+$", ""), None, inner.fault)


def _joined(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    texts = [value.data for value in args]
    separator = "/" if node.op == "key" else str(node.value)
    if node.op == "key":
        texts = [_escaped(text) for text in texts]
    fault = first_fault(*(value.fault for value in args))
    return Value(TEXT, pc.binary_join_element_wise(*texts, separator), None, fault)


def _escaped(text: pa.Array) -> pa.Array:
    """Let no part of a key contain the mark between parts."""
    if not pc.any(pc.match_substring_regex(text, r"[/\\]")).as_py():
        return text
    return pc.replace_substring_regex(text, r"([/\\])", r"\\\1")


def _pad(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    (width,) = node.value if isinstance(node.value, tuple) else (0,)
    text = args[0].data
    padded = pc.utf8_lpad(text, width=int(width), padding="0")
    is_number = pc.match_substring_regex(text, "^[0-9]+$")
    return Value(TEXT, pc.if_else(is_number, padded, text), None, args[0].fault)


def _unpad(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    bare = pc.replace_substring_regex(args[0].data, r"^0+([0-9]+)$", r"\1")
    return Value(TEXT, bare, None, args[0].fault)


def _on_text(function: Callable[[pa.Array, tuple[Any, ...]], pa.Array]) -> Operation:
    """Make an operation from text to text."""

    def apply(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
        constants = node.value if isinstance(node.value, tuple) else ()
        return Value(TEXT, function(args[0].data, constants), None, args[0].fault)

    return apply


def _test_text(function: Callable[[pa.Array, str], pa.Array]) -> Operation:
    """Make a condition on a text."""

    def apply(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
        (pattern,) = node.value if isinstance(node.value, tuple) else ("",)
        return Value(BOOL, _filled(function(args[0].data, pattern)), None, args[0].fault)

    return apply


def _extract(_: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    (pattern,) = node.value if isinstance(node.value, tuple) else ("",)
    found = pc.extract_regex(args[0].data, str(pattern))
    text = pc.struct_field(found, "found")
    text = pc.if_else(found.is_valid(), text, pa.scalar(None, pa.string()))
    return Value(TEXT, text, None, args[0].fault)


def _map(at: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    """Look texts up in a map, each distinct one once; what is not listed is a fault.

    A missing text stays missing, whatever the default.
    """
    known = at.map_of(str(node.value))
    texts, codes = dictionary_of(args[0].data)
    plain = texts.to_pylist()
    positions = np.where(codes < 0, len(plain), codes)
    targets = pa.array([*(known.get(text) for text in plain), None], pa.string())
    is_known = np.array([*(text in known for text in plain), True], bool)
    found = Value(TEXT, targets.take(pa.array(positions)), None, args[0].fault)
    if is_known.all():
        return found
    listed = is_known[positions]
    if len(args) > 1:
        return choose(listed, found, args[1], TEXT)
    names = ", ".join(sorted(known)[:12]) + (", …" if len(known) > 12 else "")
    number = at.cause(Reason.NOT_IN_LIST, f"one of {names} (map {node.value})")
    return found.with_fault(np.where(listed, 0, number).astype(np.int32))


def _end_of_month(_: Evaluator, __: Node, args: tuple[Value, ...]) -> Value:
    months = args[0].data.astype("datetime64[D]").astype("datetime64[M]") + 1
    last = months.astype("datetime64[D]").astype(np.int32) - 1
    return Value(DATE, last, args[0].missing, args[0].fault)


def _add_months(at: Evaluator, _: Node, args: tuple[Value, ...]) -> Value:
    """Add months; a day that the month lacks becomes its last."""
    count = _bounded(at, args[1], 12_000, Reason.OUT_OF_RANGE)
    day = args[0].data.astype("datetime64[D]")
    month = day.astype("datetime64[M]")
    rest = (day - month.astype("datetime64[D]")).astype(np.int64)
    target = month + count.data
    length = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(int)
    moved = target.astype("datetime64[D]") + np.minimum(rest, length - 1)
    fault = first_fault(args[0].fault, count.fault)
    return Value(DATE, moved.astype(np.int32), any_missing(args[0], count), fault)


def _as_date(at: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    decoded = read_days(args[0].data, str(node.value), None)
    fault = args[0].fault
    bad = decoded.fault > 1
    if bad.any():
        number = at.cause(Reason.WRONG_TYPE, f"a date written {node.value}")
        fault = first_fault(fault, np.where(bad, number, 0).astype(np.int32))
    return Value(DATE, decoded.values, decoded.fault != 0, fault)


def _read_again(at: Evaluator, node: Node, args: tuple[Value, ...]) -> Value:
    return at.read_text_as(node.kind, args[0].data).with_fault(args[0].fault)


def _currency_decimals(at: Evaluator, _: Node, args: tuple[Value, ...]) -> Value:
    texts, positions = dictionary_of(args[0].data)
    plain = texts.to_pylist()
    exponents = np.array([*(CURRENCY_EXPONENTS.get(text, -1) for text in plain), 0], np.int64)
    data = exponents[positions]
    fault = args[0].fault
    if (data < 0).any():
        number = at.cause(Reason.UNKNOWN_CURRENCY, "an ISO 4217 code")
        fault = first_fault(fault, np.where(data < 0, number, 0).astype(np.int32))
    return Value(INTEGER, np.maximum(data, 0), args[0].is_missing(), fault)


def _rescaled(at: Evaluator, _: Node, args: tuple[Value, ...]) -> Value:
    """Move the decimal point of amounts, exactly."""
    amount, stored, meant = args
    shift = stored.data - meant.data
    missing = any_missing(*args)
    fault = first_fault(*(value.fault for value in args))
    wild = np.abs(shift) > 9
    up = 10 ** np.clip(shift, 0, 9)
    down = 10 ** np.clip(-shift, 0, 9)
    beyond = (np.abs(amount.data) > _AMOUNT_MAX // up) | wild
    cut = (amount.data % down != 0) & ~wild
    for found, reason in ((beyond, Reason.TOO_LARGE), (cut, Reason.TOO_PRECISE)):
        there = found if missing is None else found & ~missing
        if there.any():
            number = at.cause(reason, "an amount that its currency's decimals can hold")
            fault = first_fault(fault, np.where(there, number, 0).astype(np.int32))
    data = np.where(beyond | cut, 0, amount.data) * up // down
    return Value(AMOUNT, data, missing, fault)


def _source_file(at: Evaluator, _: Node, __: tuple[Value, ...]) -> Value:
    return constant(TEXT, at.source_file(), at.rows)


def _source_number(at: Evaluator, _: Node, __: tuple[Value, ...]) -> Value:
    return constant(INTEGER, at.source_number(), at.rows)


def _source_row(at: Evaluator, _: Node, __: tuple[Value, ...]) -> Value:
    return Value(INTEGER, at.source_rows())


_OPERATIONS: Mapping[str, Operation] = {
    "+": _add,
    "-": _add,
    "*": _multiply,
    "negate": _negate,
    "abs": _absolute,
    "to_amount": _to_amount,
    "to_rate": _to_rate,
    "days": _days,
    "between": _between,
    "not": _not,
    "and": _connect,
    "or": _connect,
    "if": _if,
    "missing": _missing,
    "==": _compare,
    "<": _compare,
    "<=": _compare,
    ">": _compare,
    ">=": _compare,
    "in": _in,
    "first": _first,
    "least": _extreme,
    "greatest": _extreme,
    "text": _text,
    "key": _joined,
    "join": _joined,
    "pad": _pad,
    "unpad": _unpad,
    "upper": _on_text(lambda text, _: pc.utf8_upper(text)),
    "lower": _on_text(lambda text, _: pc.utf8_lower(text)),
    "trim": _on_text(lambda text, _: pc.utf8_trim_whitespace(text)),
    "left": _on_text(lambda text, args: pc.utf8_slice_codeunits(text, 0, args[0])),
    "right": _on_text(lambda text, args: pc.utf8_slice_codeunits(text, -args[0], None)),
    "slice": _on_text(lambda text, args: pc.utf8_slice_codeunits(text, args[0], args[0] + args[1])),
    "replace": _on_text(
        lambda text, args: pc.replace_substring(text, pattern=args[0], replacement=args[1])
    ),
    "starts": _test_text(lambda text, pattern: pc.starts_with(text, pattern=pattern)),
    "ends": _test_text(lambda text, pattern: pc.ends_with(text, pattern=pattern)),
    "contains": _test_text(lambda text, pattern: pc.match_substring(text, pattern=pattern)),
    "matches": _test_text(lambda text, pattern: pc.match_substring_regex(text, pattern=pattern)),
    "extract": _extract,
    "map": _map,
    "end_of_month": _end_of_month,
    "add_months": _add_months,
    "as_date": _as_date,
    "as_amount": _read_again,
    "as_integer": _read_again,
    "currency_decimals": _currency_decimals,
    "rescaled": _rescaled,
    "source_file": _source_file,
    "source_number": _source_number,
    "source_row": _source_row,
}
