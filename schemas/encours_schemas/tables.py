"""What a table of the contract is: named columns of a kind, a key, and their meaning.

Importing this module needs the standard library alone; Arrow is loaded when a schema is asked
for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from encours_schemas.names import nearest_name

if TYPE_CHECKING:
    import pyarrow as pa


class Kind(Enum):
    """The type of a column; the value is its name in the contract's pages."""

    TEXT = "string"
    MONEY = "money"
    RATE = "rate"
    PERCENT = "percent"
    FX_RATE = "fx_rate"
    DATE = "date"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    DECIMAL_38_6 = "decimal128(38, 6)"
    DECIMAL_18_6 = "decimal128(18, 6)"

    @property
    def precision_scale(self) -> tuple[int, int] | None:
        """Digits in all and behind the point of a decimal kind; None for the others."""
        return _PRECISION_SCALE.get(self)

    @property
    def arrow_name(self) -> str:
        """The Arrow type as it is written: `decimal128(18, 3)`, `date32`, `string`."""
        if self.precision_scale is not None:
            precision, scale = self.precision_scale
            return f"decimal128({precision}, {scale})"
        return "date32" if self is Kind.DATE else self.value

    def arrow_type(self) -> pa.DataType:
        """Give the Arrow type of the kind."""
        import pyarrow as pa

        if self.precision_scale is not None:
            return pa.decimal128(*self.precision_scale)
        return {
            Kind.TEXT: pa.string(),
            Kind.DATE: pa.date32(),
            Kind.BOOL: pa.bool_(),
            Kind.INT32: pa.int32(),
            Kind.INT64: pa.int64(),
        }[self]


_PRECISION_SCALE = {
    Kind.MONEY: (18, 3),
    Kind.RATE: (18, 9),
    Kind.PERCENT: (18, 9),
    # 18 decimals are accepted, and 20 digits before the point are more than any currency needs.
    Kind.FX_RATE: (38, 18),
    Kind.DECIMAL_38_6: (38, 6),
    Kind.DECIMAL_18_6: (18, 6),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the contract.

    required    never null; of an input table also: never absent
    default     what an absent or null value means, in words
    allowed     the only values, when there is a list
    unit        what a number counts: days, percent, a currency by its role
    at_least, at_most, above  bounds of a number as text, empty when there is none
    open_end    of a date: any day of the year 9999, a filler of other systems, stands for no end
    """

    name: str
    kind: Kind
    required: bool = False
    meaning: str = ""
    default: str = ""
    allowed: tuple[str, ...] = ()
    unit: str = ""
    at_least: str = ""
    at_most: str = ""
    above: str = ""
    open_end: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the contract, its columns in the contract's order.

    key            the columns that name a row; empty when rows need no name
    required       an input that every ledger must have
    sorted_by_key  a published table is sorted by `key`; otherwise it follows the input
    filled_by      the part of a run that fills a published table, empty for an input
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    required: bool = False
    sorted_by_key: bool = True
    filled_by: str = ""

    def __post_init__(self) -> None:
        """Refuse a table that contradicts itself; a slip here is a defect of ours."""
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            message = f"table {self.name} names a column twice"
            raise ValueError(message)
        if not set(self.key) <= set(names):
            message = f"table {self.name} has a key column that it does not contain"
            raise ValueError(message)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The column names in the contract's order."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """Give the column of that name; KeyError with the nearest name when there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            near = nearest_name(name, self.names)
            hint = f"; did you mean {near}?" if near else ""
            message = f"table {self.name} has no column {name}{hint}"
            raise KeyError(message) from None

    def arrow_schema(self) -> pa.Schema:
        """Give the Arrow schema; a required column is not nullable."""
        import pyarrow as pa

        return pa.schema(
            [
                pa.field(column.name, column.kind.arrow_type(), nullable=not column.required)
                for column in self.columns
            ]
        )
