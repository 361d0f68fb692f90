"""The reference page of the command line: `python -m encours_jobs.reference docs/reference`.

The pages of tables, codes and configuration come from `python -m encours_schemas`.
"""

import sys
from pathlib import Path

PAGE_NAME = "command-line.md"
_GENERATED = (
    "This page is generated from the code by `python -m encours_jobs.reference docs/reference`."
)


def command_line_page() -> str:
    """Give what `--help` of the group and of every command prints, as a page of Markdown."""
    import click

    from encours_jobs.cli import COMMANDS, main

    settings = {**main.context_settings, "terminal_width": 100}
    context = click.Context(main, info_name="encours", **settings)
    parts = [
        "# Command line",
        _GENERATED,
        _block(main.get_help(context)),
    ]
    for name in COMMANDS:
        command = main.get_command(context, name)
        if command is not None:
            own = click.Context(command, info_name=name, parent=context)
            parts += [f"## encours {name}", _block(command.get_help(own))]
            if isinstance(command, click.Group):
                for action in command.list_commands(own):
                    part = command.get_command(own, action)
                    if part is not None:
                        below = click.Context(part, info_name=action, parent=own)
                        title = f"### encours {name} {action}"
                        parts += [title, _block(part.get_help(below))]
    return "\n\n".join(parts) + "\n"


def _block(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    return f"```text\n{lines}\n```"


if __name__ == "__main__":
    Path(sys.argv[1], PAGE_NAME).write_text(command_line_page(), encoding="utf-8", newline="\n")
