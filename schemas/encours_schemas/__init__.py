"""The public contract: tables, columns, reason codes, exit statuses, errors, configuration.

Importable alone by downstream jobs. Arrow is loaded when a schema is asked for, and pydantic
only by `encours_schemas.configuration`.
"""

from __future__ import annotations

from typing import Final

from encours_schemas.inputs import INPUT_TABLES
from encours_schemas.outputs import ERP_FILES, OUTPUT_TABLES

# Moves when a name, type or meaning of the contract changes for those who depend on it.
CONTRACT_VERSION: Final = 1

__all__ = ["CONTRACT_VERSION", "ERP_FILES", "INPUT_TABLES", "OUTPUT_TABLES"]
