"""Nights to test rules on."""

from pathlib import Path

import pytest

from tests.jobs.ledgers import Night


@pytest.fixture
def fresh(tmp_path: Path) -> Night:
    """Give a night whose output is not there yet."""
    return Night(tmp_path)
