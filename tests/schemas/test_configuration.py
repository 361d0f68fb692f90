"""Configuration: who wins, where each key comes from, and what is refused in which words."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from encours_schemas.configuration import (
    Configuration,
    ExposureTerms,
    Loaded,
    TableInput,
    load_configuration,
)
from encours_schemas.configuration.keys import dotted, path_of_dotted, static_keys, variable_of
from encours_schemas.configuration.rules import Rules
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.rule_ids import RuleId
from encours_schemas.status import ExitStatus

Load = Callable[..., Loaded]
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a configuration from a text, an environment and flags."""

    def load_text(
        text: str | None = None,
        environment: Mapping[str, str] = NOTHING,
        flags: Mapping[str, object] | None = None,
    ) -> Loaded:
        path = None
        if text is not None:
            path = tmp_path / "encours.toml"
            path.write_text(text, encoding="utf-8")
        return load_configuration(path, environment, flags or {})

    return load_text


def problems_of(error: pytest.ExceptionInfo[ConfigurationWrong]) -> list[str]:
    assert error.value.exit_status == ExitStatus.CONFIGURATION_WRONG
    return [str(problem) for problem in error.value.problems]


# -- defaults and values ---------------------------------------------------------------------------


def test_configuration__has_the_defaults_of_the_contract() -> None:
    defaults = Configuration()
    assert defaults.carry == ()
    assert defaults.reporting.currency == "EUR"
    assert defaults.ageing.basis == "due_date"
    assert defaults.ageing.bounds == (30, 60, 90, 180)
    assert defaults.ageing.not_due_bounds == ()
    assert defaults.ageing.credits == "by_date"
    assert (defaults.fx.pivot, defaults.fx.max_age_days) == ("EUR", 10)
    assert defaults.exposure.for_segment("ALL") == ExposureTerms(90, True, ())
    assert defaults.interest.regime_by == "creditor"
    assert defaults.interest.accrue_on_disputed is False
    assert defaults.interest.grace_days == 0
    assert defaults.interest.minimum_claim == 0
    assert defaults.interest.periods is False
    assert defaults.limits.missing_limit == "by_risk_class"
    assert defaults.rules == Rules()
    assert defaults.input.max_rejected == Decimal("0.001")
    assert defaults.input.unknown_customer == "placeholder"
    assert defaults.defaults.creditor_country is None


def test_load_configuration__reads_the_example_of_the_contract(load: Load) -> None:
    loaded = load(
        """
        carry = []
        [reporting]
        currency = "EUR"
        [ageing]
        basis = "due_date"
        bounds = [30, 60, 90, 180]
        not_due_bounds = []
        credits = "by_date"
        [fx]
        pivot = "EUR"
        max_age_days = 10
        [exposure]
        horizon_days = 90
        credits_reduce = true
        components_left_out = []
        [interest]
        regime_by = "creditor"
        accrue_on_disputed = false
        grace_days = 0
        minimum_claim = "0"
        periods = false
        [limits]
        missing_limit = "by_risk_class"
        [rules]
        [input]
        max_rejected = 0.001
        unknown_customer = "placeholder"
        [defaults]
        creditor_country = "FR"
        """
    )
    expected = Configuration.model_validate({"defaults": {"creditor_country": "FR"}})
    assert loaded.configuration == expected


def test_for_segment__puts_the_own_settings_before_the_general_ones(load: Load) -> None:
    exposure = load(
        """
        [exposure]
        horizon_days = 60
        components_left_out = ["production"]
        [exposure.segments."EU WEST"]
        credits_reduce = false
        [exposure.segments.ASIA]
        components_left_out = []
        horizon_days = 0
        """
    ).configuration.exposure
    assert exposure.for_segment("EU WEST") == ExposureTerms(60, False, ("production",))
    assert exposure.for_segment("ASIA") == ExposureTerms(0, True, ())
    assert exposure.for_segment("elsewhere") == ExposureTerms(60, True, ("production",))


def test_dialect__is_declared_per_table(load: Load) -> None:
    read = load(
        """
        [input.tables.open_items]
        separator = ";"
        decimal_mark = ","
        thousands_separator = "."
        date_format = "%d/%m/%Y"
        encoding = "cp1252"
        float_decimals = { amount = 2 }
        """
    ).configuration.input
    assert read.dialect("open_items").separator == ";"
    assert read.dialect("open_items").float_decimals == {"amount": 2}
    assert read.dialect("allocations") == TableInput()


@pytest.mark.parametrize("written", ['"5.50"', "5.50", "5.5", '"5.5"'])
def test_minimum_claim__is_exact_however_it_is_written(load: Load, written: str) -> None:
    loaded = load(f"[interest]\nminimum_claim = {written}")
    assert loaded.configuration.interest.minimum_claim == Decimal("5.5")
    assert loaded.configuration.model_dump(mode="json")["interest"]["minimum_claim"] == "5.5"


def test_minimum_claim__refuses_a_float_even_from_a_program() -> None:
    with pytest.raises(ValidationError):
        Configuration.model_validate({"interest": {"minimum_claim": 0.5}})


def test_max_rejected__takes_a_ratio_as_it_is_printed() -> None:
    configuration = Configuration.model_validate({"input": {"max_rejected": 0.1}})
    assert configuration.input.max_rejected == Decimal("0.1")


# -- who wins, and from where ----------------------------------------------------------------------


def test_load_configuration__takes_flag_before_environment_before_file_before_default(
    load: Load,
) -> None:
    text = "[interest]\ngrace_days = 1\n[fx]\nmax_age_days = 1\n[exposure]\nhorizon_days = 1\n"
    environment = {"ENCOURS_INTEREST__GRACE_DAYS": "2", "ENCOURS_FX__MAX_AGE_DAYS": "2"}
    loaded = load(text, environment, {"interest.grace_days": 3, "reporting.currency": None})
    configuration, origin = loaded.configuration, loaded.origin
    assert configuration.interest.grace_days == 3
    assert configuration.fx.max_age_days == 2
    assert configuration.exposure.horizon_days == 1
    assert configuration.reporting.currency == "EUR"
    assert origin["interest.grace_days"] == "flag"
    assert origin["fx.max_age_days"] == "environment ENCOURS_FX__MAX_AGE_DAYS"
    assert origin["exposure.horizon_days"].startswith("file ")
    assert origin["exposure.horizon_days"].endswith("encours.toml")
    assert origin["reporting.currency"] == "default"


def test_origin__names_every_key_and_those_given_below_names(load: Load) -> None:
    loaded = load(
        '[exposure.segments."EU WEST"]\nhorizon_days = 3\n[rules.overdue_age]\nenabled = false\n',
        flags={"rules.insolvency": {"enabled": True}},
    )
    for path in static_keys():
        assert any(key.startswith(dotted(path)) for key in loaded.origin), path
    assert loaded.origin['exposure.segments."EU WEST".horizon_days'].startswith("file ")
    assert 'exposure.segments."EU WEST".credits_reduce' not in loaded.origin
    assert loaded.origin["rules.overdue_age.enabled"].startswith("file ")
    assert loaded.origin["rules.insolvency.enabled"] == "flag"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("ENCOURS_CARRY", "sales_region, plant", ("sales_region", "plant")),
        ("ENCOURS_CARRY", '["sales_region"]', ("sales_region",)),
        ("ENCOURS_CARRY", "", ()),
        ("ENCOURS_AGEING__BOUNDS", "30,60", (30, 60)),
        ("ENCOURS_AGEING__BOUNDS", "[30, 60]", (30, 60)),
        ("ENCOURS_AGEING__BASIS", "posting_date", "posting_date"),
        ("ENCOURS_INTEREST__PERIODS", "yes", True),
        ("ENCOURS_INTEREST__PERIODS", "True", True),
        ("ENCOURS_INTEREST__PERIODS", "0", False),
        ("ENCOURS_INTEREST__MINIMUM_CLAIM", "5.50", Decimal("5.5")),
        ("ENCOURS_INPUT__MAX_REJECTED", "0.01", Decimal("0.01")),
        ("ENCOURS_DEFAULTS__CREDITOR_COUNTRY", "FR", "FR"),
        ("ENCOURS_REPORTING__CURRENCY", "NOK", "NOK"),
    ],
)
def test_environment__is_read_for_the_type_of_the_key(
    load: Load, variable: str, text: str, expected: object
) -> None:
    loaded = load(environment={variable: text})
    value: object = loaded.configuration
    for part in variable.removeprefix("ENCOURS_").lower().split("__"):
        value = getattr(value, part)
    assert value == expected
    assert type(value) is type(expected)


def test_environment__reaches_rules_and_dialects(load: Load) -> None:
    configuration = load(
        environment={
            "ENCOURS_RULES__OVERDUE_AGE__ENABLED": "false",
            "ENCOURS_RULES__OVERDUE_AGE__MATERIALITY": "100.5",
            "ENCOURS_INPUT__TABLES__OPEN_ITEMS__SEPARATOR": ";",
        }
    ).configuration
    assert not configuration.rules.overdue_age.enabled
    assert configuration.rules.overdue_age.materiality == Decimal("100.5")
    assert configuration.input.dialect("open_items").separator == ";"


def test_environment__leaves_the_variables_of_commands_alone(load: Load) -> None:
    environment = {"ENCOURS_LOG_FORMAT": "json", "ENCOURS_KERNEL_CACHE": "x", "HOME": "/"}
    assert load(environment=environment).configuration == Configuration()


def test_flags__given_as_text_are_read_like_variables(load: Load) -> None:
    flags = {"interest.periods": "true", "ageing.bounds": "10,20", "carry": ["plant"]}
    configuration = load(flags=flags).configuration
    assert configuration.interest.periods is True
    assert configuration.ageing.bounds == (10, 20)
    assert configuration.carry == ("plant",)


# -- what is refused -------------------------------------------------------------------------------

REFUSED = {
    "[interest]\nperods = true": (
        "unknown key",
        "key interest.perods",
        "did you mean interest.periods?",
    ),
    "[fx]\ngrace_days = 3": ("key fx.grace_days", "did you mean interest.grace_days?"),
    "horizon_days = 3": ("key horizon_days", "did you mean exposure.horizon_days?"),
    "[intrest]\nperiods = true": ("key intrest", "did you mean interest?"),
    "[zzz]\nq = 1": ("key zzz", "known here: carry, reporting, ageing"),
    "interest = 3": ("key interest;", "found number 9, expected a table"),
    "[interest]\ngrace_days = -1": ("found number -9, expected at least 0", "default 0"),
    "[interest]\ngrace_days = 36501": ("expected at most 36500",),
    "[interest]\ngrace_days = 1.5": ("found number 9.9, expected a whole number",),
    "[interest]\ngrace_days = true": ("found true or false, expected a whole number",),
    '[interest]\nperiods = "yes"': ("found text aaa, expected true or false", "default false"),
    "[interest]\nminimum_claim = -0.5": ("expected an amount of at least 0",),
    "[interest]\nminimum_claim = 0.0001": ("expected an amount of at least 0",),
    "[interest]\nminimum_claim = nan": ("expected a finite number",),
    '[interest]\nminimum_claim = "1,5"': ("found text 9,9, expected an exact number",),
    f"[interest]\nminimum_claim = 1{'0' * 40}": ("expected an amount of at least 0",),
    '[ageing]\nbasis = "duedate"': (
        "found text a{7}",
        "expected `due_date`, `document_date` or `posting_date`",
        "did you mean `due_date`?",
    ),
    "[ageing]\nbounds = [30, 30]": ("key ageing.bounds", "strictly increasing"),
    "[ageing]\nbounds = [0, 30]": ("strictly increasing",),
    "[ageing]\nbounds = []": ("expected at least one bound",),
    '[ageing]\nbounds = [30, "x"]': ("key ageing.bounds[1]", "expected a whole number"),
    "[ageing]\nbounds = 30": ("expected a list",),
    '[reporting]\ncurrency = "eur"': ("found text aaa, expected an ISO 4217 code", '"EUR"'),
    "[reporting]\ncurrency = 3": ("expected a text",),
    '[defaults]\ncreditor_country = "FRA"': ("expected an ISO 3166-1 code",),
    '[exposure]\ncomponents_left_out = ["orders"]': (
        "key exposure.components_left_out[0]",
        "did you mean `open_orders`?",
    ),
    '[exposure]\ncomponents_left_out = ["production", "production"]': ("every name once",),
    "[exposure.segments.A]\nhorizon = 3": ("did you mean exposure.segments.A.horizon_days?",),
    "[rules.limit_exeeded]\nenabled = true": (
        "key rules.limit_exeeded",
        "did you mean rules.limit_exceeded?",
    ),
    "[rules]\noverdue_age = 30": ("key rules.overdue_age", "expected a table"),
    "[rules.overdue_age]\nmaterialty = 1": ("did you mean rules.overdue_age.materiality?",),
    "[rules.overdue_age]\nmateriality = -1": ("expected an amount of at least 0",),
    "[rules.overdue_share]\nabove = 1.1": ("expected a share above 0, up to 1",),
    "[rules.limit_exceeded]\nrelease_below = 0": ("expected a share above 0, up to 1",),
    "[rules.limit_exceeded]\nlevels = []": ("levels of strictly increasing `above`",),
    "[rules.limit_exceeded]\nlevels = [{ above = 1 }, { above = 1.0 }]": (
        "key rules.limit_exceeded.levels",
        "levels of strictly increasing `above`",
        'for the default [{ above = "0.9", severity = "warning", holds = [] }, ',
    ),
    "[rules.limit_exceeded]\nlevels = [{ above = 0.9995 }]": ("with at most 3 decimals",),
    "[rules.limit_exceeded]\nlevels = [{ above = 10 }]": ("up to 9",),
    "[rules.limit_exceeded]\nlevels = [{ severity = 'breach' }]": (
        "key rules.limit_exceeded.levels.above[0]",
        "expected a value",
    ),
    "[rules.limit_exceeded]\nlevels = [{ above = 1, hold = ['orders'] }]": (
        "did you mean rules.limit_exceeded.levels.holds?",
    ),
    "[rules.overdue_age]\nlevels = [{ above_days = 9 }, { above_days = 8 }]": (
        "levels of strictly increasing `above_days`",
    ),
    "[rules.manual_hold]\nholds = ['order']": ("did you mean `orders`?",),
    "[rules.manual_hold]\nholds = ['orders', 'orders']": ("every name once",),
    "[rules.insolvency]\ncountries = ['France']": ("an ISO 3166-1 code",),
    "[input]\nmax_rejected = 1.5": ("expected a share from 0 to 1",),
    "[input.tables.open_itms]\nseparator = ';'": ("did you mean `open_items`?",),
    "[input.tables.sales]\nseparator = ';;'": (
        "key input.tables.sales.separator",
        "expected one character",
    ),
    "[input.tables.sales]\nquote = '**'": ("expected one character, or none",),
    "[input.tables.sales]\nseparator = '|'\nquote = '|'": ("a quote that is not the separator",),
    "[input.tables.sales]\nthousands_separator = '.'": ("that is not the decimal mark",),
    "[input.tables.sales]\ndate_format = '%d/%m/%y'": ("%Y, %m and %d once each",),
    "[input.tables.sales]\nencoding = 'utf-9'": ("expected a text encoding",),
    "[input.tables.sales]\nencoding = 'base64'": ("expected a text encoding",),
    "[input.tables.sales]\nfloat_decimals = { amount = 2 }": (
        "key input.tables.sales.float_decimals.amount",
        "did you mean `amount_excl_tax`?",
    ),
    "[input.tables.sales]\nfloat_decimals = { amount_excl_tax = 4 }": ("decimals from 0 to 3",),
    "carry = ['item_id']": ("columns that the contract does not know", "take `item_id` out"),
    "carry = ['plant', 'plant']": ("every name once",),
    "carry = ['']": ("not empty",),
}


@pytest.mark.parametrize(("text", "parts"), REFUSED.items())
def test_load_configuration__refuses_with_key_shape_expectation_and_cure(
    load: Load, text: str, parts: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationWrong) as error:
        load(text)
    (problem,) = problems_of(error)
    assert "encours.toml" in problem
    for part in parts:
        assert part in problem


def test_load_configuration__reports_all_errors_at_once(load: Load) -> None:
    with pytest.raises(ConfigurationWrong) as error:
        load(
            "[interest]\ngrace_days = -1\nperods = true\n[rules.nothing]\n",
            {"ENCOURS_FX_PIVOT": "USD", "ENCOURS_FX__MAX_AGE_DAYS": "ten"},
            {"limits.missing_limit": "none"},
        )
    problems = problems_of(error)
    assert len(problems) == 6
    assert str(error.value).count("\n") == 6
    keys = (
        "ENCOURS_FX_PIVOT",
        "interest.grace_days",
        "interest.perods",
        "rules.nothing",
        "environment ENCOURS_FX__MAX_AGE_DAYS, key fx.max_age_days",
        "flag, key limits.missing_limit",
    )
    for key in keys:
        assert sum(key in problem for problem in problems) == 1, key


def test_load_configuration__never_tells_the_value(load: Load) -> None:
    pasted = "hunter2by-mistake"
    with pytest.raises(ConfigurationWrong) as error:
        load(
            f'[interest]\ngrace_days = "{pasted}"\n',
            {"ENCOURS_REPORTING__CURRENCY": pasted},
            {"ageing.basis": pasted},
        )
    assert len(problems_of(error)) == 3
    assert pasted not in str(error.value)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("ENCOURS_FX_PIVOT", "did you mean ENCOURS_FX__PIVOT"),
        ("ENCOURS_INTEREST__GRACE", "did you mean interest.grace_days?"),
        ("ENCOURS_FOO__BAR", "unknown key"),
        ("ENCOURS_EXPOSURE__SEGMENTS__EU__HORIZON_DAYS", "set it in the file"),
        ("ENCOURS_INTEREST__GRACE_DAYS__", "expected"),
    ],
)
def test_environment__refuses_a_variable_that_sets_nothing(
    load: Load, name: str, part: str
) -> None:
    with pytest.raises(ConfigurationWrong) as error:
        load(environment={name: "3"})
    (problem,) = problems_of(error)
    assert name in problem
    assert part in problem


def test_environment__refuses_a_second_line(load: Load) -> None:
    with pytest.raises(ConfigurationWrong, match="expected a whole number"):
        load(environment={"ENCOURS_FX__MAX_AGE_DAYS": "3\nother = 4"})


@pytest.mark.parametrize("key", ["", "a..b", "a\nb", "a b", "x = 1 #"])
def test_flags__refuse_what_is_no_key(load: Load, key: str) -> None:
    with pytest.raises(ConfigurationWrong):
        load(flags={key: 1})


def test_load_configuration__refuses_a_value_where_a_table_belongs_despite_a_variable(
    load: Load,
) -> None:
    with pytest.raises(ConfigurationWrong, match="expected a table"):
        load("interest = 3", {"ENCOURS_INTEREST__PERIODS": "true"})


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"[interest\n", "line 1"),
        (b"a = 1\na = 2\n", "not TOML"),
        (b"a = '\xff'\n", "not UTF-8"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
)
def test_load_configuration__refuses_a_file_that_is_not_toml(
    tmp_path: Path, content: bytes, part: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationWrong, match=part) as error:
        load_configuration(path, {}, {})
    assert "bad.toml" in str(error.value)


def test_load_configuration__reads_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "encours.toml"
    path.write_bytes(b"\xef\xbb\xbf[fx]\nmax_age_days = 3\n")
    assert load_configuration(path, {}, {}).configuration.fx.max_age_days == 3


def test_load_configuration__refuses_a_file_that_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong, match=r"cannot be read: file .*absent\.toml; found No"):
        load_configuration(tmp_path / "absent.toml", {}, {})


# -- what the manifest gets ------------------------------------------------------------------------


def test_model_dump__does_not_depend_on_how_the_same_settings_were_written(load: Load) -> None:
    first = load(
        "[input]\nmax_rejected = 0.010\n[rules.overdue_age]\nmateriality = 1.50\n"
        "[rules.insolvency]\ncountries = ['FR']\n[exposure.segments.B]\n[exposure.segments.A]\n"
        "[input.tables.sales]\n[input.tables.companies]\n"
    )
    second = load(
        "[input.tables.companies]\n[input.tables.sales]\n[exposure.segments.A]\n"
        "[exposure.segments.B]\n[rules.insolvency]\ncountries = ['FR']\n"
        "[rules.overdue_age]\nmateriality = 1.5\n[input]\nmax_rejected = 0.01\n"
    )
    dumps = [json.dumps(one.configuration.model_dump(mode="json")) for one in (first, second)]
    assert dumps[0] == dumps[1]
    assert json.loads(dumps[0])["rules"]["overdue_age"]["materiality"] == "1.5"


def test_model_dump__can_be_loaded_again(load: Load) -> None:
    configuration = load(
        "[interest]\nminimum_claim = 5\n[exposure.segments.A]\nhorizon_days = 3\n"
        "[input.tables.sales.float_decimals]\namount_incl_tax = 2\n"
    ).configuration
    assert Configuration.model_validate(configuration.model_dump(mode="json")) == configuration


def test_configuration__is_frozen() -> None:
    with pytest.raises(ValidationError):
        Configuration().interest.grace_days = 3


# -- names of keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [("a", "b"), ("exposure", "segments", "EU WEST"), ("é", "x.y")])
def test_dotted__is_read_back_as_the_same_path(path: tuple[str, ...]) -> None:
    assert path_of_dotted(dotted(path)) == path


def test_variable_of__is_the_key_in_capitals_with_two_underscores() -> None:
    assert variable_of(("interest", "grace_days")) == "ENCOURS_INTEREST__GRACE_DAYS"


def test_static_keys__are_those_of_the_contract() -> None:
    keys = [dotted(path) for path in static_keys()]
    assert {key.split(".")[1] for key in keys if key.startswith("rules.")} == set(RuleId)
    assert [key for key in keys if not key.startswith("rules.")] == [
        "carry",
        "reporting.currency",
        "ageing.basis",
        "ageing.bounds",
        "ageing.not_due_bounds",
        "ageing.credits",
        "fx.pivot",
        "fx.max_age_days",
        "exposure.horizon_days",
        "exposure.credits_reduce",
        "exposure.components_left_out",
        "exposure.segments",
        "interest.regime_by",
        "interest.accrue_on_disputed",
        "interest.grace_days",
        "interest.minimum_claim",
        "interest.periods",
        "interest.statement",
        "interest.imputation",
        "interest.regimes",
        "interest.rates",
        "limits.missing_limit",
        "orders.cash_in_advance_terms",
        "erp.max_hold_changes",
        "erp.hold_changes_at_least",
        "erp.max_input_shrink",
        "erp.shrink_exempt",
        "erp.own_origins",
        "erp.files",
        "erp.adapters",
        "input.max_rejected",
        "input.unknown_customer",
        "input.tables",
        "input.layouts",
        "input.parameters",
        "input.sources",
        "defaults.creditor_country",
    ]
