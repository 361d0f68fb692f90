"""Layouts: foreign extracts mapped to the contract's tables, as data.

Needs pydantic; the engine that applies them is `encours.ledger.layouts`.
"""
