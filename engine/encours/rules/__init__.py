"""Law and policy as dated data with sources: regimes, rates, day counts, terms, currencies."""
