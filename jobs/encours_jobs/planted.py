"""What `encours generate --defects` promises; light, for help is to come at once."""

from decimal import Decimal
from typing import Final

DEFAULT_RATE: Final = Decimal("0.0008")
"""Of a thousand rows less than one is bad: a run with the default `max_rejected` accepts that."""

REPORT_NAME: Final = "planted_defects.json"
