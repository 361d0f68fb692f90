"""Law and policy as dated data with sources: regimes, rate series, day counts, terms, currencies."""
