"""`encours whatif`: the same night with other inputs, and the difference to it."""

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from encours_jobs import logs, options, outcome
from encours_jobs.options import Voice
from encours_jobs.progress import listener
from encours_jobs.second_compiler import second_compiler

if TYPE_CHECKING:
    from encours.report.published import PublishedRun
    from encours.report.whatif import Comparison
    from encours_schemas.scenario import Scenario


@click.command(
    cls=options.Job,
    example=[
        "encours whatif insurer_leaves.toml --ledger /data/ledger --as-of 2026-10-31",
        "encours whatif insurer_leaves.toml --ledger /data/ledger --as-of 2026-10-31 \\",
        "    --run /data/runs/as_of=2026-10-31 --save /data/whatif",
    ],
)
@click.argument("scenario", type=click.Path(path_type=Path), metavar="SCENARIO.toml")
@options.together(
    options.ledger,
    options.as_of,
    options.config_file,
    options.reporting_currency,
    options.max_rejected,
    options.threads,
    options.chunk_rows,
    options.extract_date,
)
@click.option(
    "--run",
    "base",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The published run to compare with; without one the base is computed, too.",
)
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Directory for the differences as Parquet files; it must not exist.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1, max=10_000),
    default=20,
    show_default=True,
    help="How many accounts and groups are printed, those that differ most first.",
)
@options.output_format
@click.pass_obj
def command(
    voice: Voice,
    /,
    *,
    scenario: Path,
    ledger: Path,
    as_of: date,
    base: Path | None,
    config_file: Path | None,
    threads: int | None,
    chunk_rows: int | None,
    extract_date: date | None,
    save: Path | None,
    top: int,
    output_format: str,
    **flags: object,
) -> None:
    """Run a night with other inputs and show the difference to it.

    SCENARIO.toml multiplies limits of a segment or an insurer, withdraws cover, opens insolvency
    proceedings or lets payments come later; the difference is told by account and group. Nothing
    is published: both runs stand in a temporary directory, and are gone afterwards.
    """
    from encours.report.whatif import Comparison, check_same_night
    from encours_jobs.settings import configuration
    from encours_schemas.scenario import load_scenario

    logs.bind(as_of=as_of.isoformat())
    settings = configuration(config_file, os.environ, flags)
    changes = load_scenario(scenario)
    scratch = tempfile.TemporaryDirectory(prefix="encours-whatif-")
    with scratch as place, listener(voice) as progress, second_compiler(threads):
        import encours
        from encours.report.published import open_run

        def compute(name: str, changed: "Scenario | None") -> "PublishedRun":
            result = encours.run(
                ledger,
                as_of,
                Path(place) / name,
                settings,
                threads=threads,
                chunk_rows=chunk_rows,
                extract_date=extract_date,
                scenario=changed,
                memory_of=None if base is None else base.resolve().parent,
                progress=progress,
            )
            return open_run(result.directory)

        before = compute("base", None) if base is None else open_run(base)
        after = compute("scenario", changes)
        check_same_night(before, after)
        comparison = Comparison.of(before, after)
        if save is not None:
            _save(comparison, save)
        page = comparison.text(top) if output_format == "text" else comparison.json(top)
    outcome.emit(page)


def _save(comparison: "Comparison", directory: Path) -> None:
    """Write the differences as Parquet files into a new directory."""
    from encours.publish.parquet import write_small_table
    from encours_schemas.errors import OutputUnwritable

    try:
        directory.mkdir(parents=True)
    except OSError as error:
        raise OutputUnwritable(
            what="the directory for the differences cannot be made",
            where=str(directory),
            found=error.strerror or type(error).__name__,
            cure="name a directory that does not exist yet with --save",
        ) from None
    write_small_table(directory / "credit_accounts.parquet", comparison.accounts)
    write_small_table(directory / "groups.parquet", comparison.groups)
