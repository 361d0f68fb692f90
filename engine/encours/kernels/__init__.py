"""Compiled arithmetic: NumPy arrays in, NumPy arrays out, integers only.

Nothing here knows Arrow, Polars, a file or a rule of law. Units stand in the names: `_milli` is
int64 thousandths of a currency unit, `_day` is int32 days since 1970-01-01 (`NO_DAY` where there is
none), `_code` is int32, -1 for none.
"""
