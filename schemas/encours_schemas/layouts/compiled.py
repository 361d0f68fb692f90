"""A layout with its expressions read, typed and bound to the contract's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final

from encours_schemas.errors import ConfigurationWrong
from encours_schemas.inputs import INPUT_TABLES
from encours_schemas.layouts import expressions
from encours_schemas.layouts.date_formats import needs_pivot
from encours_schemas.layouts.expressions import (
    ExpressionWrong,
    Node,
    Scope,
    compile_aggregate,
    compile_expression,
    require_kind,
)
from encours_schemas.names import nearest_name
from encours_schemas.tables import Kind

if TYPE_CHECKING:
    from encours_schemas.layouts.models import Clearing, Join, Layout, Rule, Source

KIND_OF_COLUMN: Final = {
    Kind.TEXT: expressions.TEXT,
    Kind.MONEY: expressions.AMOUNT,
    Kind.RATE: expressions.RATE,
    Kind.PERCENT: expressions.RATE,
    Kind.FX_RATE: expressions.RATE,
    Kind.DATE: expressions.DATE,
    Kind.BOOL: expressions.BOOL,
    Kind.INT32: expressions.INTEGER,
    Kind.INT64: expressions.INTEGER,
}


@dataclass(frozen=True)
class CompiledJoin:
    """A look-up, ready to run.

    on        over the rule's rows
    to        over the rows of the other source
    where     which of these count; None: all
    values    what the rule takes from the other source, by name
    combined  what it adds up over there: the aggregate and its value; empty: one row is looked up
    """

    name: str
    source: str
    on: Node
    to: Node
    where: Node | None
    required: bool
    several: str
    values: Mapping[str, Node]
    combined: Mapping[str, tuple[str, Node | None]]


@dataclass(frozen=True)
class CompiledClearing:
    """Expressions of a clearing."""

    group: Node
    item_id: Node
    amount: Node
    currency: Node
    date: Node
    cleared_on: Node | None
    kind: Node | None
    rest: str


@dataclass(frozen=True)
class CompiledRule:
    """One rule on one source.

    place    where it stands in the layout, for messages
    columns  contract columns in the contract's order, then extra ones
    """

    table: str
    place: str
    source: str
    rule: Rule
    where: Node | None
    refuse: tuple[tuple[Node, str], ...]
    joins: tuple[CompiledJoin, ...]
    columns: Mapping[str, Node]
    clearing: CompiledClearing | None

    def nodes(self) -> list[Node]:
        """Give every expression over the rule's own source."""
        found = [node for node in (self.where, *self.columns.values()) if node is not None]
        found += [node for node, _ in self.refuse]
        found += [join.on for join in self.joins]
        return found if self.clearing is None else found + _nodes_of(self.clearing)


@dataclass(frozen=True)
class CompiledLayout:
    """A layout, ready to run.

    origin      the name or path that it was asked for by
    sha256      of its content and that of the files that it takes in; parameters not among them
    parameters  their values in force
    """

    layout: Layout
    origin: str
    sha256: str
    parameters: Mapping[str, object]
    sources: Mapping[str, Source]
    rules: tuple[CompiledRule, ...]

    @property
    def name(self) -> str:
        """The name that the layout gives itself."""
        return self.layout.name


class LayoutCompiler:
    """Reads every expression of a layout and gathers everything that is wrong."""

    def __init__(self, layout: Layout, origin: str, parameters: Mapping[str, object]) -> None:
        """Take a layout whose keys are checked, and what the configuration states."""
        self._layout, self._origin = layout, origin
        self._given = parameters
        self._problems: list[ConfigurationWrong] = []
        self._values = self._parameter_values()
        self._kinds = {
            name: (layout.parameters[name].type, value) for name, value in self._values.items()
        }

    def compiled(self, sha256: str) -> CompiledLayout:
        """Give the compiled layout; ConfigurationWrong with all findings."""
        layout = self._layout
        for name, source in layout.sources.items():
            self._check_source(name, source)
        rules = []
        for table, of_table in layout.tables.items():
            for number, rule in enumerate(of_table):
                place = f"tables.{table}" + (f"[{number}]" if len(of_table) > 1 else "")
                rules += [self._rule(table, place, source, rule) for source in rule.source]
        if self._problems:
            unique = {str(problem): problem for problem in self._problems}
            raise ConfigurationWrong.collected(list(unique.values()))
        return CompiledLayout(
            layout, self._origin, sha256, self._values, layout.sources, tuple(rules)
        )

    # -- parameters and sources --------------------------------------------------------------------

    def _parameter_values(self) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, parameter in self._layout.parameters.items():
            given = self._given.get(name, parameter.default)
            if given is None:
                self._say(
                    f"parameters.{name}",
                    "the parameter has no value",
                    cure=f"state it: [input.parameters] {name} = …"
                    + (f" ({parameter.about})" if parameter.about else ""),
                )
            values[name] = self._typed(name, parameter.type, given)
        return values

    def _typed(self, name: str, kind: str, given: object) -> object:
        """Give a parameter's value as its type; a text stands for what it writes."""
        if given is None:
            return None
        try:
            if kind == "text":
                return str(given)
            if kind == "bool":
                return given if isinstance(given, bool) else _truth(str(given))
            if kind == "integer":
                return int(str(given))
            if kind == "date":
                return date.fromisoformat(str(given))
        except ValueError:
            pass
        self._say(
            f"parameters.{name}",
            "the parameter's value does not fit",
            expected=f"a value of {kind}",
        )
        return None

    def _check_source(self, name: str, source: Source) -> None:
        """Check what a source alone cannot: pivots of two-digit years, its lets."""
        formats = {f"sources.{name}.date_format": (source.date_format, source.century_pivot)}
        for key, field in source.fields.items():
            if field.type == "date":
                formats[f"sources.{name}.fields.{key}"] = (
                    field.format or source.date_format,
                    source.century_pivot if field.century_pivot is None else field.century_pivot,
                )
        for place, (forms, pivot) in formats.items():
            if pivot is None and any(needs_pivot(form) for form in forms):
                self._say(
                    place,
                    "two-digit years without a pivot",
                    expected="century_pivot: years below it are 20YY, the others 19YY",
                    cure="century_pivot = 70",
                )
        scope = self._scope(source)
        for let in source.let:
            self._caught(f"sources.{name}.let.{let}", partial(scope.name, let))

    def _scope(self, source: Source) -> Scope:
        """Give what names mean on a source."""
        return Scope(
            fields={name: field.type for name, field in source.fields.items()},
            lets=source.let,
            parameters=self._kinds,
            maps=frozenset(self._layout.maps),
        )

    # -- rules -------------------------------------------------------------------------------------

    def _rule(self, table: str, place: str, source_name: str, rule: Rule) -> CompiledRule:
        source = self._layout.sources[source_name]
        fields: dict[str, str] = {name: field.type for name, field in source.fields.items()}
        if rule.unpivot is not None:
            fields[rule.unpivot.name] = expressions.TEXT
            fields[rule.unpivot.value] = rule.unpivot.type
        scope = Scope(
            fields=fields,
            lets={**source.let, **rule.let},
            parameters=self._kinds,
            joins={},
            maps=frozenset(self._layout.maps),
        )
        joins = self._joins(place, rule, scope)
        for let in rule.let:
            self._caught(f"{place}.let.{let}", partial(scope.name, let))
        where = self._one(f"{place}.where", rule.where, scope, expressions.BOOL)
        refusals = []
        for refusal in rule.refuse:
            node = self._one(f"{place}.refuse", refusal.when, scope, expressions.BOOL)
            if node is not None:
                refusals.append((node, refusal.message))
        columns = self._columns(table, place, rule, scope)
        clearing = self._clearing(place, rule.clearing, scope)
        nodes = [node for node in (where, *columns.values()) if node is not None]
        nodes += [node for node, _ in refusals]
        nodes += [] if clearing is None else _nodes_of(clearing)
        return CompiledRule(
            table,
            place,
            source_name,
            rule,
            where,
            tuple(refusals),
            tuple(self._finished(joins, nodes)),
            columns,
            clearing,
        )

    def _columns(self, table: str, place: str, rule: Rule, scope: Scope) -> dict[str, Node]:
        contract = INPUT_TABLES[table]
        texts = dict(rule.columns)
        if rule.same_names:
            for name in contract.names:
                if name in scope.fields:
                    texts.setdefault(name, name)
        columns = {}
        for column in contract.columns:
            if column.name not in texts:
                continue
            wanted = KIND_OF_COLUMN[column.kind]
            where = f"{place}.columns.{column.name}"
            node = self._one(where, texts[column.name], scope, wanted)
            if node is None:
                continue
            columns[column.name] = node
            self._check_constant(where, node, column.allowed)
        for column in contract.columns:
            if column.required and column.name not in texts and rule.clearing is None:
                self._say(
                    place,
                    f"the required column {column.name} of {table} is not filled",
                    cure=f"say under columns what {column.name} is",
                )
        for name, text in rule.extra.items():
            node = self._one(f"{place}.extra.{name}", text, scope, None)
            if node is not None:
                columns[name] = node
        for name in (*rule.distinct, *rule.sum):
            if name not in columns and name not in texts:
                self._say(place, f"{name} is not filled", expected="a column that the rule fills")
        return columns

    def _check_constant(self, where: str, node: Node, allowed: tuple[str, ...]) -> None:
        """Refuse a text constant that a listed column does not know."""
        for constant in _constants(node):
            if allowed and constant not in allowed:
                near = nearest_name(constant, allowed)
                self._say(
                    where,
                    f"'{constant}' is not allowed here",
                    expected=f"one of {', '.join(allowed)}",
                    cure=f"did you mean '{near}'?" if near else "",
                )

    def _clearing(
        self, place: str, clearing: Clearing | None, scope: Scope
    ) -> CompiledClearing | None:
        if clearing is None:
            return None
        where = f"{place}.clearing"
        wanted = {
            "group": expressions.TEXT,
            "item_id": expressions.TEXT,
            "amount": expressions.AMOUNT,
            "currency": expressions.TEXT,
            "date": expressions.DATE,
            "cleared_on": expressions.DATE,
            "kind": expressions.TEXT,
        }
        nodes = {
            name: self._one(f"{where}.{name}", getattr(clearing, name), scope, kind)
            for name, kind in wanted.items()
        }
        group, item_id, amount = nodes["group"], nodes["item_id"], nodes["amount"]
        currency, day = nodes["currency"], nodes["date"]
        if group is None or item_id is None or amount is None or currency is None or day is None:
            return None  # said already
        if nodes["kind"] is not None:
            allowed = INPUT_TABLES["allocations"].column("kind").allowed
            self._check_constant(f"{where}.kind", nodes["kind"], allowed)
        return CompiledClearing(
            group, item_id, amount, currency, day, nodes["cleared_on"], nodes["kind"], clearing.rest
        )

    # -- joins -------------------------------------------------------------------------------------

    def _joins(self, place: str, rule: Rule, scope: Scope) -> list[tuple[CompiledJoin, Scope]]:
        """Compile the joins in order; each may use those before it."""
        joins: list[tuple[CompiledJoin, Scope]] = []
        for name, join in rule.join.items():
            where = f"{place}.join.{name}"
            other = self._scope(self._layout.sources[join.source])
            on = self._one(f"{where}.on", join.on, scope, expressions.TEXT)
            to = self._one(f"{where}.to", join.to, other, expressions.TEXT)
            only = self._one(f"{where}.where", join.where, other, expressions.BOOL)
            combined = self._combined(where, join, other)
            seen = other
            if join.combine:
                kinds = {
                    key: expressions.INTEGER if node is None else node.kind
                    for key, (_, node) in combined.items()
                }
                seen = Scope(fields=kinds)
            scope.joins = {**scope.joins, name: seen}
            if on is None or to is None:
                continue
            compiled = CompiledJoin(
                name, join.source, on, to, only, join.required, join.several, {}, combined
            )
            joins.append((compiled, seen))
        return joins

    def _combined(self, where: str, join: Join, other: Scope) -> dict[str, tuple[str, Node | None]]:
        combined = {}
        for name, text in join.combine.items():
            try:
                combined[name] = compile_aggregate(text, other)
            except ExpressionWrong as wrong:
                self._say_wrong(f"{where}.combine.{name}", wrong)
        return combined

    def _finished(
        self, joins: list[tuple[CompiledJoin, Scope]], nodes: list[Node]
    ) -> list[CompiledJoin]:
        """Give the joins with the values that the rule takes from them."""
        every = [*nodes, *(join.on for join, _ in joins)]
        finished = []
        for join, scope in joins:
            wanted = sorted({name for node in every for name in _taken(node, join.name)})
            values = {} if join.combined else {name: scope.name(name) for name in wanted}
            finished.append(
                CompiledJoin(
                    join.name,
                    join.source,
                    join.on,
                    join.to,
                    join.where,
                    join.required,
                    join.several,
                    values,
                    join.combined,
                )
            )
        return finished

    # -- findings ----------------------------------------------------------------------------------

    def _one(self, where: str, text: str, scope: Scope, kind: str | None) -> Node | None:
        """Compile one expression as a kind; None when there is none, or when it is wrong."""
        if not text:
            return None
        try:
            node = compile_expression(text, scope)
            return node if kind is None else require_kind(node, kind)
        except ExpressionWrong as wrong:
            self._say_wrong(where, wrong)
            return None

    def _caught(self, where: str, action: Callable[[], object]) -> None:
        try:
            action()
        except ExpressionWrong as wrong:
            self._say_wrong(where, wrong)

    def _say_wrong(self, where: str, wrong: ExpressionWrong) -> None:
        self._problems.append(
            ConfigurationWrong(
                what="an expression is wrong",
                where=f"layout {self._origin}, {where}",
                found=wrong.found,
                expected=wrong.expected,
                cure=wrong.cure,
            )
        )

    def _say(self, where: str, what: str, expected: str = "", cure: str = "") -> None:
        self._problems.append(
            ConfigurationWrong(
                what=what, where=f"layout {self._origin}, {where}", expected=expected, cure=cure
            )
        )


def _truth(text: str) -> bool:
    """Read true or false."""
    if text.casefold() in {"true", "false"}:
        return text.casefold() == "true"
    raise ValueError(text)


def _constants(node: Node) -> list[str]:
    """Give the text constants that an expression may give as its value."""
    if node.op == "constant":
        return [node.value] if isinstance(node.value, str) else []
    if node.op in {"if", "first", "let", "map"}:
        chosen = node.args[1:] if node.op in {"if", "map"} else node.args
        return [constant for argument in chosen for constant in _constants(argument)]
    return []


def _taken(node: Node, join: str) -> set[str]:
    """Name what an expression takes from a join."""
    own: set[str] = set()
    if node.op == "joined" and isinstance(node.value, tuple) and node.value[0] == join:
        own = {str(node.value[1])}
    return own.union(*(_taken(argument, join) for argument in node.args))


def _nodes_of(clearing: CompiledClearing) -> list[Node]:
    optional = (clearing.cleared_on, clearing.kind)
    required = (clearing.group, clearing.item_id, clearing.amount, clearing.currency, clearing.date)
    return [node for node in (*required, *optional) if node is not None]
