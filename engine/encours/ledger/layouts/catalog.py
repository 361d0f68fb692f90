"""The bundled layouts, and the layouts that a configuration asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from encours_schemas.layouts.loading import bundled_names, load_layouts

if TYPE_CHECKING:
    from encours_schemas.configuration import Configuration
    from encours_schemas.layouts.compiled import CompiledLayout

BUNDLED = Path(__file__).parent / "bundled"


def names() -> list[str]:
    """Name the bundled layouts."""
    return bundled_names(BUNDLED)


def layouts_of(configuration: Configuration) -> tuple[CompiledLayout, ...]:
    """Load the layouts of a configuration; ConfigurationWrong with everything wrong in them."""
    chosen = configuration.input
    return load_layouts(chosen.layouts, BUNDLED, chosen.parameters, chosen.sources)
