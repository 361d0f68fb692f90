"""What a run tells about itself while it works."""

from typing import Protocol


class Progress(Protocol):
    """A listener of a run. Any thread may call `advance`."""

    def start_stage(self, name: str, rows: int | None) -> None:
        """Begin a stage of so many rows (None: unknown)."""

    def advance(self, rows: int) -> None:
        """Add rows to the stage under way."""

    def finish_stage(self) -> None:
        """End the stage under way."""

    def note(self, event: str, **fields: object) -> None:
        """Tell one event, by a stable dotted name, without contents of rows."""


class Silent:
    """A listener that hears nothing."""

    def start_stage(self, name: str, rows: int | None) -> None:
        """Ignore it."""

    def advance(self, rows: int) -> None:
        """Ignore it."""

    def finish_stage(self) -> None:
        """Ignore it."""

    def note(self, event: str, **fields: object) -> None:
        """Ignore it."""
