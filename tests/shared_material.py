"""Where reference material lies that is no part of the repository: beside it, if at all."""

from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Law, vectors and sample ledgers; tests that compare with them say so when it is absent."""
