"""Random draws by the column: fast, seeded, and the same whatever the number of threads.

A table is drawn in chunks. Each chunk has a stream of its own, named by (table, chunk), so its
values depend on the seed and its place alone and never on who drew what before.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

Codes: TypeAlias = npt.NDArray[np.int8]
Days: TypeAlias = npt.NDArray[np.int32]
Numbers: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Hashes: TypeAlias = npt.NDArray[np.uint64]

# Draws compare 16 random bits with a table of all their values: finer shares than 1 in 65,536
# are not needed, and a look-up costs a third of a comparison with cumulated weights.
_SHARES: Final = 1 << 16
_KNOT_BITS: Final = 12
_REST_BITS: Final = 32 - _KNOT_BITS


class Choice:
    """One of several codes, each with its weight."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        """Take the weight of code 0, 1, …; they need not add up to one."""
        bounds = np.cumsum(np.array(weights, dtype=np.float64))
        shares = (np.arange(_SHARES) + 0.5) / _SHARES * bounds[-1]
        self.code_of_bits: Codes = np.searchsorted(bounds, shares, side="right").astype(np.int8)


class Quantiles:
    """Whole numbers of any distribution, from its quantiles at evenly spaced shares.

    Between two quantiles the numbers are spread evenly, in integer arithmetic.
    """

    KNOTS: Final = (1 << _KNOT_BITS) + 1

    def __init__(self, knots: Numbers) -> None:
        """Take the `KNOTS` quantiles of the shares 0, 1/4096, …, 1, in ascending order."""
        self._low: Numbers = np.ascontiguousarray(knots[:-1])
        self._width: Numbers = np.diff(knots)

    def at(self, bits: npt.NDArray[np.uint32]) -> Numbers:
        """Give the number of each draw of 32 random bits."""
        knot = bits >> np.uint32(_REST_BITS)
        rest = (bits & np.uint32((1 << _REST_BITS) - 1)).astype(np.int64)
        rest *= self._width[knot]
        rest >>= _REST_BITS
        rest += self._low[knot]
        return rest


class Draws:
    """The stream of random numbers of one chunk of one table."""

    def __init__(self, seed: int, stream: int, chunk: int, rows: int) -> None:
        """Open the stream; every draw gives one value for each of `rows` rows."""
        sequence = np.random.SeedSequence(seed, spawn_key=(stream, chunk))
        self._generator = np.random.Generator(np.random.SFC64(sequence))
        self.rows = rows

    def bits16(self, rows: int | None = None) -> npt.NDArray[np.uint16]:
        """Give 16 random bits for each row."""
        count = self.rows if rows is None else rows
        return np.frombuffer(self._generator.bytes(2 * count), dtype="<u2")

    def bits32(self, rows: int | None = None) -> npt.NDArray[np.uint32]:
        """Give 32 random bits for each row."""
        count = self.rows if rows is None else rows
        return np.frombuffer(self._generator.bytes(4 * count), dtype="<u4")

    def choose(self, choice: Choice, rows: int | None = None) -> Codes:
        """Give a code for each row."""
        return choice.code_of_bits[self.bits16(rows)]

    def chance(self, share: float, rows: int | None = None) -> Mask:
        """Say yes for this share of the rows."""
        return self.bits16(rows) < np.uint32(round(share * _SHARES))

    def below(self, bound: int | Numbers, rows: int | None = None) -> Numbers:
        """Give a whole number from 0 to below the bound, evenly, for each row."""
        drawn = self.bits32(rows).astype(np.int64)
        drawn *= bound
        drawn >>= 32
        return drawn

    def spread(self, quantiles: Quantiles, rows: int | None = None) -> Numbers:
        """Give a number of the distribution for each row."""
        return quantiles.at(self.bits32(rows))

    def order(self, rows: int) -> Numbers:
        """Give the numbers 0 to below `rows` in a random order."""
        return self._generator.permutation(rows).astype(np.int64, copy=False)


def scrambled(numbers: Numbers, salt: int) -> Hashes:
    """Give 64 random-looking bits of each number, the same wherever it is asked for.

    For facts that two tables must agree on, such as the customer of an order.
    Source: splitmix64 (Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, 2014).
    """
    mixed = numbers.astype(np.uint64)
    mixed += np.uint64(salt * 0x9E3779B97F4A7C15 % (1 << 64))
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
