"""Tables out of a database: a query's record batches, staged as they come (ADBC).

The address of the database, with whatever password it holds, is in an environment variable that the
layout names. It is never logged, and neither is what a driver says of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from encours.ledger.csv_files import RowNumbers
from encours.ledger.discovery import FoundFile
from encours.ledger.files import Fingerprint, SourceFile
from encours.ledger.inspection import Part
from encours.ledger.layouts.source_tables import SourceParts, match_columns
from encours.ledger.staging import write_staged
from encours_schemas.errors import ConfigurationWrong, InputMissing, InputRefused

if TYPE_CHECKING:
    from encours_schemas.layouts.models import Source

_DRIVERS = {
    "postgresql": "adbc_driver_postgresql",
    "postgres": "adbc_driver_postgresql",
    "sqlite": "adbc_driver_sqlite",
}


def read_query(
    name: str, source: Source, place: Path, unit_rows: int, sample_rows: int | None
) -> SourceParts:
    """Run a source's query and stage its rows; units are cut like those of files.

    sample_rows  rows that are enough; None: all

    Raises ConfigurationWrong without the variable or for an unknown kind of database, InputMissing
    without the driver, InputRefused for what the database refuses.
    """
    uri = _address(name, source)
    driver = _driver(name, uri)
    digest = hashlib.sha256()
    parts: list[Part] = []
    rows = size = 0
    schema: pa.Schema | None = None
    for table in _units(name, driver, uri, source.sql, sample_rows or unit_rows):
        schema = table.schema
        if table.num_rows:
            path = place.with_name(f"{place.name}-{len(parts):06d}.arrow")
            write_staged(path, table)
            size += path.stat().st_size
            digest.update(_content(table))
            parts.append(Part(table.num_rows, RowNumbers(rows), staged=path))
            rows += table.num_rows
        if sample_rows is not None:
            break
    if schema is None:
        raise _refused(name, "no result")
    types = {column.name: column.type for column in schema}
    found = FoundFile(name, place, f"query {name}", ".sql")
    columns = match_columns(found, source, tuple(types))
    file = SourceFile(
        name,
        place,
        f"query {name}",
        "sql",
        size,
        rows,
        digest.hexdigest(),
        fingerprint=Fingerprint(0, 0, size, 0),
    )
    return SourceParts(file, types, columns, tuple(parts))


def _address(name: str, source: Source) -> str:
    """Give the address of the database, from the environment."""
    uri = os.environ.get(source.uri_variable, "")
    if not uri:
        raise ConfigurationWrong(
            what="the address of a database is missing",
            where=f"source {name}",
            found=f"no environment variable {source.uri_variable}",
            expected="postgresql://… or sqlite:///…",
            cure=f"set {source.uri_variable} where the job runs",
        )
    return uri


def _driver(name: str, uri: str) -> Any:  # noqa: ANN401 - a module of the optional extra
    """Import the driver for an address."""
    kind = uri.partition(":")[0].lower()
    # Without `://` the text may be anything, a password among them.
    is_plain = "://" in uri and kind.isalnum() and len(kind) <= 20
    module = _DRIVERS.get(kind)
    if module is None:
        raise ConfigurationWrong(
            what="the kind of database is not known",
            where=f"source {name}",
            found=f"an address of `{kind}://`" if is_plain else "no address",
            expected=", ".join(f"{one}:" for one in sorted(_DRIVERS)),
        )
    import importlib

    try:
        return importlib.import_module(f"{module}.dbapi")
    except ImportError:
        raise InputMissing(
            what="the driver of a database is not installed",
            where=f"source {name}",
            expected=module.replace("_", "-"),
            cure="pip install 'encours[databases]'",
        ) from None


def _units(name: str, driver: Any, uri: str, sql: str, unit_rows: int) -> Iterator[pa.Table]:  # noqa: ANN401
    """Give the result in tables of about `unit_rows` rows; the last may be empty."""
    try:
        with (
            closing(driver.connect(_plain(uri))) as connection,
            closing(connection.cursor()) as cursor,
        ):
            cursor.execute(sql)
            reader = cursor.fetch_record_batch()
            schema = pa.schema([_plain_field(field) for field in reader.schema])
            waiting: list[pa.RecordBatch] = []
            rows = 0
            for batch in reader:
                waiting.append(batch)
                rows += batch.num_rows
                while rows >= unit_rows:
                    table = _table(waiting, schema)
                    yield table.slice(0, unit_rows)
                    waiting = table.slice(unit_rows).to_batches()
                    rows -= unit_rows
            yield _table(waiting, schema)
    except (driver.Error, pa.ArrowException, OSError) as error:
        raise _refused(name, type(error).__name__ + _state(error)) from None


def _plain(uri: str) -> str:
    """Give an address as its driver takes it: SQLite wants a path or `file:`."""
    if uri.startswith("sqlite:///"):
        return uri.removeprefix("sqlite:///")
    return uri.removeprefix("sqlite:")


def _state(error: Exception) -> str:
    """Give the SQLSTATE of an error; its words may hold the address, or values."""
    state = getattr(error, "sqlstate", None)
    return f" (SQLSTATE {state})" if state else ""


def _refused(name: str, found: str) -> InputRefused:
    """Say that a query did not go through."""
    return InputRefused(
        what="a query cannot be read",
        where=f"source {name}",
        found=found,
        expected="rows",
        cure="try the query with the database's own client; the driver's words are not shown, "
        "because they may hold a password",
    )


def _plain_field(field: pa.Field) -> pa.Field:
    """Give a field without extension: PostgreSQL's NUMERIC arrives as text in an opaque type."""
    kind = field.type
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return pa.field(field.name, kind)


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Put batches together, extension types as what they are stored as."""
    plain = []
    for batch in batches:
        arrays = [
            column.storage if isinstance(column.type, pa.BaseExtensionType) else column
            for column in batch.columns
        ]
        plain.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(plain, schema=schema).combine_chunks()


def _content(table: pa.Table) -> bytes:
    """Give the bytes that a digest covers: values, not the layout of buffers."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(pa.concat_tables([table.slice(0)]).combine_chunks())
    return sink.getvalue().to_pybytes()
