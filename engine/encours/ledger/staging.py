"""Units of text or of large row groups, parked in the staging directory as one Arrow file each."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from encours.ledger.buffers import is_text
from encours.ledger.columns import LOW_CARDINALITY, is_worth_a_dictionary
from encours.ledger.files import refusing_broken
from encours_schemas.errors import OutputUnwritable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give a directory for staged input outside any output, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="encours-") as directory:
        yield Path(directory)


def write_staged(path: Path, table: pa.Table) -> None:
    """Write one unit as one record batch, texts that repeat as dictionaries.

    Raises OutputUnwritable when there is no room.
    """
    whole = _with_dictionaries(table.unify_dictionaries().combine_chunks())
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, whole.schema, options=options) as out,
        ):
            out.write_table(whole)
    except OSError as error:
        raise OutputUnwritable(
            what="a staged part of the input cannot be written",
            where=str(path.parent),
            found=error.strerror or str(error),
            cure="make room: staging takes about as much as the input without compression",
        ) from error


def _with_dictionaries(table: pa.Table) -> pa.Table:
    """Give the texts of low-cardinality columns as dictionaries where that is worth it."""
    for place, column in enumerate(table.schema):
        if column.name not in LOW_CARDINALITY or not table.num_rows:
            continue
        texts = table.column(place).chunk(0)
        is_coded = pa.types.is_dictionary(column.type)
        if not is_coded and not is_text(column.type):
            continue
        coded = texts if is_coded else texts.dictionary_encode()
        if is_worth_a_dictionary(len(coded.dictionary), table.num_rows):
            table = table.set_column(place, column.name, coded)
        elif is_coded:
            table = table.set_column(place, column.name, texts.dictionary_decode())
    return table


def read_staged(path: Path, names: Sequence[str]) -> pa.Table:
    """Give the columns `names` of a staged unit, in the order of the file."""
    with refusing_broken(path.name), pa.OSFile(str(path)) as source:
        schema = pa.ipc.open_file(source).schema
        places = [schema.get_field_index(name) for name in names]
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=places)
        return pa.ipc.open_file(source, options=options).read_all()
