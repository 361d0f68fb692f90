"""Files of text: unpacked, decoded to UTF-8 and cut into chunks, whatever stands in them."""

from __future__ import annotations

import codecs
import io
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from encours.ledger.files import broken_file, open_input, refusing_broken
from encours_schemas.errors import InputRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encours.ledger.discovery import FoundFile

BLOCK_BYTES = 8 << 20
_RATIO_MAX = 200
_RATIO_FREE_BYTES = 1 << 30
"""Up to this size nothing is said of the ratio; beyond, no ledger shrinks to a 200th."""
COMPRESSIONS = {"gz": "gzip", "zst": "zstd"}
_FOREIGN_STARTS = (
    (b"PAR1", "a Parquet file"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet"),
    (b"\x1f\x8b", "gzip data (name it .csv.gz)"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data (name it .csv.zst)"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"-----BEGIN PGP", "encrypted text"),
    (b"<", "a web page or XML"),
)


class TextFile:
    """One file of text, read once from front to end in bounded memory."""

    def __init__(
        self,
        found: FoundFile,
        encoding: str,
        section: str,
        *,
        drop_nul: bool = False,
        any_line_end: bool = False,
    ) -> None:
        """Take the file and how it is written; nothing is read yet.

        section  of the configuration where the encoding is declared
        """
        self._found = found
        self._encoding = encoding
        self._section = section
        self._is_utf8 = is_utf8_name(encoding)
        self._drop_nul, self._any_line_end = drop_nul, any_line_end

    def chunks(self) -> Iterator[bytes]:
        """Give the file as UTF-8 without byte order mark, chunk by chunk; the last one is empty."""
        encoding = "utf-8" if self._is_utf8 else self._encoding
        decoder = None if self._is_utf8 else codecs.getincrementaldecoder(encoding)("replace")
        is_first = True
        held = b""
        for raw in self._byte_chunks():
            if is_first:
                self._check_start(raw)
            chunk = raw
            if decoder is not None:
                chunk = decoder.decode(raw, final=not raw).encode()
            if is_first and chunk:
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
                is_first = False
            if self._drop_nul:
                chunk = chunk.replace(b"\0", b"")
            if self._any_line_end:
                chunk, held = _with_line_feeds(held + chunk, is_end=not raw)
            if chunk or not raw:
                yield chunk
            if chunk and not raw:
                yield b""

    def _check_start(self, raw: bytes) -> None:
        """Refuse what is no CSV by its first bytes."""
        relative = self._found.relative
        for start, what in _FOREIGN_STARTS:
            if raw.startswith(start):
                raise broken_file(relative, f"not CSV but {what}")
        if self._is_utf8 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputRefused(
                what="a CSV file is not in the declared encoding",
                where=relative,
                found="the byte order mark of UTF-16",
                expected=self._encoding,
                cure=f'declare [{self._section}] encoding = "utf-16"',
            )

    def _byte_chunks(self) -> Iterator[bytes]:
        """Give the unpacked bytes; the last chunk is empty.

        Raises InputRefused for a cut or damaged compression, and for one that unpacks to far more
        than a ledger would.
        """
        relative = self._found.relative
        compression = COMPRESSIONS.get(self._found.suffix.rpartition(".")[2])
        is_archive = self._found.suffix.endswith(".zip")
        unpacked = 0
        with refusing_broken(relative), open_input(self._found.path, relative) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            if compression and size == 0:
                raise broken_file(relative, "the file is empty")
            source: Any = _only_member(file, relative) if is_archive else pa.PythonFile(file)
            if compression:
                source = pa.CompressedInputStream(source, compression)
            while True:
                chunk: bytes = source.read(BLOCK_BYTES)
                unpacked += len(chunk)
                if unpacked > _RATIO_FREE_BYTES and unpacked > _RATIO_MAX * size:
                    raise broken_file(relative, f"{size} bytes unpack to more than {unpacked}")
                yield chunk
                if not chunk:
                    return


def is_utf8_name(encoding: str) -> bool:
    """Tell whether an encoding is UTF-8 or a part of it: bytes stay as they are."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


def _only_member(file: io.BufferedReader, relative: str) -> Any:  # noqa: ANN401 - a binary stream
    """Open the one file of an archive.

    Raises InputRefused when there is none or more than one.
    """
    try:
        archive = zipfile.ZipFile(file)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) == 1 and not members[0].flag_bits & 1:
            return archive.open(members[0])
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise broken_file(relative, error) from error
    raise InputRefused(
        what="an archive does not hold one readable file",
        where=relative,
        found=f"{len(members)} files" if len(members) != 1 else "an encrypted file",
        expected="one file, without a password",
        cure="unpack it into the ledger",
    )


def _with_line_feeds(text: bytes, *, is_end: bool) -> tuple[bytes, bytes]:
    """Make every line end a line feed; a last carriage return waits for what comes behind it."""
    held = b""
    if text.endswith(b"\r") and not is_end:
        text, held = text[:-1], b"\r"
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held
