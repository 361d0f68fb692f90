"""The pass over a ledger: keys, then rows, work unit by work unit."""
