"""Fields as Apache Thrift's compact protocol writes them, as far as Parquet's footer needs it.

Source: thrift-compact-protocol.md of Apache Thrift.
"""

from collections.abc import Iterable

_TRUE, _FALSE, _I32, _I64 = 1, 2, 5, 6
_BINARY, _LIST, _STRUCT = 8, 9, 12
_SHORT_LIST = 15


_ONE_BYTE = [bytes([value]) for value in range(128)]


def varint(value: int) -> bytes:
    """Write a number from 0 on, seven bits to the byte, the lowest first (ULEB128)."""
    if value < 1 << 7:
        return _ONE_BYTE[value]
    if value < 1 << 14:
        return bytes((value & 127 | 128, value >> 7))
    if value < 1 << 21:
        return bytes((value & 127 | 128, value >> 7 & 127 | 128, value >> 14))
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """Write a signed number as ULEB128 of 2 * v, or of -2 * v - 1 below zero."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


class Struct:
    """A struct in the making; its fields come in the order of their numbers."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._last = 0

    def _field(self, number: int, kind: int) -> None:
        self._data.append((number - self._last) << 4 | kind)
        self._last = number

    def truth(self, number: int, value: bool) -> "Struct":
        """Add a yes or a no."""
        self._field(number, _TRUE if value else _FALSE)
        return self

    def i32(self, number: int, value: int) -> "Struct":
        """Add a number of 32 bits."""
        self._field(number, _I32)
        self._data += zigzag(value)
        return self

    def i64(self, number: int, value: int) -> "Struct":
        """Add a number of 64 bits."""
        self._field(number, _I64)
        self._data += zigzag(value)
        return self

    def binary(self, number: int, value: bytes) -> "Struct":
        """Add bytes or a text."""
        self._field(number, _BINARY)
        self._data += varint(len(value)) + value
        return self

    def struct(self, number: int, value: "Struct") -> "Struct":
        """Add a struct."""
        self._field(number, _STRUCT)
        self._data += value.done()
        return self

    def i32_list(self, number: int, values: Iterable[int]) -> "Struct":
        """Add a list of numbers of 32 bits."""
        return self._list(number, _I32, [zigzag(value) for value in values])

    def i64_list(self, number: int, values: Iterable[int]) -> "Struct":
        """Add a list of numbers of 64 bits."""
        return self._list(number, _I64, [zigzag(value) for value in values])

    def binary_list(self, number: int, values: Iterable[bytes]) -> "Struct":
        """Add a list of texts."""
        return self._list(number, _BINARY, [varint(len(value)) + value for value in values])

    def struct_list(self, number: int, values: Iterable["Struct"]) -> "Struct":
        """Add a list of structs."""
        return self._list(number, _STRUCT, [value.done() for value in values])

    def _list(self, number: int, kind: int, values: list[bytes]) -> "Struct":
        self._field(number, _LIST)
        count = len(values)
        if count < _SHORT_LIST:
            self._data.append(count << 4 | kind)
        else:
            self._data.append(_SHORT_LIST << 4 | kind)
            self._data += varint(count)
        for value in values:
            self._data += value
        return self

    def done(self) -> bytes:
        """Give the bytes of the struct."""
        return bytes(self._data) + b"\0"
