"""The sections of `encours.toml`, every key with its default and its meaning.

The descriptions here are the reference page; a value that passes these models is one that the
engine can work with.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from encours_schemas.configuration import checks
from encours_schemas.configuration.erp import Erp, Orders
from encours_schemas.configuration.law import OwnRate, OwnRegimes
from encours_schemas.configuration.rules import Rules
from encours_schemas.configuration.section import (
    FromList,
    InOrder,
    ModelsInOrder,
    Section,
    as_tuple,
)

Component = Literal[
    "receivables",
    "bills_of_exchange",
    "financed_with_recourse",
    "deliveries_not_invoiced",
    "production",
    "open_orders",
    "credit_notes",
    "unapplied_payments",
    "down_payments",
]


def _as_texts(value: object) -> object:
    """Take one text for a list of one."""
    return (value,) if isinstance(value, str) else as_tuple(value)


Amount = Annotated[
    Decimal,
    BeforeValidator(checks.exact_number),
    AfterValidator(checks.checked_minimum_claim),
    InOrder,
]
Ratio = Annotated[
    Decimal,
    BeforeValidator(checks.exact_ratio),
    AfterValidator(checks.checked_ratio),
    InOrder,
]
Days = Annotated[int, Field(ge=0, le=checks.DAYS_MAX)]
Bounds = Annotated[tuple[int, ...], FromList, AfterValidator(checks.checked_bounds)]
Components = Annotated[tuple[Component, ...], FromList, AfterValidator(checks.checked_once)]
CurrencyCode = Annotated[str, AfterValidator(checks.checked_currency)]
CountryCode = Annotated[str, AfterValidator(checks.checked_country)]


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_texts)]
Separators = Annotated[
    tuple[Annotated[str, AfterValidator(checks.checked_separator)], ...],
    BeforeValidator(_as_texts),
    AfterValidator(checks.checked_once),
]
DecimalMarks = Annotated[tuple[Literal[".", ","], ...], BeforeValidator(_as_texts)]
DateFormats = Annotated[
    tuple[str, ...], BeforeValidator(_as_texts), AfterValidator(checks.checked_date_formats)
]
Thousands = Literal["", ".", ",", " ", "'", "\u00a0", "\u202f", "\u2019"]
Sign = Literal["leading", "trailing", "either", "parentheses"]
LineEnds = Literal["lf", "any"]
Pivot = Annotated[int, Field(ge=0, le=99)]
SkippedLines = Annotated[int, Field(ge=0, le=1000)]
EncodingName = Annotated[str, AfterValidator(checks.checked_encoding)]
Quote = Annotated[str, AfterValidator(checks.checked_quote)]
ParameterValue = str | int | bool


class Reporting(Section):
    """The currency in which everything is added up."""

    currency: CurrencyCode = Field(default="EUR", description="Reporting currency, ISO 4217.")


class Ageing(Section):
    """How open amounts are spread over buckets."""

    basis: Literal["due_date", "document_date", "posting_date"] = Field(
        default="due_date", description="The date from which buckets count. It moves buckets only."
    )
    bounds: Annotated[Bounds, AfterValidator(checks.checked_some)] = Field(
        default=(30, 60, 90, 180),
        description="Upper bounds of the late buckets in days, inclusive, strictly increasing.",
    )
    not_due_bounds: Bounds = Field(
        default=(),
        description="Upper bounds of a ladder for what is not due yet; none: one bucket.",
    )
    credits: Literal["by_date", "own_column", "oldest_first"] = Field(
        default="by_date",
        description=(
            "Where credits stand: in the bucket of their own date, in a bucket `unallocated`, "
            "or set against the oldest buckets of their customer."
        ),
    )


class Fx(Section):
    """How currencies are converted."""

    pivot: CurrencyCode = Field(
        default="EUR", description="Currency through which a pair without a fresh rate is crossed."
    )
    max_age_days: Days = Field(
        default=10, description="A rate older than this many days at the as-of date is stale."
    )


class ExposureTerms(NamedTuple):
    """What counts as exposure in one credit segment."""

    horizon_days: int
    credits_reduce: bool
    components_left_out: tuple[Component, ...]


class SegmentExposure(Section):
    """What one credit segment does otherwise; a key left out follows `[exposure]`."""

    horizon_days: Days | None = Field(
        default=None, description="Horizon of open orders in days in this segment."
    )
    credits_reduce: bool | None = Field(
        default=None, description="Whether credits reduce exposure in this segment."
    )
    components_left_out: Components | None = Field(
        default=None,
        description="Components not counted in this segment, in place of the general list.",
    )


class Exposure(Section):
    """What counts as exposure."""

    horizon_days: Days = Field(
        default=90, description="Orders expected later than as-of + this many days are not counted."
    )
    credits_reduce: bool = Field(
        default=True, description="Credits reduce exposure, within the netting rules."
    )
    components_left_out: Components = Field(
        default=(), description="Components that are shown but not counted."
    )
    segments: Annotated[dict[str, SegmentExposure], ModelsInOrder] = Field(
        default_factory=dict,
        description="Settings of single credit segments: `[exposure.segments.NAME]`.",
    )

    def for_segment(self, name: str) -> ExposureTerms:
        """Give what holds in a credit segment: its own settings before the general ones."""
        own = self.segments.get(name, SegmentExposure())
        left_out = own.components_left_out
        return ExposureTerms(
            self.horizon_days if own.horizon_days is None else own.horizon_days,
            self.credits_reduce if own.credits_reduce is None else own.credits_reduce,
            self.components_left_out if left_out is None else left_out,
        )


class Interest(Section):
    """Policy of penalty interest, where the law leaves a choice."""

    regime_by: Literal["creditor", "debtor"] = Field(
        default="creditor",
        description="Whose country's law governs an item without a regime by contract.",
    )
    accrue_on_disputed: bool = Field(
        default=False,
        description="Claim interest on disputed parts instead of suspending it.",
    )
    grace_days: Days = Field(
        default=0, description="A delay of at most this many days bears no interest at all."
    )
    minimum_claim: Amount = Field(
        default=Decimal(0),
        description=(
            "Interest of an item below this amount of reporting currency is not claimed. "
            "Exact: written as text or as a decimal number."
        ),
    )
    periods: bool = Field(
        default=False, description="Publish the table `interest_periods` as well."
    )
    statement: bool = Field(
        default=False, description="Publish the table `interest_statement` as well."
    )
    imputation: Literal["principal_first", "interest_first"] = Field(
        default="principal_first",
        description="What a payment pays first, unless the customer's `imputation` says otherwise.",
    )
    regimes: OwnRegimes = Field(
        default_factory=dict,
        description=(
            "Regimes and contracts of your own, and changes of bundled regimes: "
            "`[interest.regimes.NAME]`."
        ),
    )
    rates: Annotated[tuple[OwnRate, ...], FromList] = Field(
        default=(),
        description=(
            "Rows of reference rates, as in the table `reference_rates`: "
            "`[[interest.rates]]` with series, effective_date, rate_percent and source."
        ),
    )


class Limits(Section):
    """Policy of credit limits."""

    missing_limit: Literal["by_risk_class", "zero", "unlimited", "insured"] = Field(
        default="by_risk_class",
        description="What serves as limit of an account without an internal one.",
    )


class TableInput(Section):
    """How one input table is written, for text columns and floats; nothing is guessed."""

    separator: Annotated[str, AfterValidator(checks.checked_separator)] = Field(
        default=",", description="Character between the fields of a CSV line."
    )
    quote: Annotated[str, AfterValidator(checks.checked_quote)] = Field(
        default='"', description="Character around quoted fields of a CSV line; empty: none."
    )
    decimal_mark: Literal[".", ","] = Field(
        default=".", description="Mark before the decimals of a number in text."
    )
    thousands_separator: Literal["", ".", ",", " ", "'", "\u00a0", "\u202f", "\u2019"] = Field(
        default="",
        description="Mark between groups of three digits of a number in text; empty: none.",
    )
    date_format: Annotated[str, AfterValidator(checks.checked_date_format)] = Field(
        default="%Y-%m-%d",
        description="Form of dates in text: `%Y`, `%m` and `%d` with marks between.",
    )
    encoding: Annotated[str, AfterValidator(checks.checked_encoding)] = Field(
        default="utf-8", description="Encoding of CSV files."
    )
    float_decimals: Annotated[dict[str, int], InOrder] = Field(
        default_factory=dict,
        description=(
            "How many decimals the floats of a column mean, by column. A float column that is "
            "not listed here is refused where exact numbers are needed."
        ),
    )

    @model_validator(mode="after")
    def _refuse_ambiguous_marks(self) -> TableInput:
        if self.decimal_mark == self.thousands_separator:
            raise checks.wrong("a thousands separator that is not the decimal mark")
        if self.separator == self.quote:
            raise checks.wrong("a quote that is not the separator")
        return self


class SourceForm(Section):
    """How a source of a layout is written otherwise than the layout says."""

    files: Texts | None = Field(default=None, description="Names of the files, with `*` and `?`.")
    encoding: EncodingName | None = Field(default=None, description="Encoding of the files.")
    separator: Separators | None = Field(
        default=None, description="Character between fields, or a list of which the header decides."
    )
    quote: Quote | None = Field(default=None, description="Character around quoted fields.")
    line_ends: LineEnds | None = Field(
        default=None, description="`any`: a carriage return alone ends a line, too."
    )
    skip_lines: SkippedLines | None = Field(
        default=None, description="Lines before the header that are no data."
    )
    trim: bool | None = Field(default=None, description="Drop blanks around values.")
    empty: Texts | None = Field(default=None, description="Texts that mean that there is no value.")
    decimal_mark: DecimalMarks | None = Field(
        default=None, description="Mark before the decimals, or a list of marks."
    )
    thousands_separator: Thousands | None = Field(
        default=None, description="Mark between groups of three digits."
    )
    sign: Sign | None = Field(default=None, description="Where a minus stands.")
    date_format: DateFormats | None = Field(
        default=None, description="Form of dates, as `DD.MM.YYYY`, or a list of forms."
    )
    empty_dates: Texts | None = Field(default=None, description="Dates that mean no date.")
    century_pivot: Pivot | None = Field(
        default=None, description="Two-digit years below it are 20YY, the others 19YY."
    )
    sql: str | None = Field(default=None, description="The query of a source of format `sql`.")
    uri_variable: str | None = Field(
        default=None, description="Environment variable with the address of the database."
    )


TableName = Annotated[str, AfterValidator(checks.checked_table_name)]


class Input(Section):
    """How the ledger is read, and how much of it may be bad."""

    max_rejected: Ratio = Field(
        default=Decimal("0.001"),
        description="Share of the rows of a table that may be quarantined before the run refuses.",
    )
    unknown_customer: Literal["placeholder", "quarantine"] = Field(
        default="placeholder",
        description="What happens to rows of a customer without a row in `customers`.",
    )
    tables: Annotated[
        dict[TableName, TableInput],
        AfterValidator(checks.checked_float_columns),
        ModelsInOrder,
    ] = Field(
        default_factory=dict,
        description="Dialect of single input tables: `[input.tables.NAME]`.",
    )
    layouts: Annotated[Texts, AfterValidator(checks.checked_once)] = Field(
        default=(),
        description=(
            "Layouts that map foreign extracts to the contract: bundled names, or files ending in "
            "`.toml`."
        ),
    )
    parameters: Annotated[dict[str, ParameterValue], InOrder] = Field(
        default_factory=dict, description="Values of the layouts' parameters, by name."
    )
    sources: Annotated[dict[str, SourceForm], ModelsInOrder] = Field(
        default_factory=dict,
        description="What is written otherwise than a layout says: `[input.sources.NAME]`.",
    )

    def dialect(self, table: str) -> TableInput:
        """Give the dialect of an input table, the default one where none is declared."""
        return self.tables.get(table, _DEFAULT_DIALECT)


_DEFAULT_DIALECT: Final = TableInput()


class Defaults(Section):
    """What is true where the ledger is silent."""

    creditor_country: CountryCode | None = Field(
        default=None,
        description=(
            "Country of company codes without a row in `companies`. No default of its own: it "
            "must be stated when that table is absent."
        ),
    )


class Configuration(Section):
    """Everything that can be configured; every key is optional."""

    carry: Annotated[tuple[str, ...], FromList, AfterValidator(checks.checked_carry)] = Field(
        default=(),
        description=(
            "Columns unknown to the contract that pass unchanged: from `open_items` to `items`, "
            "from `customers` to `credit_accounts`."
        ),
    )
    reporting: Reporting = Field(default_factory=Reporting)
    ageing: Ageing = Field(default_factory=Ageing)
    fx: Fx = Field(default_factory=Fx)
    exposure: Exposure = Field(default_factory=Exposure)
    interest: Interest = Field(default_factory=Interest)
    limits: Limits = Field(default_factory=Limits)
    rules: Rules = Field(default_factory=Rules)
    orders: Orders = Field(default_factory=Orders)
    erp: Erp = Field(default_factory=Erp)
    input: Input = Field(default_factory=Input)
    defaults: Defaults = Field(default_factory=Defaults)
