"""Layouts applied: foreign extracts become units of contract tables, typed and staged.

The rest of a run knows nothing of it: it reads units as ever, asks where a row came from when it
writes the quarantine, and finds the rows that a layout could not read marked in `FAULT_COLUMN`.
"""
