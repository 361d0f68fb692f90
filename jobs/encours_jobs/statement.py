"""`encours statement`: what may be claimed, as a letter or as rows for a billing system."""

import logging
from pathlib import Path

import click

from encours_jobs import logs, options, outcome
from encours_schemas.errors import UsageWrong


@click.command(
    cls=options.Job,
    example=[
        "encours statement 4711 --run /data/runs/as_of=2026-10-31 --out 4711.html",
        "encours statement 4711 --run /data/runs/as_of=2026-10-31 --format markdown --language fr",
        "encours statement --all --format csv --run /data/runs/as_of=2026-10-31 --out claims.csv",
    ],
)
@click.argument("customer", required=False)
@click.option("--all", "everybody", is_flag=True, help="All customers, with --format csv.")
@options.published_run
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "csv"]),
    default="html",
    show_default=True,
    help="A letter that prints well, the same as text, or rows of `interest_statement`.",
)
@options.language
@click.option("--company", metavar="CODE", help="Only what this company code claims.")
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write there instead of to stdout; the file appears as a whole.",
)
def command(
    *,
    customer: str | None,
    everybody: bool,
    directory: Path,
    form: str,
    language: str,
    company: str | None,
    file: Path | None,
) -> None:
    """State what interest and compensation may be claimed, by letter or as rows.

    Reads a published run alone. The letter lists what is not yet claimed of every item of
    CUSTOMER, by creditor and with totals per currency, and names the texts of law that it rests
    on. `--format csv` gives the rows of the table `interest_statement` for a billing system; with
    `--all` those of all customers.
    """
    if everybody == (customer is not None) or (everybody and form != "csv"):
        raise UsageWrong(
            what="it is not clear whose statement is wanted",
            expected="a CUSTOMER, or --all with --format csv",
            cure="see `encours statement --help`",
        )
    if form == "csv":
        _write_rows(directory, customer, company, file)
        return
    from encours.statements.html import letter_html
    from encours.statements.letter import build_statement
    from encours.statements.markdown import letter_markdown
    from encours.statements.pages import lay_out

    statement = build_statement(directory, customer or "", company)
    if form == "html":
        text = letter_html(lay_out(statement, language))
    else:
        text = letter_markdown(lay_out(statement, language, plain=True))
    if file is None:
        outcome.emit(text.rstrip("\n"))
    else:
        from encours.publish.files import write_whole

        write_whole(file, [text.encode()])


def _write_rows(
    directory: Path, customer: str | None, company: str | None, file: Path | None
) -> None:
    """Write rows of `interest_statement`, and tell of texts that a spreadsheet would obey."""
    from encours.publish.files import write_whole
    from encours.report.published import open_run
    from encours.statements.billing_file import BillingFile
    from encours.statements.claims import chosen_claims

    billing = BillingFile()
    chunks = billing.chunks(chosen_claims(open_run(directory), customer, company))
    if file is None:
        outcome.emit_bytes(chunks)
    else:
        write_whole(file, chunks)
    logs.tell(logging.INFO, "statement.written", f"{billing.rows} rows", {"rows": billing.rows})
    if billing.formula_texts:
        logs.tell(
            logging.WARNING,
            "statement.formula_texts",
            f"{billing.formula_texts} texts begin like a formula: load the file as text, do not "
            "open it in a spreadsheet",
            {"count": billing.formula_texts},
        )
