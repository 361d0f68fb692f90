"""Outputs for the tests of hold files: in memory where there is such a place."""

from tests.publish.conftest import output, place

__all__ = ["output", "place"]
