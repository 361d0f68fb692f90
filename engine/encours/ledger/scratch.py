"""Files in the staging directory for what a run parks: made, written and read at any place."""

import os
from pathlib import Path


def new_scratch_file(path: Path) -> int:
    """Create a file that must not exist, its owner's alone; give its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_at(descriptor: int, data: memoryview, position: int) -> None:
    """Write bytes, in however many calls the system needs."""
    while data:
        written = os.pwrite(descriptor, data, position)
        data, position = data[written:], position + written


def read_at(descriptor: int, into: memoryview, position: int) -> None:
    """Fill a view with bytes; OSError where the file ends before."""
    while into:
        count = os.preadv(descriptor, [into], position)
        if not count:
            msg = "the spill file ended before its index said"
            raise OSError(msg)
        into, position = into[count:], position + count
