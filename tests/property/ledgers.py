"""Small ledgers full of trouble, from a seed: the same seed gives the same ledger everywhere.

Tables are lists of rows (Decimal, date, bool, str; a str in a column of another kind is the text of
a CSV field). A row `{"_rejected": reason}` is one that cannot become fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.naive.contract import CREDIT_TYPES, DOCUMENT_TYPES, EXPONENTS, FINANCINGS

Row = dict[str, Any]

CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP", "JPY", "TND")
CREDITORS = ("FR", "FR", "DE", "GB", "IT", "NL", "IE", "BE", "FI", "CH", "SE", "PL", "AT", "US")
DEBTORS = ("FR", "DE", "GB", "IT", "NL", "IE", "US", "JP", "BR")
OWN_REGIMES = {
    "FLAT": {"based_on": "FR", "contractual_rate": "13.5"},
    "OVER_ECB": {"based_on": "DE_business", "fixing": "contractual", "margin": "-0.75"}
    | {"reference": "ecb_main_refinancing_rate", "day_count": "ACT/360"},
    "NL_business": {"margin": "9"},
}
LAWS = ("FR_business", "DE_business", "NL_business", "IE_business", "GB_business", "NONE")
REGIMES = (*LAWS, "FLAT", "OVER_ECB")
CONFIGURED_RATES = [
    {"series": "at_basiszinssatz", "effective_date": "2025-03-15", "rate_percent": "1.75"},
    {"series": "at_basiszinssatz", "effective_date": "2025-07-01", "rate_percent": "-0.005"},
]
TERMS = ("NET30", "NET0", "NET45EOM", "EOM45", "NET30EOMD15", "EOM0D31", "NET60D10", "NET14")
IMPUTATIONS = ("principal_first", "interest_first", "interest_first")
OPTIONAL_TABLES = ("allocations", "commitments", "companies")
DIALECTS = (
    {"separator": ";", "decimal_mark": ",", "date_format": "%d/%m/%Y"},
    {"separator": "\t", "date_format": "%d.%m.%Y"},
    {"separator": ";", "decimal_mark": ",", "encoding": "cp1252"},
)
TAX_PERCENTS = (Decimal(20), Decimal("5.5"), Decimal(0))
AWKWARD_IDS = ("0007", "7", "a,b", 'say "x"', "Ünïcode-é", "=1+1", " leading", "customer-long-name")
FX_ROUGHLY = {"USD": "1.08", "GBP": "0.85", "JPY": "161", "TND": "3.4"} | {
    "SEK": "11.3",
    "DKK": "7.46",
    "PLN": "4.3",
    "CHF": "0.95",
}


@dataclass
class Case:
    """One ledger with its as-of date and configuration."""

    seed: int
    as_of: date
    tables: dict[str, list[Row]]
    configuration: dict[str, Any]
    extract_date: date | None = None


class Builder:
    """Draws one ledger."""

    def __init__(self, seed: int, *, with_defects: bool) -> None:
        """Choose the date, the parties and the options first: everything else hangs on them."""
        self.seed = seed
        self.random = Random(seed)
        self.with_defects = with_defects
        self.as_of = date(2024, 3, 1) + timedelta(days=self.random.randrange(1036))
        self.pivot = self.random.choice(("EUR", "EUR", "USD"))
        self.max_age_days = self.random.choice((0, 3, 10))
        self.carries = self.chance(0.25)
        self.item_number = 0
        self.tables: dict[str, list[Row]] = {}

    # -- small draws

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def maybe(self, probability: float, value: Any) -> Any:
        """Give the value, mostly or rarely; else None."""
        return value if self.chance(probability) else None

    def day(self, earliest: int, latest: int) -> date:
        """Give a day between two distances from the as-of date."""
        return self.as_of + timedelta(days=self.random.randint(earliest, latest))

    def amount(self, currency: str) -> Decimal:
        """Give a positive amount that the currency can hold."""
        digits = EXPONENTS[currency]
        size = self.random.choice((1, 99, 9_999, 99_999, 100_000, 1_000_000, 123_456_789))
        return Decimal(self.random.randint(1, size * 10)).scaleb(-digits)

    def part(self, amount: Decimal, currency: str) -> Decimal:
        """Give a part of an amount, with its sign."""
        unit = Decimal(1).scaleb(-EXPONENTS[currency])
        return (amount * self.random.randint(1, 99) / 100).quantize(unit)

    # -- parties

    def build(self) -> Case:
        """Draw all tables."""
        random = self.random
        self.tables["companies"] = self._companies(random.randint(1, 4))
        self.tables["customers"] = self._customers(random.randint(1, 7))
        items = [self._item() for _ in range(random.choice((0, 1, 5, 5, 20, 20, 40, 40, 60, 60)))]
        self.tables["open_items"] = items
        self.tables["allocations"] = [
            row for item in items if self.chance(0.55) for row in self._allocations(item)
        ]
        self.tables["commitments"] = [self._commitment(n) for n in range(random.randint(0, 12))]
        self.tables["fx_rates"] = self._fx_rates()
        if self.chance(0.4):
            self.tables["credit_limits"] = [self._limit(n) for n in range(random.randint(1, 6))]
        if self.chance(0.4):
            self.tables["ledger_balances"] = self._balances()
        if self.chance(0.25):
            self.tables["reference_rates"] = self._own_rates()
        if self.with_defects:
            for spoil in random.sample(DEFECTS, random.randint(1, 12)):
                spoil(self)
        for rows in self.tables.values():
            random.shuffle(rows)
        for name in OPTIONAL_TABLES:
            if self.chance(0.07):
                del self.tables[name]
        extract_date = self.maybe(0.3, self.day(-30, 30))
        return Case(self.seed, self.as_of, self.tables, self._configuration(), extract_date)

    def _companies(self, count: int) -> list[Row]:
        codes = [f"C{number}" for number in range(count)]
        rows = [
            {
                "company_code": code,
                "name": f"Company {code}",
                "country": self.random.choice(CREDITORS),
                "credit_segment": self.maybe(0.5, self.random.choice(("NORTH", "SOUTH"))),
            }
            for code in codes
        ]
        self.company_codes = codes
        # Some company codes have no row: the configured country serves.
        return [row for row in rows if self.chance(0.9)]

    def _customers(self, count: int) -> list[Row]:
        pool = [*AWKWARD_IDS, "K1", "K2", "K3", "K4", "K5"]
        ids = self.random.sample(pool, count)
        self.customer_ids = [*ids, *(["UNKNOWN"] if self.chance(0.3) else [])]
        rows = []
        for customer_id in ids:
            insolvent = self.chance(0.25)
            opened = self.maybe(insolvent, self.day(-400, 30))
            ended = opened and self.maybe(0.4, opened + timedelta(self.random.randint(1, 300)))
            rows.append(
                {
                    "customer_id": customer_id,
                    "name": self.maybe(0.8, f"Name, of\n{customer_id}"),
                    "parent_id": self.maybe(0.5, self.random.choice([*ids, "NOBODY", customer_id])),
                    "credit_account_id": self.maybe(0.3, self.random.choice([*ids, "SHARED"])),
                    "country": self.random.choice(DEBTORS),
                    "risk_class": self.maybe(0.5, self.random.choice("ABC")),
                    "segment": self.maybe(0.5, "retail"),
                    "account_manager": self.maybe(0.5, "someone"),
                    "public_buyer": self.maybe(0.5, self.chance(0.3)),
                    "consumer": self.maybe(0.5, self.chance(0.1)),
                    "intragroup": self.maybe(0.5, self.chance(0.1)),
                    "netting_agreement": self.maybe(0.5, self.chance(0.3)),
                    "interest_regime": self.maybe(0.15, self.random.choice(REGIMES)),
                    "imputation": self.maybe(0.4, self.random.choice(IMPUTATIONS)),
                    "payment_terms": self.maybe(0.5, self.random.choice(TERMS)),
                    "insolvency_date": opened,
                    "insolvency_kind": opened and self.maybe(0.5, "safeguard"),
                    "insolvency_ended_on": ended,
                    "manual_hold": self.maybe(0.3, self.chance(0.3)),
                }
            )
            if self.carries:
                rows[-1]["region"] = self.maybe(0.7, self.random.choice(("south", "north")))
        return rows

    # -- items

    def _item(self) -> Row:
        random = self.random
        self.item_number += 1
        currency = random.choice(CURRENCIES)
        document_type = random.choice((*DOCUMENT_TYPES, "invoice", "invoice", "invoice", "invoice"))
        is_credit = document_type in CREDIT_TYPES
        amount = self.amount(currency) * (-1 if is_credit ^ self.chance(0.07) else 1)
        if self.chance(0.02):
            amount = Decimal(0)
        late = random.choice((-900, -400, -400, -200, -120, -90, -30, -6, -5, -1, 0, 60))
        due = self.day(late, late + random.choice((0, 0, 20, 100)))
        document_date = due - timedelta(random.choice((0, 1, 30, 45, 60, 90)))
        item: Row = {
            "item_id": random.choice(("", "0", "é-", "item ")) + str(self.item_number),
            "company_code": random.choice(self.company_codes),
            "customer_id": random.choice(self.customer_ids),
            "document_type": document_type,
            "document_number": self.maybe(0.6, f"D{random.randint(1, 5)}"),
            "document_date": document_date,
            "posting_date": self.maybe(0.3, document_date + timedelta(random.randint(-5, 40))),
            "delivery_date": self.maybe(0.3, document_date + timedelta(random.randint(-20, 20))),
            "baseline_date": self.maybe(0.2, document_date + timedelta(random.randint(0, 10))),
            "due_date": due,
            "currency": currency,
            "amount": amount,
            "tax_amount": self.maybe(0.3, self.part(amount, currency)),
            "open_amount": self.maybe(0.3, self._extract_open(amount, currency)),
            "order_id": self.maybe(0.6 if document_type == "down_payment" else 0.1, self._order()),
            "financing": self.maybe(
                0.25,
                random.choice(FINANCINGS),
            ),
            "interest_regime": self.maybe(0.1, random.choice(REGIMES)),
        }
        if self.carries:
            item["plant"] = self.maybe(0.7, random.choice(("Lyon", "0042", "a;b")))
        self._due_date_by_terms(item)
        self._dispute(item)
        self._bill(item)
        return item

    def _order(self) -> str:
        return f"O{self.random.randint(1, 4)}"

    def _extract_open(self, amount: Decimal, currency: str) -> Decimal:
        return self.random.choice(
            (amount, self.part(amount, currency), Decimal(0), -self.part(amount, currency))
        )

    def _due_date_by_terms(self, item: Row) -> None:
        """Take the due date away where terms, or being a credit, give one."""
        customers = {row["customer_id"]: row for row in self.tables["customers"]}
        customer = customers.get(item["customer_id"], {})
        item["payment_terms"] = self.maybe(0.3, self.random.choice(TERMS))
        has_terms = item["payment_terms"] or customer.get("payment_terms")
        is_credit = item["document_type"] in CREDIT_TYPES or item["amount"] < 0
        if (has_terms or is_credit) and self.chance(0.5):
            item["due_date"] = None

    def _dispute(self, item: Row) -> None:
        """Dispute some items, all or in part, on some days."""
        item["disputed"] = self.maybe(0.6, self.chance(0.35))
        if self.chance(0.2):
            item["disputed_amount"] = self.part(item["amount"], item["currency"])
        item["disputed_from"] = self.maybe(0.15, self.day(-50, 20))
        item["disputed_to"] = self.maybe(0.15, self.day(-20, 50))
        item["dispute_reason"] = self.maybe(0.1, "price")

    def _bill(self, item: Row) -> None:
        """Say of some items what was claimed already."""
        item["interest_billed_to"] = self.maybe(0.2, self.day(-300, 5))
        item["interest_billed_amount"] = self.maybe(0.15, self.amount(item["currency"]))
        item["indemnity_billed_amount"] = self.maybe(0.1, Decimal(40))

    def _allocations(self, item: Row) -> list[Row]:
        """Pay an item: in part, in full, too much, back and forth, later, in the future."""
        random, currency = self.random, item["currency"]
        left = item["amount"]
        rows: list[Row] = []

        def apply(amount: Decimal, day: date, kind: str | None) -> None:
            rows.append(
                {
                    "allocation_id": self.maybe(0.5, f"A{item['item_id']}-{len(rows)}"),
                    "item_id": item["item_id"],
                    "value_date": day,
                    "posting_date": self.maybe(0.4, day + timedelta(random.randint(-15, 40))),
                    "currency": self.maybe(0.5, currency),
                    "amount": amount,
                    "kind": self.maybe(0.7, kind),
                }
            )

        anchor = item["due_date"] or item["document_date"] + timedelta(30)
        for _ in range(random.randint(0, 3)):
            day = anchor + timedelta(random.choice((-20, -1, 0, 1, 2, 30, 100, 200)))
            amount = self.part(left, currency)
            apply(amount, day, random.choice(("payment", "credit_note", "discount", "offset")))
            left -= amount
            if self.chance(0.3):
                apply(-amount, day + timedelta(random.randint(0, 60)), "return")
                left += amount
        if self.chance(0.5) or not rows:
            excess = self.part(item["amount"], currency) if self.chance(0.15) else Decimal(0)
            apply(left + excess, anchor + timedelta(random.randint(-30, 200)), "payment")
        return rows

    # -- the other tables

    def _commitment(self, number: int) -> Row:
        random = self.random
        currency = random.choice(CURRENCIES)
        amount = self.amount(currency)
        paid = self.part(amount, currency)
        return {
            "commitment_id": f"M{number}",
            "order_id": self.maybe(0.7, self._order()),
            "company_code": random.choice(self.company_codes),
            "customer_id": random.choice(self.customer_ids),
            "kind": random.choice(("order", "order", "production", "delivery")),
            "currency": currency,
            "amount": amount,
            "tax_percent": self.maybe(0.4, random.choice(TAX_PERCENTS)),
            "prepaid_amount": self.maybe(0.3, random.choice((paid, amount * 2))),
            "document_date": self.maybe(0.5, self.day(-60, 10)),
            "closed_date": self.maybe(0.2, self.day(-10, 10)),
            "expected_date": self.maybe(0.7, self.day(-20, 200)),
            "payment_terms": self.maybe(0.2, "NET30"),
        }

    def _limit(self, number: int) -> Row:
        random = self.random
        return {
            "limit_id": f"L{number}",
            "party_id": random.choice([*self.customer_ids, "SHARED"]),
            "scope": self.maybe(0.6, random.choice(("account", "account", "group"))),
            "credit_segment": self.maybe(0.4, random.choice(("ALL", "NORTH", "SOUTH"))),
            "kind": random.choice(("internal", "temporary", "insured", "guarantee")),
            "amount": self.amount("EUR"),
            "currency": "EUR",
            "valid_from": self.day(-300, 30),
            "valid_to": self.maybe(0.5, self.day(-20, 300)),
        }

    def _balances(self) -> list[Row]:
        keys = [
            (code, currency, customer_id)
            for code in self.company_codes
            for currency in ("EUR", "JPY")
            for customer_id in (None, self.customer_ids[0])
        ]
        return [
            {
                "company_code": code,
                "currency": currency,
                "customer_id": customer_id,
                "balance": self.amount(currency),
            }
            for code, currency, customer_id in keys
            if self.chance(0.5)
        ]

    def _fx_rates(self) -> list[Row]:
        """Give rates so that every pair can be had, some only inverse or crossed."""
        rows: list[Row] = []
        names = ["EUR", *FX_ROUGHLY]
        worth = {"EUR": Decimal(1), **{name: Decimal(rate) for name, rate in FX_ROUGHLY.items()}}
        for name in names:
            if name == self.pivot:
                continue
            self._fx_row(rows, worth, (name, self.pivot), self.day(-self.max_age_days, 0))
            for _ in range(self.random.randint(0, 3)):
                pair = tuple(self.random.sample(names, 2))
                self._fx_row(rows, worth, pair, self.day(-30, 5))
        unique = {(row["from_currency"], row["to_currency"], row["rate_date"]): row for row in rows}
        return list(unique.values())

    def _fx_row(
        self, rows: list[Row], worth: dict[str, Decimal], pair: tuple[str, ...], day: date
    ) -> None:
        source, target = pair if self.chance(0.5) else (pair[1], pair[0])
        exact = worth[target] / worth[source] * self.random.randint(950, 1050) / 1000
        rate = exact.quantize(Decimal(1).scaleb(-self.random.choice((4, 6, 9))))
        row = {"from_currency": source, "to_currency": target, "rate_date": day, "rate": rate}
        rows.append(row)

    def _own_rates(self) -> list[Row]:
        """Lay a user's own rates over a bundled series, one of them below zero."""
        series = self.random.choice(("ecb_main_refinancing_rate", "de_basiszinssatz"))
        days = {self.day(-900, -30) for _ in range(2)} | {date(2025, 1, 1)}
        return [
            {
                "series": series,
                "effective_date": day,
                "rate_percent": Decimal(self.random.randint(-300, 900)).scaleb(-2),
                "source": self.maybe(0.5, "treasury"),
            }
            for day in sorted(days)
        ]

    def _carried(self) -> list[str]:
        """Name some of the columns that the contract doesn't know and that the ledger has."""
        have = {
            column
            for name in ("open_items", "customers")
            for row in self.tables[name]
            for column in row
        }
        return [column for column in ("plant", "region") if column in have and self.chance(0.8)]

    def _dialects(self) -> dict[str, dict[str, str]]:
        """Let some tables write their CSV files as other countries do."""
        return {name: self.random.choice(DIALECTS) for name in self.tables if self.chance(0.2)}

    def _configuration(self) -> dict[str, Any]:
        """Draw every option that changes a figure."""
        pick = self.random.choice
        segments = {"NORTH": {"horizon_days": 10, "credits_reduce": self.chance(0.5)}}
        return {
            "carry": self._carried(),
            "reporting": {"currency": pick(("EUR", "EUR", "JPY", "USD", "TND"))},
            "ageing": {
                "basis": pick(("due_date", "due_date", "document_date", "posting_date")),
                "bounds": pick(([30, 60, 90, 180], [1], [10, 400])),
                "not_due_bounds": pick(([], [], [30, 60], [5])),
                "credits": pick(("by_date", "own_column", "oldest_first")),
            },
            "fx": {"pivot": self.pivot, "max_age_days": self.max_age_days},
            "exposure": {
                "horizon_days": pick((90, 0, 30)),
                "credits_reduce": self.chance(0.8),
                "components_left_out": pick(([], [], ["production"], ["down_payments"])),
                "segments": pick(({}, segments)),
            },
            "interest": {
                "regime_by": pick(("creditor", "creditor", "debtor")),
                "accrue_on_disputed": self.chance(0.3),
                "imputation": pick(("principal_first", "principal_first", "interest_first")),
                "regimes": OWN_REGIMES,
                "rates": pick(([], CONFIGURED_RATES)),
                "grace_days": pick((0, 0, 0, 5, 30)),
                "minimum_claim": pick(("0", "0", "1", "25.50")),
                "periods": True,
                "statement": True,
            },
            "input": {
                "max_rejected": "1",
                "unknown_customer": pick(("placeholder", "quarantine")),
                "tables": self._dialects(),
            },
            "defaults": {"creditor_country": "FR"},
        }


def build_case(seed: int, *, with_defects: bool = True) -> Case:
    """Give the ledger of a seed."""
    return Builder(seed, with_defects=with_defects).build()


# -- defects: each spoils some rows of a ledger


def _set(table: str, column: str, value: Any) -> Callable[[Builder], None]:
    """Make a defect that puts a value in one row's cell."""

    def spoil(builder: Builder) -> None:
        rows = [row for row in builder.tables.get(table, []) if "_rejected" not in row]
        if rows:
            builder.random.choice(rows)[column] = value

    return spoil


def _set_amount(table: str, column: str, text: str, currency: str) -> Callable[[Builder], None]:
    """Make a defect of an amount that its row's currency, set with it, can't hold."""

    def spoil(builder: Builder) -> None:
        rows = [row for row in builder.tables.get(table, []) if "_rejected" not in row]
        if rows:
            row = builder.random.choice(rows)
            row["currency"] = currency
            row[column] = Decimal(text)

    return spoil


def _reject(table: str, reason: str) -> Callable[[Builder], None]:
    """Make a row that cannot become fields."""
    return lambda builder: builder.tables.setdefault(table, []).append({"_rejected": reason})


def _copy(table: str, changes: dict[str, Any]) -> Callable[[Builder], None]:
    """Make a second row of the same key, the same or with changes."""

    def spoil(builder: Builder) -> None:
        rows = [row for row in builder.tables.get(table, []) if "_rejected" not in row]
        if rows:
            builder.tables[table].append({**builder.random.choice(rows), **changes})

    return spoil


def _add_allocation(changes: dict[str, Any]) -> Callable[[Builder], None]:
    """Make a bad allocation of a good item."""

    def spoil(builder: Builder) -> None:
        items = [row for row in builder.tables["open_items"] if row.get("item_id")]
        if items:
            item = builder.random.choice(items)
            row = {"item_id": item["item_id"], "value_date": builder.as_of, "amount": Decimal(1)}
            builder.tables["allocations"].append({**row, **changes})

    return spoil


def _change_item(change: Callable[[Builder, Row], None]) -> Callable[[Builder], None]:
    """Make a defect that spoils several cells of one item."""

    def spoil(builder: Builder) -> None:
        items = [row for row in builder.tables["open_items"] if "_rejected" not in row]
        if items:
            change(builder, builder.random.choice(items))

    return spoil


def _lose_due_date(_: Builder, item: Row) -> None:
    """Leave an item without anything to derive a due date from."""
    item["due_date"] = item["payment_terms"] = None


def _misunderstand_terms(builder: Builder, item: Row) -> None:
    """Give an item terms that mean nothing, and need them."""
    item["due_date"] = None
    item["payment_terms"] = builder.random.choice(("Z030", "NET", "EOM1D40"))


def _due_too_early(_: Builder, item: Row) -> None:
    """Make an item due before its document date."""
    if isinstance(item["document_date"], date):
        item["due_date"] = item["document_date"] - timedelta(days=3)


DEFECTS: list[Callable[[Builder], None]] = [
    *(
        _set("open_items", column, None)
        for column in (
            "item_id",
            "company_code",
            "customer_id",
            "document_type",
            "document_date",
            "currency",
            "amount",
        )
    ),
    _set("open_items", "amount", "12,3x"),
    _set("open_items", "amount", "1.234,56"),
    _set("open_items", "open_amount", "-"),
    _set("open_items", "document_date", "31/12/2025"),
    _set("open_items", "due_date", "2025-02-30"),
    _set("open_items", "due_date", date(9999, 12, 31)),
    _set("open_items", "posting_date", date(1899, 12, 31)),
    _set("open_items", "disputed", "maybe"),
    _set("open_items", "amount", Decimal("1.2345")),
    _set("open_items", "amount", Decimal(10**15)),
    _set("open_items", "amount", Decimal("99999999999.000")),
    _set("open_items", "document_type", "Invoice"),
    _set("open_items", "financing", "sold"),
    _set("open_items", "currency", "XXQ"),
    _set("open_items", "interest_regime", "ZZ_business"),
    _set("open_items", "customer_id", "NEVER SEEN"),
    _set_amount("open_items", "amount", "10.005", "EUR"),
    _set_amount("open_items", "amount", "10.500", "JPY"),
    _set_amount("open_items", "disputed_amount", "0.001", "USD"),
    _set_amount("commitments", "amount", "1.001", "GBP"),
    _reject("open_items", "wrong_field_count"),
    _reject("open_items", "not_text"),
    _reject("customers", "wrong_field_count"),
    _reject("allocations", "not_text"),
    _copy("open_items", {}),
    _copy("open_items", {}),
    _copy("open_items", {"dispute_reason": "another"}),
    _copy("customers", {}),
    _copy("customers", {"name": "Another"}),
    _copy("commitments", {}),
    _copy("commitments", {"order_id": "other"}),
    _copy("companies", {"name": "Another"}),
    _change_item(_lose_due_date),
    _change_item(_misunderstand_terms),
    _change_item(_due_too_early),
    _change_item(_due_too_early),
    _add_allocation({"item_id": "NO SUCH ITEM"}),
    _add_allocation({"item_id": None}),
    _add_allocation({"currency": "CHF"}),
    _add_allocation({"currency": "XXQ"}),
    _add_allocation({"amount": None}),
    _add_allocation({"amount": Decimal("0.0001")}),
    _add_allocation({"amount": Decimal("0.001")}),
    _add_allocation({"value_date": None}),
    _add_allocation({"kind": "gift"}),
    _set("customers", "country", "ZZ"),
    _set("customers", "country", None),
    _set("customers", "interest_regime", "ZZ_business"),
    _set("customers", "insolvency_kind", "unlucky"),
    _set("customers", "customer_id", None),
    _set("companies", "country", "ZZ"),
    _set("commitments", "amount", Decimal(-1)),
    _set("commitments", "kind", "wish"),
    _set("commitments", "expected_date", "soon"),
    _set("commitments", "customer_id", "NEVER SEEN"),
    _set("credit_limits", "amount", Decimal(-1)),
    _set("credit_limits", "kind", "imagined"),
    _set("ledger_balances", "currency", "XXQ"),
]
