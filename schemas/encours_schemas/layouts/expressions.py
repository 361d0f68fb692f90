"""The expressions of a layout: Python's syntax, a few typed functions, checked before any file.

`compile_expression` turns a text into a tree of `Node`s, each of a known kind, or says in the
reader's words what is wrong: an unknown name with the nearest known one, a function that gets a
date where it wants a text. What a node computes is the engine's (`encours.ledger.layouts`).
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from encours_schemas.names import nearest_name

TEXT, AMOUNT, INTEGER, DATE, BOOL, RATE, NOTHING = (
    "text",
    "amount",
    "integer",
    "date",
    "bool",
    "rate",
    "nothing",
)
_ORDERED: Final = frozenset({AMOUNT, INTEGER, DATE})
_ANY: Final = frozenset({TEXT, AMOUNT, INTEGER, DATE, BOOL, RATE})
_LENGTH_MAX: Final = 20_000


class ExpressionWrong(ValueError):  # noqa: N818 - the name says what happened
    """An expression cannot be understood; the message says what was expected, and the cure."""

    def __init__(self, found: str, expected: str = "", cure: str = "") -> None:
        """Keep the facts."""
        super().__init__(found)
        self.found, self.expected, self.cure = found, expected, cure


@dataclass(frozen=True, eq=False)
class Node:
    """One step of an expression.

    op     what it does; the arguments' nodes stand in `args`
    kind   text, amount, integer, date, bool, rate, or nothing (of `None` and `refuse`)
    value  a constant, a name, a pattern
    """

    op: str
    kind: str
    args: tuple[Node, ...] = ()
    value: object = None

    def names(self) -> set[str]:
        """Name the fields that it needs."""
        found = {str(self.value)} if self.op == "field" else set()
        return found.union(*(argument.names() for argument in self.args))

    def joined(self) -> set[str]:
        """Name the joins that it needs."""
        found = {self.value[0]} if isinstance(self.value, tuple) and self.op == "joined" else set()
        found |= {str(self.value)} if self.op == "found" else set()
        return found.union(*(argument.joined() for argument in self.args))


@dataclass
class Scope:
    """What names mean where an expression stands.

    fields      kind by name
    lets        text by name; compiled when first used
    parameters  kind and value by name
    joins       scope of the other source by name of the join
    maps        names of the value maps
    """

    fields: Mapping[str, str]
    lets: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    joins: Mapping[str, Scope] = field(default_factory=dict)
    maps: frozenset[str] = frozenset()
    compiled: dict[str, Node] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def name(self, name: str) -> Node:
        """Give the node of a name."""
        if name in self.compiled:
            return self.compiled[name]
        if name in self.fields:
            node = Node("field", self.fields[name], value=name)
        elif name in self.lets:
            if name in self.under_way:
                circle = " -> ".join([*self.under_way, name])
                raise ExpressionWrong(f"`{name}`, which needs itself ({circle})")
            self.under_way.append(name)
            try:
                inner = compile_expression(self.lets[name], self)
            finally:
                self.under_way.pop()
            node = Node("let", inner.kind, (inner,), name)
        else:
            raise self._unknown(name)
        self.compiled[name] = node
        return node

    def _unknown(self, name: str) -> ExpressionWrong:
        known = [*self.fields, *self.lets]
        near = nearest_name(name, [*known, *self.joins])
        cure = f"did you mean `{near}`?" if near else "declare it under the source's fields"
        return ExpressionWrong(
            f"`{name}`, which is no field",
            f"one of {', '.join(known) or 'the declared fields'}",
            f"{cure} A text constant is quoted: '{name}'",
        )


def compile_expression(text: str, scope: Scope) -> Node:
    """Read an expression; ExpressionWrong when it cannot be understood."""
    if len(text) > _LENGTH_MAX:
        raise ExpressionWrong("an expression of more than 20,000 characters")
    try:
        with warnings.catch_warnings():
            # A pattern such as '\\d+' is no wrong escape to us: Python keeps it as it is.
            warnings.simplefilter("ignore")
            # In parentheses an expression may stand on several lines.
            tree = ast.parse(f"({text.strip()}\n)", mode="eval")
        return _Compiler(scope).node(tree.body)
    except ExpressionWrong:
        raise
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = f" at character {error.offset}" if isinstance(error, SyntaxError) else ""
        message = error.msg if isinstance(error, SyntaxError) else "it is too deep"
        raise ExpressionWrong(
            f"`{text}`, which cannot be read ({message}{place})",
            "an expression such as first(ZFBDT, BLDAT) + 30",
        ) from None


def require_kind(node: Node, wanted: str) -> Node:
    """Give the node as a kind; whole numbers and amounts serve where an amount is wanted."""
    if node.kind in {wanted, NOTHING}:
        return node
    if wanted == AMOUNT and node.kind == INTEGER:
        return Node("to_amount", AMOUNT, (node,))
    if wanted == RATE and node.kind in {AMOUNT, INTEGER}:
        return Node("to_rate", RATE, (node,))
    raise ExpressionWrong(f"a value of kind {node.kind}", f"one of kind {wanted}")


def common_kind(nodes: tuple[Node, ...]) -> tuple[str, tuple[Node, ...]]:
    """Bring alternatives to one kind."""
    kinds = {node.kind for node in nodes} - {NOTHING}
    if not kinds:
        return NOTHING, nodes
    if kinds == {AMOUNT, INTEGER}:
        return AMOUNT, tuple(require_kind(node, AMOUNT) for node in nodes)
    if len(kinds) > 1:
        raise ExpressionWrong(
            f"values of kinds {' and '.join(sorted(kinds))} side by side", "one kind"
        )
    return kinds.pop(), nodes


_COMPARISONS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


class _Compiler:
    """From Python's tree to ours."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def node(self, tree: ast.expr) -> Node:
        """Compile one node of Python's tree."""
        method: Callable[[ast.expr], Node] | None = getattr(
            self, f"_{type(tree).__name__.lower()}", None
        )
        if method is None:
            raise ExpressionWrong(
                f"`{ast.unparse(tree)}`",
                "names, constants, + - *, comparisons, and/or/not, if-else and functions",
            )
        return method(tree)

    def _constant(self, tree: ast.Constant) -> Node:
        value = tree.value
        if isinstance(value, bool):
            return Node("constant", BOOL, value=value)
        if isinstance(value, int) and abs(value) < 10**15:
            return Node("constant", INTEGER, value=value)
        if isinstance(value, str):
            return Node("constant", TEXT, value=value)
        if value is None:
            return Node("constant", NOTHING)
        raise ExpressionWrong(
            f"`{ast.unparse(tree)}`",
            "a text in quotes, a whole number, True, False or None",
            "an amount with decimals: as_amount('0.50')",
        )

    def _name(self, tree: ast.Name) -> Node:
        return self._scope.name(tree.id)

    def _attribute(self, tree: ast.Attribute) -> Node:
        if not isinstance(tree.value, ast.Name):
            raise ExpressionWrong(f"`{ast.unparse(tree)}`", "JOIN.FIELD or parameters.NAME")
        holder, name = tree.value.id, tree.attr
        if holder == "parameters":
            if name not in self._scope.parameters:
                near = nearest_name(name, self._scope.parameters)
                cure = f"did you mean parameters.{near}?" if near else "declare it"
                raise ExpressionWrong(f"parameters.{name}, which is not declared", "", cure)
            kind, value = self._scope.parameters[name]
            return Node("constant", kind if value is not None else NOTHING, value=value)
        if holder not in self._scope.joins:
            near = nearest_name(holder, self._scope.joins)
            cure = f"did you mean `{near}`?" if near else "declare it under join"
            raise ExpressionWrong(f"`{holder}`, which is no join of this rule", "", cure)
        kind = self._scope.joins[holder].name(name).kind
        return Node("joined", kind, value=(holder, name))

    def _unaryop(self, tree: ast.UnaryOp) -> Node:
        inner = self.node(tree.operand)
        if isinstance(tree.op, ast.Not):
            return Node("not", BOOL, (_condition(inner),))
        if isinstance(tree.op, ast.USub) and inner.kind in {AMOUNT, INTEGER, NOTHING}:
            return Node("negate", inner.kind, (inner,))
        raise ExpressionWrong(f"`{ast.unparse(tree)}`", "`-` before a number, `not` a condition")

    def _binop(self, tree: ast.BinOp) -> Node:
        left, right = self.node(tree.left), self.node(tree.right)
        op = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}.get(type(tree.op))
        kinds = (left.kind, right.kind)
        if op in {"+", "-"} and set(kinds) <= {AMOUNT, INTEGER}:
            kind, args = common_kind((left, right))
            return Node(op, kind, args)
        if op == "*" and set(kinds) <= {AMOUNT, INTEGER} and kinds != (AMOUNT, AMOUNT):
            if kinds == (INTEGER, AMOUNT):
                left, right = right, left
            return Node(op, left.kind, (left, right))
        if op in {"+", "-"} and kinds == (DATE, INTEGER):
            return Node(
                "days", DATE, (left, right if op == "+" else Node("negate", INTEGER, (right,)))
            )
        if op == "+" and kinds == (INTEGER, DATE):
            return Node("days", DATE, (right, left))
        if op == "-" and kinds == (DATE, DATE):
            return Node("between", INTEGER, (left, right))
        cure = "texts are put together by join('', a, b)" if TEXT in kinds else ""
        raise ExpressionWrong(
            f"`{ast.unparse(tree)}`, of kinds {' and '.join(kinds)}",
            "amounts and whole numbers, or a date and days",
            cure,
        )

    def _boolop(self, tree: ast.BoolOp) -> Node:
        op = "and" if isinstance(tree.op, ast.And) else "or"
        return Node(op, BOOL, tuple(_condition(self.node(value)) for value in tree.values))

    def _ifexp(self, tree: ast.IfExp) -> Node:
        test = _condition(self.node(tree.test))
        kind, args = common_kind((self.node(tree.body), self.node(tree.orelse)))
        return Node("if", kind, (test, *args))

    def _compare(self, tree: ast.Compare) -> Node:
        parts = [tree.left, *tree.comparators]
        found = [
            self._pair(parts[place], op, parts[place + 1]) for place, op in enumerate(tree.ops)
        ]
        return found[0] if len(found) == 1 else Node("and", BOOL, tuple(found))

    def _pair(self, left_tree: ast.expr, op: ast.cmpop, right_tree: ast.expr) -> Node:
        left = self.node(left_tree)
        if isinstance(op, ast.In | ast.NotIn):
            return self._member(left, right_tree, isinstance(op, ast.NotIn))
        right = self.node(right_tree)
        if isinstance(op, ast.Is | ast.IsNot):
            if right.op != "constant" or right.kind != NOTHING:
                raise ExpressionWrong(
                    f"`is {ast.unparse(right_tree)}`", "`is None` or `is not None`"
                )
            missing = Node("missing", BOOL, (left,))
            return missing if isinstance(op, ast.Is) else Node("not", BOOL, (missing,))
        sign = _COMPARISONS[type(op)]
        if NOTHING in {left.kind, right.kind}:
            raise ExpressionWrong(f"`{sign}` with None", "`is None` or `is not None`")
        kind, args = common_kind((left, right))
        if sign not in {"==", "!="} and kind not in _ORDERED:
            raise ExpressionWrong(f"`{sign}` between values of kind {kind}", "numbers or dates")
        if sign == "!=":
            return Node("not", BOOL, (Node("==", BOOL, args),))
        return Node(sign, BOOL, args)

    def _member(self, left: Node, right_tree: ast.expr, negated: bool) -> Node:
        if not isinstance(right_tree, ast.Tuple | ast.List):
            raise ExpressionWrong(
                f"`in {ast.unparse(right_tree)}`", "a list of constants, as in ('A', 'B')"
            )
        constants = [self.node(one) for one in right_tree.elts]
        if any(one.op != "constant" or one.kind == NOTHING for one in constants):
            raise ExpressionWrong(f"`in {ast.unparse(right_tree)}`", "constants")
        equal = [
            Node("==", BOOL, common_kind((left, one))[1]) for one in constants if left.kind != TEXT
        ]
        if left.kind == TEXT:
            for one in constants:
                common_kind((left, one))
            node = Node("in", BOOL, (left,), tuple(one.value for one in constants))
        else:
            node = Node("or", BOOL, tuple(equal))
        return Node("not", BOOL, (node,)) if negated else node

    def _call(self, tree: ast.Call) -> Node:
        if not isinstance(tree.func, ast.Name) or tree.keywords:
            raise ExpressionWrong(f"`{ast.unparse(tree)}`", "a function of the language")
        name = tree.func.id
        if name == "found":
            return self._found(tree)
        maker = _FUNCTIONS.get(name)
        if maker is None:
            near = nearest_name(name, [*_FUNCTIONS, "found"])
            cure = f"did you mean {near}()?" if near else f"there are {', '.join(_FUNCTIONS)}"
            raise ExpressionWrong(f"{name}(), which is no function", "", cure)
        args = tuple(self.node(one) for one in tree.args)
        try:
            return maker(name, args, self._scope)
        except ExpressionWrong as wrong:
            message = f"`{ast.unparse(tree)}`: {wrong.found}"
            raise ExpressionWrong(message, wrong.expected, wrong.cure) from None

    def _found(self, tree: ast.Call) -> Node:
        if len(tree.args) != 1 or not isinstance(tree.args[0], ast.Name):
            raise ExpressionWrong(f"`{ast.unparse(tree)}`", "found(NAME OF A JOIN)")
        name = tree.args[0].id
        if name not in self._scope.joins:
            near = nearest_name(name, self._scope.joins)
            raise ExpressionWrong(
                f"`{name}`, which is no join", "", f"did you mean `{near}`?" if near else ""
            )
        return Node("found", BOOL, value=name)


def _condition(node: Node) -> Node:
    """Require a condition."""
    if node.kind not in {BOOL, NOTHING}:
        raise ExpressionWrong(
            f"a value of kind {node.kind} as a condition", "a comparison, or `is not None`"
        )
    return node


# -- functions -------------------------------------------------------------------------------------

Maker = Callable[[str, tuple[Node, ...], Scope], Node]


def _fixed(kind: str, *wanted: str) -> Maker:
    """Make a function of fixed argument kinds; `=text` and `=integer` want a constant."""

    def make(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
        del scope
        if len(args) != len(wanted):
            raise ExpressionWrong(f"{len(args)} arguments", f"{len(wanted)}")
        nodes, constants = [], []
        for node, want in zip(args, wanted, strict=True):
            if want.startswith("="):
                constants.append(_constant_of(node, want[1:]))
            else:
                nodes.append(require_kind(node, want))
        if name == "matches":
            _check_pattern(str(constants[0]))
        elif name == "extract":
            constants[0] = _with_named_group(str(constants[0]))
        return Node(name, kind, tuple(nodes), tuple(constants))

    return make


def _constant_of(node: Node, kind: str) -> object:
    if node.op != "constant" or node.kind != kind:
        raise ExpressionWrong("a value that depends on the row", f"a constant of kind {kind}")
    return node.value


def _check_pattern(pattern: str) -> int:
    """Refuse a pattern that one of the two readers of patterns does not know; count its groups."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        groups = re.compile(pattern).groups
        pc.match_substring_regex(pa.array([""]), pattern=pattern)
    except (re.error, pa.ArrowInvalid) as error:
        words = " ".join(str(error).split())[:100]
        raise ExpressionWrong(f"a pattern that cannot be read ({words})") from None
    return groups


def _with_named_group(pattern: str) -> str:
    """Give a pattern with its one group named, as Arrow wants it."""
    groups = _check_pattern(pattern)
    named = re.sub(r"(?<!\\)((?:\\\\)*)\((?!\?)", r"\1(?P<found>", pattern, count=1)
    if groups != 1 or dict(re.compile(named).groupindex) != {"found": 1}:
        raise ExpressionWrong(f"a pattern with {groups} groups", "one plain group in parentheses")
    _check_pattern(named)
    return named


def _several(kind: str, wanted: str, *, separator: bool = False) -> Maker:
    """Make a function of any number of values, perhaps behind a constant separator."""

    def make(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
        del scope
        value = None
        if separator:
            if not args:
                raise ExpressionWrong("no argument", "a separator and values")
            value, args = _constant_of(args[0], TEXT), args[1:]
        if not args:
            raise ExpressionWrong("no value", "at least one")
        nodes = tuple(
            _as_text(node) if wanted == TEXT else require_kind(node, wanted) for node in args
        )
        return Node(name, kind, nodes, value)

    return make


def _as_text(node: Node) -> Node:
    """Write whole numbers and dates as text where a text is put together."""
    if node.kind in {INTEGER, DATE, AMOUNT}:
        return Node("text", TEXT, (node,))
    return require_kind(node, TEXT)


def _first(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    if not args:
        raise ExpressionWrong("no value", "at least one")
    kind, nodes = common_kind(args)
    return Node(name, kind, nodes)


def _extreme(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    node = _first(name, args, scope)
    if node.kind not in _ORDERED:
        raise ExpressionWrong(f"values of kind {node.kind}", "numbers or dates")
    return node


def _mapped(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    if len(args) not in {2, 3}:
        raise ExpressionWrong(f"{len(args)} arguments", "a text, the name of a map, a default")
    which = str(_constant_of(args[1], TEXT))
    if which not in scope.maps:
        near = nearest_name(which, scope.maps)
        cure = f"did you mean '{near}'?" if near else f"declare [maps.{which}]"
        raise ExpressionWrong(f"the map '{which}', which is not declared", "", cure)
    others = tuple(require_kind(node, TEXT) for node in args[2:])
    return Node(name, TEXT, (_as_text(args[0]), *others), which)


def _absolute(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    if len(args) != 1 or args[0].kind not in {AMOUNT, INTEGER}:
        raise ExpressionWrong("arguments", "one number")
    return Node(name, args[0].kind, args)


def _text(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    if len(args) != 1 or args[0].kind not in _ANY:
        raise ExpressionWrong("arguments", "one value")
    return args[0] if args[0].kind == TEXT else Node(name, TEXT, args)


def _date(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del name, scope
    if len(args) != 1:
        raise ExpressionWrong("arguments", "one date as text")
    text = str(_constant_of(args[0], TEXT))
    try:
        return Node("constant", DATE, value=date.fromisoformat(text))
    except ValueError:
        raise ExpressionWrong(f"'{text}'", "a date written YYYY-MM-DD") from None


def _as_date(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    from encours_schemas.layouts.date_formats import WORDS, needs_pivot, parts_of

    if len(args) != 2:
        raise ExpressionWrong("arguments", "a text and a date format")
    form = str(_constant_of(args[1], TEXT))
    if form not in WORDS:
        try:
            parts_of(form)
        except ValueError as error:
            raise ExpressionWrong(f"the date format '{form}'", str(error)) from None
        if needs_pivot(form):
            raise ExpressionWrong("a two-digit year", "a field of type date with century_pivot")
    return Node(name, DATE, (require_kind(args[0], TEXT),), form)


def _refuse(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    if len(args) != 1:
        raise ExpressionWrong("arguments", "the reason, a text")
    return Node(name, NOTHING, (), str(_constant_of(args[0], TEXT)))


def _rescaled(name: str, args: tuple[Node, ...], scope: Scope) -> Node:
    del scope
    if len(args) != 3:
        raise ExpressionWrong("arguments", "an amount, decimals stored, decimals meant")
    return Node(
        name,
        AMOUNT,
        (require_kind(args[0], AMOUNT), *(require_kind(one, INTEGER) for one in args[1:])),
    )


_FUNCTIONS: Final[dict[str, Maker]] = {
    "first": _first,
    "key": _several(TEXT, TEXT),
    "join": _several(TEXT, TEXT, separator=True),
    "pad": _fixed(TEXT, TEXT, "=integer"),
    "unpad": _fixed(TEXT, TEXT),
    "upper": _fixed(TEXT, TEXT),
    "lower": _fixed(TEXT, TEXT),
    "trim": _fixed(TEXT, TEXT),
    "left": _fixed(TEXT, TEXT, "=integer"),
    "right": _fixed(TEXT, TEXT, "=integer"),
    "slice": _fixed(TEXT, TEXT, "=integer", "=integer"),
    "replace": _fixed(TEXT, TEXT, "=text", "=text"),
    "starts": _fixed(BOOL, TEXT, "=text"),
    "ends": _fixed(BOOL, TEXT, "=text"),
    "contains": _fixed(BOOL, TEXT, "=text"),
    "matches": _fixed(BOOL, TEXT, "=text"),
    "extract": _fixed(TEXT, TEXT, "=text"),
    "text": _text,
    "map": _mapped,
    "abs": _absolute,
    "least": _extreme,
    "greatest": _extreme,
    "date": _date,
    "end_of_month": _fixed(DATE, DATE),
    "add_months": _fixed(DATE, DATE, INTEGER),
    "as_date": _as_date,
    "as_amount": _fixed(AMOUNT, TEXT),
    "as_integer": _fixed(INTEGER, TEXT),
    "currency_decimals": _fixed(INTEGER, TEXT),
    "rescaled": _rescaled,
    "refuse": _refuse,
    "source_file": _fixed(TEXT),
    "source_number": _fixed(INTEGER),
    "source_row": _fixed(INTEGER),
}

FUNCTIONS: Final = (*_FUNCTIONS, "found")
"""The functions of the language."""

_AGGREGATES = {"sum": {AMOUNT, INTEGER}, "greatest": _ORDERED, "least": _ORDERED}


def compile_aggregate(text: str, scope: Scope) -> tuple[str, Node | None]:
    """Read `sum(x)`, `greatest(x)`, `least(x)` or `count()`: what is done, and with which value."""
    try:
        # In parentheses an expression may stand on several lines.
        tree = ast.parse(f"({text.strip()}\n)", mode="eval").body
    except (SyntaxError, ValueError):
        tree = None
    is_call = isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)
    name = tree.func.id if is_call and isinstance(tree, ast.Call) else ""  # type: ignore[attr-defined]
    if is_call and isinstance(tree, ast.Call):
        if name == "count" and not tree.args:
            return name, None
        if name in _AGGREGATES and len(tree.args) == 1:
            node = compile_expression(ast.unparse(tree.args[0]), scope)
            if node.kind in _AGGREGATES[name]:
                return name, node
    raise ExpressionWrong(
        f"`{text}`", "sum(amount), greatest(value), least(value) or count() over the joined rows"
    )
