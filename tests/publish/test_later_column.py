"""A column that comes behind all others: the file reads as if it had come with them."""

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from encours.ledger.table_spill import TableSpill
from encours.publish.files import sha256_of
from encours.publish.parquet import ROW_GROUP_ROWS, Later, PartWriter, open_part

COUNT = ROW_GROUP_ROWS + 70_001
MONEY = pa.decimal64(18, 3)
PLAIN = pa.decimal128(18, 3)


def rows_of(count: int) -> pa.Table:
    numbers = np.arange(count) * 977 % 10_007
    covered = pa.array(numbers, mask=numbers % 5 == 0).view(MONEY)
    names = pa.array([f"I{number}" for number in range(count)], pa.string())
    return pa.table(
        {
            "item_id": names,
            "insured_covered_rc": covered,
            "amount": pa.array(numbers * 3).view(MONEY),
        }
    )


def with_moments(table: pa.Table) -> pa.Table:
    """Add a column of a type that Arrow's writer alone knows."""
    moments = pa.array(np.arange(table.num_rows)).view(pa.timestamp("us"))
    return table.append_column("changed_at", moments)


def read_by_duckdb(path: Path) -> pa.Table:
    with duckdb.connect() as connection:
        found = connection.read_parquet(str(path))
        columns = list(zip(*found.fetchall(), strict=True))
        return pa.table(dict(zip(found.columns, columns, strict=True)))


WAYS: dict[str, Callable[[pa.Table], pa.Table]] = {
    "our encoder": lambda table: table,
    "Arrow's writer": with_moments,
}
READERS: dict[str, Callable[[Path], pa.Table]] = {
    "pyarrow": pq.read_table,
    "pyarrow, checksums verified": lambda path: pq.read_table(
        path, page_checksum_verification=True, pre_buffer=False
    ),
    "polars": lambda path: pl.read_parquet(path).to_arrow(),
    "polars, lazily": lambda path: pl.scan_parquet(path).collect().to_arrow(),
    "duckdb": read_by_duckdb,
}


def written(place: Path, table: pa.Table, cuts: list[int]) -> Path:
    """Write rows, cut into several, and their cover behind them."""
    path = place / "p.parquet"
    waiting = TableSpill(place / "waiting")
    part = open_part(path, table.schema, Later("insured_covered_rc", waiting, 7))
    for start, end in zip([0, *cuts], [*cuts, table.num_rows], strict=True):
        part.write(table.slice(start, end - start).drop_columns("insured_covered_rc"))
    part.pause()
    part.write_later(table.column("insured_covered_rc").combine_chunks())
    file = part.close()
    waiting.close()
    assert file.rows == table.num_rows
    assert (file.sha256, file.size) == sha256_of(path)
    assert [each.name for each in place.iterdir()] == ["p.parquet"]
    return path


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("way", WAYS)
def test_later_column__every_reader_gives_the_rows(place: Path, way: str, reader: str) -> None:
    table = WAYS[way](rows_of(COUNT))
    path = written(place, table, [5, 200_000])
    found = READERS[reader](path)
    assert found.column_names == table.column_names
    plain = pa.schema(
        [pa.field(each.name, PLAIN if each.type == MONEY else each.type) for each in table.schema]
    )
    assert found.cast(plain).combine_chunks().equals(table.cast(plain).combine_chunks())


@pytest.mark.parametrize("way", WAYS)
def test_later_column__is_stored_as_it_would_be_in_its_place(place: Path, way: str) -> None:
    table = WAYS[way](rows_of(COUNT))
    found = pq.read_metadata(written(place, table, [ROW_GROUP_ROWS]))
    with open_part(place / "q.parquet", table.schema) as part:
        part.write(table)
    expected = pq.read_metadata(place / "q.parquet")
    for group in range(2):
        for column in range(table.num_columns):
            ours, theirs = (
                each.row_group(group).column(column).to_dict() for each in (found, expected)
            )
            for chunk in (ours, theirs):
                del chunk["data_page_offset"], chunk["file_offset"]
            assert ours == theirs
        assert found.row_group(group).num_rows == expected.row_group(group).num_rows
        assert found.row_group(group).total_byte_size == expected.row_group(group).total_byte_size


def test_later_column__one_without_a_row(place: Path) -> None:
    assert pq.read_table(written(place, rows_of(0), [])).num_rows == 0


@pytest.mark.parametrize("way", WAYS)
def test_later_column__parts_that_wait_hold_no_file_open(place: Path, way: str) -> None:
    table = WAYS[way](rows_of(9))
    waiting = TableSpill(place / "waiting")
    parts = []
    for number in range(3):
        later = Later("insured_covered_rc", waiting, number)
        parts.append(open_part(place / f"{number}.parquet", table.schema, later))
        parts[number].write(table.slice(number * 3, 3).drop_columns(later.name))
        parts[number].pause()
    held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    assert [path.name for path in held if path.parent == place] == ["waiting"]
    for number, part in enumerate(parts):
        own = table.slice(number * 3, 3)
        part.write_later(own.column("insured_covered_rc").combine_chunks())
        part.close()
        plain = [field.type if field.type != MONEY else PLAIN for field in own.schema]
        expected = own.cast(pa.schema(list(zip(own.column_names, plain, strict=True))))
        assert pq.read_table(place / f"{number}.parquet").equals(expected)
    waiting.close()


def waiting_part(place: Path, table: pa.Table) -> PartWriter:
    later = Later("insured_covered_rc", TableSpill(place / "waiting"), 0)
    part = open_part(place / "p.parquet", table.schema, later)
    part.write(table.drop_columns(later.name))
    part.pause()
    return part


@pytest.mark.parametrize("way", WAYS)
def test_later_column__a_part_that_waits_can_be_given_up(place: Path, way: str) -> None:
    waiting_part(place, WAYS[way](rows_of(9))).abort()
    held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    assert place / "p.parquet" not in held


@pytest.mark.parametrize("values", [[1, 2], [1, 2, 3, 4]])
def test_later_column__refuses_another_number_of_values(place: Path, values: list[int]) -> None:
    with pytest.raises(ValueError, match=f"waits for 3 values, {len(values)} came"):
        waiting_part(place, rows_of(3)).write_later(pa.array(values).view(MONEY))


def test_later_column__is_taken_once(place: Path) -> None:
    part = waiting_part(place, rows_of(3))
    covered = rows_of(3).column("insured_covered_rc").combine_chunks()
    part.write_later(covered)
    with pytest.raises(ValueError, match="waits for no column"):
        part.write_later(covered)


def test_later_column__a_file_that_lacks_it_is_not_finished(place: Path) -> None:
    with pytest.raises(ValueError, match="waits for a column"):
        waiting_part(place, rows_of(3)).close()
