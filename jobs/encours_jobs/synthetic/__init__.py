"""Realistic synthetic ledgers of any size: seeded, reproducible, and written as a stream."""

from encours_jobs.synthetic.generation import GenerationSummary, generate_ledger

__all__ = ["GenerationSummary", "generate_ledger"]
