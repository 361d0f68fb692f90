"""The three CSV files of every run: all holds, all holds for people, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from encours.erp import text
from encours.erp.lines import HOLD_BITS
from encours_schemas import ERP_FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import date

HOLDS: Final = "holds.csv"
READABLE: Final = "holds_readable.csv"
CHANGES: Final = "hold_changes.csv"
CONTROL: Final = "control.json"


@dataclass(frozen=True)
class FileHead:
    """What every line of a run's files says alike."""

    run_id: str
    as_of: date
    currency: str


def field_texts(
    lines: Mapping[str, pa.Array], head: FileHead
) -> Mapping[str, Callable[[], pa.Array]]:
    """Give every field of a hold as texts, each made when it is asked for; null: no value."""
    count = len(lines["customer_id"])

    def flag(bits: int) -> pa.Array:
        return text.flag_text((lines["holds"].to_numpy(zero_copy_only=False) & bits) > 0)

    fields: dict[str, Callable[[], pa.Array]] = {
        "run_id": lambda: text.constant_text(head.run_id, count),
        "as_of": lambda: text.constant_text(head.as_of.isoformat(), count),
        "currency": lambda: text.constant_text(head.currency, count),
        "hold_any": lambda: flag(7),
        **{f"hold_{kind}": lambda bit=bit: flag(bit) for kind, bit in HOLD_BITS.items()},  # type: ignore[misc]
    }
    for name, values in lines.items():
        if name in {"exposure", "credit_limit", "cure_amount"}:
            fields[name] = lambda values=values: text.amount_text(values)  # type: ignore[misc]
        elif name == "sequence":
            fields[name] = lambda values=values: values.cast(pa.string())  # type: ignore[misc]
        elif name != "holds":
            fields[name] = lambda values=values: values  # type: ignore[misc]
    return fields


def hold_file(
    name: str, lines: pa.Table, head: FileHead, escaped: Callable[[pa.Array], pa.Array] | None
) -> Iterator[bytes]:
    """Write one of the contract's hold files, piece by piece.

    escaped  what is done to texts of the ledger; None: nothing
    """
    columns = ERP_FILES[f"erp/{name.removesuffix('.csv')}"].names
    yield ",".join(columns).encode() + b"\n"
    for piece in text.chunks(lines):
        fields = field_texts(piece, head)
        written = [fields[column]() for column in columns]
        if escaped is not None:
            written = [
                escaped(values) if column in LEDGER_TEXTS else values
                for column, values in zip(columns, written, strict=True)
            ]
        yield text.csv_lines(written, ",", "\n")


LEDGER_TEXTS: Final = frozenset({"customer_id", "credit_segment", "customer_name", "reasons"})
"""Fields whose text comes from the ledger: what a hostile name can reach."""


def sum_exposure(lines: pa.Table) -> int:
    """Add the exposures of lines up, in thousandths."""
    return int(pc.sum(lines.column("exposure").cast(pa.decimal128(38, 0))).as_py() or 0)


def control_facts(
    head: FileHead,
    chain: Mapping[str, Any],
    changes: Mapping[str, int],
    files: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Give what `control.json` says.

    chain  follows, position, tells
    files  by name in `erp/`: content, rows, exposure, size, sha256
    """
    return {
        "run_id": head.run_id,
        "as_of": head.as_of.isoformat(),
        "currency": head.currency,
        **chain,
        "changes": dict(changes),
        "files": {name: dict(files[name]) for name in sorted(files)},
    }
