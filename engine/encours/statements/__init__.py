"""Statements of interest and compensation: letters to a debtor, rows for a billing system."""
