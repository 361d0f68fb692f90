"""Imports that run ahead while files are hashed."""

import sys

import pytest

from encours.passes.nightly import _importing_ahead


def test_importing_ahead__has_imported_the_module_at_the_end_of_the_block() -> None:
    sys.modules.pop("wave", None)
    with _importing_ahead("wave"):
        """Wait for files."""
    assert "wave" in sys.modules


def test_importing_ahead__leaves_a_failure_to_the_import_that_needs_the_module() -> None:
    with _importing_ahead("encours.no_such_module"):
        """Wait for files."""


def test_importing_ahead__lets_the_failure_of_the_block_through() -> None:
    with pytest.raises(OSError, match="no file"), _importing_ahead("wave"):
        raise OSError("no file")
