"""Rules: what each finds, its memory between runs, overrides, and the holds of accounts."""
