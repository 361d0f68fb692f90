"""The configuration of a run: `encours.toml`, environment and flags, checked as one.

This is the only part of the package that needs pydantic.
"""

from __future__ import annotations

from encours_schemas.configuration.adapters import AdapterColumn, AdapterTemplate
from encours_schemas.configuration.erp import Erp, Orders
from encours_schemas.configuration.law import OwnRate, OwnRegime
from encours_schemas.configuration.loading import Loaded, load_configuration
from encours_schemas.configuration.models import (
    Ageing,
    Configuration,
    Defaults,
    Exposure,
    ExposureTerms,
    Fx,
    Input,
    Interest,
    Limits,
    Reporting,
    SegmentExposure,
    TableInput,
)

__all__ = [
    "AdapterColumn",
    "AdapterTemplate",
    "Ageing",
    "Configuration",
    "Defaults",
    "Erp",
    "Exposure",
    "ExposureTerms",
    "Fx",
    "Input",
    "Interest",
    "Limits",
    "Loaded",
    "Orders",
    "OwnRate",
    "OwnRegime",
    "Reporting",
    "SegmentExposure",
    "TableInput",
    "load_configuration",
]
