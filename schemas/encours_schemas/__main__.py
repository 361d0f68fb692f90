"""Write the generated reference pages: `python -m encours_schemas docs/reference`."""

from __future__ import annotations

import sys
from pathlib import Path

from encours_schemas.errors import UsageWrong
from encours_schemas.render import write_reference_pages
from encours_schemas.status import ExitStatus


def main(arguments: list[str]) -> int:
    """Write the pages into the one directory given; the exit status is that of the project."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        wrong = UsageWrong(what="one existing directory is needed", cure="give docs/reference")
        sys.stderr.write(f"{wrong}\n")
        return wrong.exit_status
    write_reference_pages(Path(arguments[0]))
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
