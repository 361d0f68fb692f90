"""Nights to test on: an empty one, and one after two published runs."""

from pathlib import Path

import pytest

from tests.jobs.ledgers import AS_OF, EVE, Night, copied


@pytest.fixture
def fresh(tmp_path: Path) -> Night:
    """Give a night whose output is not there yet."""
    return Night(tmp_path)


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Publish the default ledger for the eve and for the day."""
    made = Night(tmp_path_factory.mktemp("nights"))
    made.publish(as_of=EVE)
    made.publish(as_of=AS_OF)
    return made


@pytest.fixture
def night(two_nights: Night, tmp_path: Path) -> Night:
    """Give a night after two others, of the eve and of the day, which no failure may touch."""
    return copied(two_nights, tmp_path)
