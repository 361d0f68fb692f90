import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from encours.rules.regimes import load_regimes
from encours.rules.series import load_series
from encours_jobs.cli import main

OWN = """
[interest.regimes.HOUSE]
based_on = "FR"
contractual_rate = "12"
articles = "our terms"
indemnity = [{ up_to = 1000, sum = 40 }, { sum = 70 }]
[[interest.rates]]
series = "dk_morarente_rate"
effective_date = 2026-07-01
rate_percent = "9.75"
source = "Nationalbanken"
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def own(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "encours.toml"
    path.write_text(OWN, encoding="utf-8")
    return "--config", str(path)


def test_regimes__lists_every_regime_with_text_and_confidence() -> None:
    lines = call("regimes").stdout.splitlines()[1:]
    regimes = load_regimes()
    assert [line.split()[0] for line in lines] == list(regimes)
    for line, regime in zip(lines, regimes.values(), strict=True):
        assert regime.articles in line
        assert regime.confidence in line


def test_regimes__as_json_tells_every_fact() -> None:
    records = json.loads(call("regimes", "--format", "json").stdout)
    assert list(records) == list(load_regimes())
    british = records["GB_business"]
    assert british["fixing"] == "fixed_at_start"
    assert british["fixing_day"] == "eve"
    assert british["known_until"] == "2027-06-30"  # the rate of the eve, 31 December 2026
    assert british["indemnity"][0] == {"sum": "40", "below": "1000"}
    assert records["FR_business"]["contract_floor"]["times"] == "3"
    assert records["BE_business"]["round_total_up_to"] == "0.5"
    assert records["CH_business"]["known_until"] is None
    assert records["EU_default"]["confidence_in"]["IT"] == "high"


@pytest.mark.parametrize("name", list(load_regimes()))
def test_regimes__of_a_name_tells_rate_days_compensation_law_and_source(name: str) -> None:
    text = call("regimes", name).stdout
    regime = load_regimes()[name]
    facts = dict(line.split("  ", 1) for line in text.splitlines())
    assert facts["day count"].strip() == regime.day_count
    assert {"rate", "fixed", "compensation", "known to", "text", "confidence"} <= set(facts)
    assert ("source" in facts) == bool(regime.source)


def test_regimes__of_an_unknown_name_suggests_the_nearest() -> None:
    result = call("regimes", "FR_busines")
    assert result.exit_code == 2
    assert "did you mean FR_business?" in result.stderr


def test_regimes__shows_those_of_the_configuration(own: tuple[str, str]) -> None:
    text = call("regimes", "HOUSE", *own).stdout
    assert "12 flat, at least 3 x fr_taux_interet_legal_professionnels" in text
    assert "40 / 70 EUR (up to 1000, above, in EUR) per document" in text
    assert "our terms" in text
    assert "2026-12-31" in call("regimes", "DK_business", *own).stdout


def test_rates__of_a_series_show_source_and_confidence_of_each_value() -> None:
    for name, series in load_series().items():
        lines = call("rates", name).stdout.splitlines()
        assert lines[-1] == f"known to {series.known_until}"
        for line, row in zip(lines[1:-1], series.rows, strict=True):
            assert line.startswith(str(row.effective_date))
            assert row.confidence in line
            assert line.endswith(row.source)


def test_rates__as_json_carry_source_and_confidence() -> None:
    records = json.loads(call("rates", "--format", "json").stdout)
    values = [value for record in records.values() for value in record["values"]]
    assert len(values) == sum(len(series.rows) for series in load_series().values())
    assert all(value["source"] and value["confidence"] for value in values)


def test_rates__show_those_of_the_configuration(own: tuple[str, str]) -> None:
    lines = call("rates", "dk_morarente_rate", *own).stdout.splitlines()
    assert lines[-1] == "known to 2026-12-31"
    assert lines[-2].split() == ["2026-07-01", "9.75", "interest.rates", "Nationalbanken"]
    assert call("rates", "dk_morarent").exit_code == 2


def test_config__prints_regimes_and_rates_that_it_reads_again(
    own: tuple[str, str], tmp_path: Path
) -> None:
    printed = call("config", *own).stdout
    again = tmp_path / "again.toml"
    again.write_text(printed, encoding="utf-8")
    assert call("config", "--config", str(again)).stdout == printed
    assert 'interest.regimes.HOUSE.contractual_rate = "12"' in printed
