"""The statutory rates that the peer jobs are given: a data engineer would have them as a table."""

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from encours.rules.rate_tables import yearly_rate
from encours.rules.regimes import Fixing, load_regimes
from encours.rules.series import load_series

REGIMES = ("FR_business", "DE_business", "GB_business", "EU_default")
"""The regimes of creditors in France, Germany, the United Kingdom, Italy (and Spain)."""
FIRST_YEAR = 2015
"""Synthetic ledgers have nothing older."""


def write_rates(path: Path, as_of: date) -> Path:
    """Write one row per regime and half-year: its days, its rate, how it is applied."""
    regimes, series = load_regimes(), load_series()
    starts = [
        date(year, month, 1) for year in range(FIRST_YEAR, as_of.year + 1) for month in (1, 7)
    ]
    starts = [start for start in starts if start <= as_of]
    ends = [*(start - timedelta(days=1) for start in starts[1:]), as_of]
    rows = [
        {
            "regime": name,
            "first_day": start,
            "last_day": end,
            "rate_e9": int(yearly_rate(regimes[name], series, start).rate.scaleb(9)),
            "day_count": regimes[name].day_count,
            "fixed_at_start": regimes[name].fixing is Fixing.FIXED_AT_START,
        }
        for name in REGIMES
        for start, end in zip(starts, ends, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
