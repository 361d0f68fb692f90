"""Where a row that is refused stands: table, file, row, and the shape of its id."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from encours.calc.refusals import ItemRefused
from encours_schemas.shapes import shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encours.ledger.sources import TableSource, Unit


@contextmanager
def naming_row(source: TableSource, unit: Unit, key: str, first_row: int = 0) -> Iterator[None]:
    """Say of an item or commitment that is refused inside in which file and row it stands.

    key        column of its id, of which the message tells the shape
    first_row  what the refusal calls the first row of the unit
    """
    try:
        yield
    except ItemRefused as error:
        row = np.array([error.row - first_row], np.int64)
        [number] = source.row_numbers(unit, row).tolist()
        [raw] = source.raw_rows(unit, row)
        shape = shape_of(str(json.loads(raw).get(key)))
        error.where = f"{source.name}, {unit.file.relative}, row {number}, {key} {shape}"
        raise
