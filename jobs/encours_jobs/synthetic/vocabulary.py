"""The made-up company group: its entities, currencies, terms, and the words of its customers."""

from __future__ import annotations

from typing import Final, NamedTuple


class Company(NamedTuple):
    """A creditor entity; every country has a bundled late-payment regime."""

    code: str
    name: str
    country: str
    currency: str
    credit_segment: str
    sector: str
    tax_percent: int
    weight: float


COMPANIES: Final = (
    Company("1000", "Valmont Industrie SAS", "FR", "EUR", "CORE", "manufacturing", 20, 30),
    Company("1100", "Valmont Services SAS", "FR", "EUR", "CORE", "services", 20, 15),
    Company("2000", "Valmont Deutschland GmbH", "DE", "EUR", "NORTH", "manufacturing", 19, 18),
    Company("3000", "Valmont UK Ltd", "GB", "GBP", "NORTH", "wholesale", 20, 11),
    Company("4000", "Valmont Italia S.p.A.", "IT", "EUR", "SOUTH", "wholesale", 22, 8),
    Company("5000", "Valmont Iberia S.L.", "ES", "EUR", "SOUTH", "wholesale", 21, 7),
    Company("6000", "Valmont Benelux NV", "BE", "EUR", "CORE", "logistics", 21, 5),
    Company("7000", "Valmont Polska sp. z o.o.", "PL", "PLN", "NORTH", "manufacturing", 23, 6),
)
CREDIT_SEGMENTS: Final = ("CORE", "NORTH", "SOUTH")


class Currency(NamedTuple):
    """A currency of the ledger.

    price_tenths   about what ten euro cents cost, in the currency's smallest unit times ten;
                   keeps amounts plausible and is no exchange rate
    quoted_e6      starting point of its made-up exchange rate, times 10**6
    from_euro      quoted as 1 EUR = rate (else 1 unit = rate EUR)
    """

    code: str
    exponent: int
    price_tenths: int
    quoted_e6: int
    from_euro: bool
    weight: float

    @property
    def step_milli(self) -> int:
        """The smallest amount that the currency can express, in thousandths of a unit."""
        return int(10 ** (3 - self.exponent))


CURRENCIES: Final = (
    Currency("EUR", 2, 10, 1_000_000, from_euro=True, weight=0),
    Currency("USD", 2, 11, 1_121_400, from_euro=True, weight=50),
    Currency("GBP", 2, 9, 1_153_800, from_euro=False, weight=10),
    Currency("PLN", 2, 43, 4_262_500, from_euro=True, weight=5),
    Currency("CHF", 2, 9, 938_100, from_euro=True, weight=12),
    Currency("SEK", 2, 110, 11_034_000, from_euro=True, weight=6),
    Currency("JPY", 0, 16, 171_350_000, from_euro=True, weight=10),
    Currency("TND", 3, 340, 294_117, from_euro=False, weight=7),
)
CURRENCY_CODES: Final = tuple(currency.code for currency in CURRENCIES)


class Country(NamedTuple):
    """A country of customers; those under late-payment law have a regime on file."""

    code: str
    currency: str
    weight: float


COUNTRIES: Final = (
    Country("FR", "EUR", 24),
    Country("DE", "EUR", 16),
    Country("GB", "GBP", 9),
    Country("IT", "EUR", 8),
    Country("ES", "EUR", 7),
    Country("BE", "EUR", 5),
    Country("PL", "PLN", 5),
    Country("NL", "EUR", 4),
    Country("AT", "EUR", 3),
    Country("PT", "EUR", 2),
    Country("IE", "EUR", 2),
    Country("FI", "EUR", 1),
    Country("SE", "SEK", 2),
    Country("LU", "EUR", 1),
    Country("CH", "CHF", 3),
    Country("US", "USD", 5),
    Country("JP", "JPY", 2),
    Country("TN", "TND", 2),
    Country("MA", "EUR", 1),
    Country("CA", "USD", 1),
)
COUNTRY_CODES: Final = tuple(country.code for country in COUNTRIES)


class Terms(NamedTuple):
    """A payment term, spelled out so that due dates can be worked out without parsing its code.

    days         counted from the baseline date, or from the end of its month (`month_first`)
    month_end    then moved to the end of the month
    day          then moved to this day of the following month, 0 for not at all
    """

    code: str
    days: int
    month_first: bool = False
    month_end: bool = False
    day: int = 0
    weight: float = 1


PAYMENT_TERMS: Final = (
    Terms("NET30", 30, weight=38),
    Terms("NET45EOM", 45, month_end=True, weight=14),
    Terms("NET60", 60, weight=14),
    Terms("NET14", 14, weight=8),
    Terms("NET30EOM", 30, month_end=True, weight=8),
    Terms("EOM45", 45, month_first=True, weight=4),
    Terms("EOM30", 30, month_first=True, weight=3),
    Terms("NET30EOMD15", 30, month_end=True, day=15, weight=3),
    Terms("NET90", 90, weight=3),
    Terms("NET10", 10, weight=3),
    Terms("NET0", 0, weight=2),
)
TERMS_CODES: Final = tuple(terms.code for terms in PAYMENT_TERMS)

DOCUMENT_TYPES: Final = (
    "invoice",
    "debit_note",
    "credit_note",
    "payment",
    "down_payment",
    "bill_of_exchange",
    "interest_note",
)
(
    INVOICE,
    DEBIT_NOTE,
    CREDIT_NOTE,
    PAYMENT,
    DOWN_PAYMENT,
    BILL_OF_EXCHANGE,
    INTEREST_NOTE,
) = range(7)
# Four letters, so that a number is built from whole 32-bit words.
DOCUMENT_PREFIXES: Final = ("INVO", "DEBN", "CRED", "PAYM", "DOWN", "BILL", "INTN")
SPLIT_PREFIX: Final = "SPLT"

FINANCINGS: Final = (
    "none",
    "discounted",
    "factored_recourse",
    "factored_no_recourse",
    "securitised",
)
NOT_FINANCED, DISCOUNTED, FACTORED_RECOURSE, FACTORED_NO_RECOURSE, SECURITISED = range(5)

ALLOCATION_KINDS: Final = (
    "payment",
    "credit_note",
    "discount",
    "write_off",
    "bill_of_exchange",
    "offset",
    "exchange_difference",
    "return",
)
(
    BY_PAYMENT,
    BY_CREDIT_NOTE,
    BY_DISCOUNT,
    BY_WRITE_OFF,
    BY_BILL,
    BY_OFFSET,
    BY_EXCHANGE_DIFFERENCE,
    RETURNED,
) = range(8)

# Contracts that name a regime of their own, all with rates on file through 2026.
CONTRACT_REGIMES: Final = (
    "NL_business",
    "IE_business",
    "AT_business",
    "FI_business",
    "CH_business",
    "SE_business",
)
DISPUTE_REASONS: Final = (
    "price differs from the order",
    "goods damaged",
    "quantity missing",
    "proof of delivery asked for",
    "invoice sent to the wrong entity",
)
RISK_CLASSES: Final = ("A", "B", "C", "D", "E")
BUSINESS_SEGMENTS: Final = ("industry", "retail", "construction", "services", "export")
IMPUTATIONS: Final = ("principal_first", "interest_first")
INSOLVENCY_KINDS: Final = ("safeguard", "reorganisation", "liquidation")
ACCOUNT_MANAGERS: Final = tuple(f"AM{number:03d}" for number in range(1, 61))

NAME_FIRST: Final = (
    "Søholm", "Atelier", "Bellerive", "Kestrel", "Montagne", "Oliveira", "Harbour", "Aalto",
    "Lumière", "Kowalski", "Tessitura", "Granville", "Weißer Hirsch", "Pont-Neuf", "Azahar", "Ruiz",
    "Sirocco", "Ironbridge", "Mirador", "Vieux Port", "Zielona", "Foxglove", "Auvergne", "Brandt",
)  # fmt: skip
NAME_TRADE: Final = (
    "Logistik", "Matériaux", "Textiles", "Foods", "Électronique", "Costruzioni", "Pharma", "Energy",
    "Meubles", "Papeterie", "Marine", "Optics", "Outillage", "Packaging", "Vins", "Hydraulics",
)  # fmt: skip
# A comma and a quotation mark stand in some names, because they do in every real customer list.
NAME_FORM: Final = (
    "SAS", "GmbH", "Ltd", "S.p.A.", "S.L.", "NV", "sp. z o.o.", "Fils, Cie", "AB", '"Le Comptoir"',
)  # fmt: skip
