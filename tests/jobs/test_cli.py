"""The command line as its users meet it: help, options, messages and every exit status."""

import errno
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import encours
from encours_jobs import explain
from encours_jobs.cli import COMMANDS, main
from encours_jobs.outcome import Terminated
from encours_schemas import errors
from encours_schemas.errors import EncoursError
from encours_schemas.rule_ids import RuleId
from encours_schemas.status import ExitStatus

"""Commands whose options are those of their subjects."""
RUN = ("run", "--ledger", "ledger", "--as-of", "2026-10-31", "--out", "out")


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=environment)


class Engine:
    """Stands for `encours.run`: keeps what it was called with, and ends as it is told."""

    def __init__(self, ending: BaseException | None = None) -> None:
        self.ending = ending
        self.positional: tuple[Any, ...] = ()
        self.named: dict[str, Any] = {}

    def __call__(self, *positional: Any, **named: Any) -> SimpleNamespace:
        self.positional, self.named = positional, named
        if self.ending is not None:
            raise self.ending
        return SimpleNamespace(
            run_id="0123456789abcdef",
            directory=Path("out/as_of=2026-10-31"),
            manifest={},
            already_published=False,
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine()
    monkeypatch.setattr(encours, "run", stand_in, raising=False)
    return stand_in


# -- help ------------------------------------------------------------------------------------------


def test_help__lists_every_command_with_its_summary() -> None:
    result = call("--help")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    for name, summary in COMMANDS.items():
        assert f" {name} {summary}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help__of_a_command_begins_with_the_summary_and_has_an_example(name: str) -> None:
    result = call(name, "--help")
    assert result.exit_code == 0
    assert COMMANDS[name] in " ".join(result.stdout.split())
    assert f"Example:\n    encours {name}" in result.stdout


def leaves() -> list[tuple[str, ...]]:
    """Name every command that does something: groups by their parts."""
    context = click.Context(main)
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = main.get_command(context, name)
        parts = command.list_commands(context) if isinstance(command, click.Group) else []
        found += [(name, part) for part in parts] or [(name,)]
    return found


@pytest.mark.parametrize("command", leaves(), ids=" ".join)
def test_help__of_a_command_names_the_options_that_all_have(command: tuple[str, ...]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "--log-format" in result.stdout
    assert "--quiet" in result.stdout


@pytest.mark.parametrize("name", explain.SUBJECTS)
def test_help__of_a_subject_of_explain_begins_with_its_summary_and_has_an_example(
    name: str,
) -> None:
    assert f" {name} {explain.SUBJECTS[name]}" in " ".join(call("explain", "--help").stdout.split())
    result = call("explain", name, "--help")
    assert explain.SUBJECTS[name] in " ".join(result.stdout.split())
    assert f"Example:\n    encours explain {name}" in result.stdout


def test_version__is_that_of_the_package() -> None:
    assert call("--version").stdout.startswith("encours 0.")


def test_unknown_command__names_the_nearest() -> None:
    result = call("rnu")
    assert result.exit_code == 2
    assert "No such command `rnu`; did you mean `run`?" in result.stderr


def test_unknown_command__far_from_all_lists_them() -> None:
    result = call("publish-to-mars")
    assert result.exit_code == 2
    assert "there are run, validate" in result.stderr


# -- options ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("31.10.2026", "not written as YYYY-MM-DD; example: 2026-10-31"),
        ("2026-1-1", "not written as YYYY-MM-DD"),
        ("20261031", "not written as YYYY-MM-DD"),
        ("2026-10-31T00:00", "not written as YYYY-MM-DD"),
        ("\uff12\uff10\uff12\uff16-10-31", "not written as YYYY-MM-DD"),
        ("today", "not written as YYYY-MM-DD"),
        ("", "not written as YYYY-MM-DD"),
        ("2026-02-29", "no day of the calendar"),
        ("2026-13-01", "no day of the calendar"),
        ("0226-10-31", "outside 1900-01-01 to 2999-12-31"),
        ("9999-12-31", "outside 1900-01-01 to 2999-12-31"),
    ],
)
def test_as_of__is_a_date_in_one_form_only(written: str, problem: str) -> None:
    result = call("run", "--ledger", "ledger", "--as-of", written, "--out", "out")
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--max-rejected", "2", "no share between 0 and 1; example: 0.001"),
        ("--max-rejected", "0.1%", "no share"),
        ("--max-rejected", "-0.1", "no share"),
        ("--max-rejected", "NaN", "no share"),
        ("--reporting-currency", "eur", "no currency code; example: EUR"),
        ("--threads", "0", "0 is not in the range"),
        ("--chunk-rows", "many", "'many' is not a valid integer"),
        ("--extract-date", "30/10/2026", "example: 2026-10-31"),
    ],
)
def test_option__of_a_wrong_form_is_wrong_usage(option: str, value: str, problem: str) -> None:
    result = call(*RUN, option, value)
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())


def test_run__without_an_option_that_it_needs_is_wrong_usage() -> None:
    result = call("run", "--ledger", "ledger", "--out", "out")
    assert result.exit_code == 2
    assert "Missing option '--as-of'" in result.stderr


def test_run__hands_its_options_to_the_engine(engine: Engine) -> None:
    result = call(
        *RUN, "--quiet", "--threads", "3", "--chunk-rows", "5000", "--revise", "--require-tie-out",
        "--extract-date", "2026-10-30", "--interest-periods", "--max-rejected", "0.25",
        "--reporting-currency", "GBP", "--approve-first", "--without-memory",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    ledger, as_of, out, configuration = engine.positional
    assert (ledger, as_of, out) == (Path("ledger"), date(2026, 10, 31), Path("out"))
    assert configuration.interest.periods is True
    assert str(configuration.input.max_rejected) == "0.25"
    assert configuration.reporting.currency == "GBP"
    assert engine.named.pop("progress") is not None
    assert engine.named == {
        "threads": 3,
        "chunk_rows": 5000,
        "revise": True,
        "require_tie_out": True,
        "extract_date": date(2026, 10, 30),
        "approve_first": True,
        "without_memory": True,
    }


def test_run__leaves_alone_what_no_flag_says(engine: Engine) -> None:
    result = call(*RUN, "--quiet", ENCOURS_INTEREST__PERIODS="true")
    assert result.exit_code == 0, result.stderr
    assert engine.positional[3].interest.periods is True
    assert engine.positional[3].reporting.currency == "EUR"


# -- exit status -----------------------------------------------------------------------------------


class PanicException(BaseException):
    """A defect in a compiled library, which `except Exception` does not catch."""


FACTS = {"what": "what happened", "where": "items.csv", "found": "9.999,99", "cure": "do this"}
ENDINGS: list[tuple[BaseException | None, ExitStatus]] = [
    (None, ExitStatus.DONE),
    (errors.UsageWrong(**FACTS), ExitStatus.USAGE),
    (errors.InputRefused(**FACTS), ExitStatus.INPUT_REFUSED),
    (errors.InputMissing(**FACTS), ExitStatus.INPUT_MISSING),
    (errors.RateMissing(**FACTS), ExitStatus.INPUT_MISSING),
    (errors.ControlFailed(**FACTS), ExitStatus.CONTROL_FAILED),
    (errors.OutputUnwritable(**FACTS), ExitStatus.OUTPUT_UNWRITABLE),
    (errors.OutputBusy(**FACTS), ExitStatus.BUSY),
    (errors.ConfigurationWrong(**FACTS), ExitStatus.CONFIGURATION_WRONG),
    (errors.PublicationUnknown(**FACTS), ExitStatus.PUBLICATION_UNKNOWN),
    (OSError(errno.ENOSPC, "No space left on device"), ExitStatus.OUTPUT_UNWRITABLE),
    (OSError(errno.EROFS, "Read-only file system"), ExitStatus.OUTPUT_UNWRITABLE),
    (KeyboardInterrupt(), ExitStatus.INTERRUPTED),
    (Terminated(), ExitStatus.TERMINATED),
    (ValueError("a defect"), ExitStatus.FAILED),
    (EOFError("a defect, not the end of a prompt"), ExitStatus.FAILED),
    (MemoryError(), ExitStatus.FAILED),
    (PanicException("a defect"), ExitStatus.FAILED),
    (OSError(errno.EIO, "Input/output error"), ExitStatus.FAILED),
]


@pytest.mark.parametrize(("ending", "status"), ENDINGS)
def test_exit_status__of_every_ending(
    engine: Engine, ending: BaseException | None, status: ExitStatus
) -> None:
    engine.ending = ending
    result = call(*RUN, "--quiet")
    assert result.exit_code == status
    assert result.stdout == ""
    if isinstance(ending, EncoursError):
        assert "what happened: items.csv; found 9.999,99; do this" in result.stderr
        assert "Traceback" not in result.stderr
    if status is ExitStatus.FAILED:
        assert "unexpected failure" in result.stderr
        assert "Traceback" in result.stderr


def test_exit_status__table_above_is_complete() -> None:
    kinds = {type(ending) for ending, _ in ENDINGS}
    assert set(EncoursError.__subclasses__()) <= kinds
    assert {status for _, status in ENDINGS} == set(ExitStatus)


def test_exit_status__of_an_error_carries_its_facts_in_json(engine: Engine) -> None:
    engine.ending = errors.RateMissing(
        what="rate series x has no value", where="2026-H2", cure="append it"
    )
    result = call(*RUN, "--log-format", "json")
    line = json.loads(result.stderr.splitlines()[-1])
    assert line["level"] == "error"
    assert line["event"] == "failed"
    assert line["exit_status"] == 66
    assert line["error_type"] == "RateMissing"
    assert line["where"] == "2026-H2"
    assert line["as_of"] == "2026-10-31"


def test_run__published_stays_done_when_the_summary_fails(engine: Engine) -> None:
    result = call(*RUN)  # the stand-in published nothing that could be summed up
    assert result.exit_code == 0
    assert "published, but the summary could not be printed" in result.stderr
    assert "is published: out/as_of=2026-10-31" in result.stderr.splitlines()[-1]


def test_run__published_stays_done_when_interrupted_at_the_summary(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("encours.report.summary.summary_text", interrupt)
    assert call(*RUN).exit_code == 0


def test_configuration__wrong_in_two_places_lists_both(tmp_path: Path) -> None:
    file = tmp_path / "encours.toml"
    file.write_text('[ageing]\nbasis = "birthday"\n[fx]\npivto = "EUR"\n')
    result = call("config", "--config", str(file))
    assert result.exit_code == 78
    assert "key ageing.basis" in result.stderr
    assert "did you mean fx.pivot?" in result.stderr


def test_abort__within_click_is_no_traceback() -> None:
    assert isinstance(main, click.Group)
    assert "Traceback" not in call("run", "--as-of").stderr


# -- small commands --------------------------------------------------------------------------------


def test_config__prints_toml_that_config_reads_again(tmp_path: Path) -> None:
    file = tmp_path / "encours.toml"
    file.write_text("[rules.overdue_age]\nenabled = false\n[ageing]\nbounds = [15, 45]\n")
    first = call("config", "--config", str(file), "--max-rejected", "0.5")
    assert first.exit_code == 0, first.stderr
    assert "ageing.bounds = [15, 45]\n" in first.stdout
    file.write_text(first.stdout)
    assert call("config", "--config", str(file)).stdout == first.stdout


def test_config__says_where_each_value_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "encours.toml"
    file.write_text("[fx]\nmax_age_days = 7\n")
    result = call(
        "config", "--config", str(file), "--origin", "--reporting-currency", "USD",
        ENCOURS_INTEREST__GRACE_DAYS="3",
    )  # fmt: skip
    origin = dict(line.split("  # ") for line in result.stdout.splitlines())
    origin = {key.rstrip(): where for key, where in origin.items()}
    assert origin['reporting.currency = "USD"'] == "flag"
    assert origin["interest.grace_days = 3"] == "environment ENCOURS_INTEREST__GRACE_DAYS"
    assert origin["fx.max_age_days = 7"] == f"file {file}"
    assert origin['fx.pivot = "EUR"'] == "default"


def test_rules__lists_what_is_configured_and_what_is_off(tmp_path: Path) -> None:
    file = tmp_path / "encours.toml"
    file.write_text(
        "[rules.limit_exceeded]\nlevels = [{ above = 1.5, holds = ['deliveries'] }]\n"
        "[rules.overdue_age]\nenabled = false\ncountries = ['FR', 'DE']\n"
    )
    lines = call("rules", "--config", str(file)).stdout.splitlines()
    assert [line.split(":")[0] for line in lines if not line.startswith(" ")] == [
        f"{rule} (off)" if rule in {"overdue_age", "document_value"} else rule for rule in RuleId
    ]
    assert lines[1] == "  above 1.5 of the limit: breach, holds deliveries"
    assert "  only countries: FR, DE" in lines
    listed = json.loads(call("rules", "--config", str(file), "--format", "json").stdout)
    assert listed["limit_exceeded"]["levels"][0]["holds"] == ["deliveries"]
    assert not listed["overdue_age"]["enabled"]


def test_schema__json_holds_every_table() -> None:
    contract = json.loads(call("schema", "--format", "json").stdout)
    names = [table["name"] for table in contract["tables"]]
    assert names[0] == "open_items"
    assert {"items", "credit_accounts", "ageing", "quarantine"} <= set(names)
    amount = next(
        column for column in contract["tables"][0]["columns"] if column["name"] == "amount"
    )
    assert amount["type"] == "decimal128(18, 3)"
    assert amount["required"] is True


def test_schema__of_one_table_is_a_page_of_it() -> None:
    result = call("schema", "customers")
    assert result.stdout.startswith("# customers\n")
    assert "| `country` | string | R |" in result.stdout
    assert "open_items" not in result.stdout


def test_schema__of_an_unknown_table_names_the_nearest() -> None:
    result = call("schema", "openitems")
    assert result.exit_code == 2
    assert "unknown table: openitems; did you mean open_items?" in result.stderr


def test_rates__name_every_series_with_its_last_known_half_year() -> None:
    text = call("rates").stdout
    records = json.loads(call("rates", "--format", "json").stdout)
    assert "ecb_main_refinancing_rate" in records
    for name, record in records.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
        assert record["known_until"] in line
        assert all(value["source"] for value in record["values"])
