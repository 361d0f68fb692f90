from pathlib import Path

import pytest

from tests.ledger.ledgers import LedgerFolder


@pytest.fixture
def folder(tmp_path: Path) -> LedgerFolder:
    made = LedgerFolder(tmp_path)
    made.path.mkdir()
    return made
