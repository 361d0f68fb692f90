"""Holds of credit accounts as lines for ERPs: who is held, what changed, and the texts of files."""
