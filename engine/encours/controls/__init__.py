"""What must always hold: checked in every run before anything is published."""
