"""A published run as reports read it: its manifest, and its tables one row group at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from encours.publish.manifest import read_manifest

_BATCH_ROWS = 262_144


@dataclass(frozen=True)
class PublishedRun:
    """The directory `as_of=…` of a run, and its manifest."""

    directory: Path
    manifest: Mapping[str, Any]

    @property
    def reporting_currency(self) -> str:
        """The currency of every `_rc` amount and of all accounts."""
        return str(self.manifest["configuration"]["reporting"]["currency"])

    def files(self, table: str) -> list[Path]:
        """Give the Parquet files of a table, as the manifest lists them."""
        listed = [output["file"] for output in self.manifest["outputs"] if output["table"] == table]
        return [self.directory / file for file in sorted(listed) if file.endswith(".parquet")]

    def batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Give those columns of a table in pieces of some 262,144 rows, never all at once."""
        for path in self.files(table):
            # One file by its own name: the date in the path above it is no column of it.
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
                    yield pa.Table.from_batches([batch]).select(list(columns))

    def rows_of(self, table: str, column: str, values: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give the rows of a table whose `column` is one of `values`, in the table's order."""
        for rows in self.tables_of(table, column, values):
            yield from rows.to_pylist()

    def tables_of(self, table: str, column: str, values: Sequence[str]) -> Iterator[pa.Table]:
        """Give the rows of `rows_of` as tables, of each row group that has some.

        One row group at a time; only those with such a row are read in full.
        """
        wanted = pa.array(values, pa.string())
        for path in self.files(table):
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for group in range(file.num_row_groups):
                    texts = file.read_row_group(group, columns=[column]).column(column)
                    found = pc.is_in(texts, value_set=wanted)
                    if pc.any(found).as_py():
                        yield file.read_row_group(group).filter(found)

    def sums(self, table: str, keys: Sequence[str], measures: Sequence[str]) -> pa.Table:
        """Give the sums of `measures` per `keys`, exact, sorted by the keys.

        Sums are decimal128(38, …) or int64 under the names of the measures; without keys the
        result has one row, of zeros (or nulls) for an empty table.
        """
        parts = [
            _grouped(batch, keys, measures) for batch in self.batches(table, [*keys, *measures])
        ]
        if not parts:
            return pa.table({name: pa.array([], pa.null()) for name in [*keys, *measures]})
        total = _grouped(pa.concat_tables(parts), keys, measures)
        return total.sort_by([(key, "ascending") for key in keys]) if keys else total

    def greatest(
        self, table: str, by: str, ties: Sequence[str], columns: Sequence[str], count: int
    ) -> list[dict[str, Any]]:
        """Give the `count` rows with the greatest `by`; equal ones in the order of `ties`."""
        order = [(by, "descending"), *((tie, "ascending") for tie in ties)]
        best: pa.Table | None = None
        for batch in self.batches(table, list(dict.fromkeys([by, *ties, *columns]))):
            rows = batch if best is None else pa.concat_tables([best, batch])
            best = rows.take(pc.select_k_unstable(rows, count, order))
        return [] if best is None else best.to_pylist()


def open_run(directory: Path) -> PublishedRun:
    """Read the manifest of a published run; InputMissing or InputRefused where there is none."""
    return PublishedRun(directory, read_manifest(directory))


def _grouped(rows: pa.Table, keys: Sequence[str], measures: Sequence[str]) -> pa.Table:
    grouped = rows.group_by(list(keys)).aggregate([(measure, "sum") for measure in measures])
    named = [name.removesuffix("_sum") for name in grouped.column_names]
    return grouped.rename_columns(named).select([*keys, *measures])
