"""Pages of Parquet read back value by value, as the format's description says (Encodings.md)."""


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unpack(data: bytes, count: int, width: int) -> list[int]:
    bits = int.from_bytes(data, "little")
    return [bits >> (width * i) & ((1 << width) - 1) for i in range(count)]


def _wrapped(value: int, bits: int) -> int:
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def read_numbers(data: bytes, bits: int) -> tuple[list[int], int]:
    """Read DELTA_BINARY_PACKED numbers; give them and the byte behind."""
    in_block, at = _varint(data, 0)
    miniblocks, at = _varint(data, at)
    count, at = _varint(data, at)
    value, at = _zigzag(data, at)
    values = [value]
    per_miniblock = in_block // miniblocks
    while len(values) < count:
        least, at = _zigzag(data, at)
        widths, at = data[at : at + miniblocks], at + miniblocks
        for width in widths:
            if len(values) < count:
                size = per_miniblock * width // 8
                for above in _unpack(data[at : at + size], per_miniblock, width):
                    values.append(_wrapped(values[-1] + least + above, bits))
                at += size
    return values[:count], at


def read_runs(data: bytes, count: int, width: int) -> list[int]:
    """Read the RLE / bit-packing hybrid: exactly `count` codes, but for padding of the last run."""
    values: list[int] = []
    at = 0
    while at < len(data):
        header, at = _varint(data, at)
        if header & 1:
            groups = header >> 1
            values += _unpack(data[at : at + groups * width], groups * 8, width)
            at += groups * width
        else:
            size = (width + 7) // 8
            values += [int.from_bytes(data[at : at + size], "little")] * (header >> 1)
            at += size
    assert count <= len(values) < count + 8
    return values[:count]
