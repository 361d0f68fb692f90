"""Which rule of the order of regimes gave an item its own (DOMAIN 6)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from encours.calc.statements import legal_basis
from encours.rules import regimes
from encours.rules.own_regimes import NO_REGIME
from encours_schemas.errors import ControlFailed

if TYPE_CHECKING:
    from encours.calc.context import RunContext
    from encours.calc.items import MeasuredItems
    from encours.ledger.items import Items
    from encours.rules.regimes import Regime


class RegimeRule(StrEnum):
    """The rules in their order: the first that speaks decides, but exemptions before all."""

    CONSUMER = "consumer"
    INTRAGROUP = "intragroup"
    ITEM = "item"
    CONTRACT = "contract"
    PUBLIC_BUYER = "public_buyer"
    DEBTOR_COUNTRY = "debtor_country"
    CREDITOR_COUNTRY = "creditor_country"


class RegimeChoice(NamedTuple):
    """The rule that decided, the country that it looked at (empty: none), and the regime.

    cited_country   the country whose text is cited where the regime serves several; "" for the
                    text that they share
    """

    rule: RegimeRule
    country: str
    cited_country: str
    regime: Regime | None


def choose_regime(
    items: Items, row: int, measured: MeasuredItems, context: RunContext
) -> RegimeChoice:
    """Give the rule that chose an item's regime.

    Raises ControlFailed (70) where it does not lead to the regime that the item's figures took.
    """
    rule, country, name = _first_that_speaks(items, row, context)
    code = int(measured.regime_code[row])
    taken = context.law.regimes[code] if code >= 0 else None
    needs_one = bool(measured.bears_interest[row] and measured.exists[row])
    if needs_one and name != (taken.name if taken else None):
        raise ControlFailed(
            what="the rule that chose an item's regime leads to another one",
            where=f"rule {rule}",
            found=str(name),
            expected=taken.name if taken else "no regime",
            cure="report this defect of the engine",
        )
    company = context.master.companies.codes[items.company_code[row]]
    cited = legal_basis(context).cited_country(taken, company) if taken else ""
    return RegimeChoice(rule, country, cited, taken)


def _first_that_speaks(
    items: Items, row: int, context: RunContext
) -> tuple[RegimeRule, str, str | None]:
    """Go through the order of DOMAIN 6; give the rule, its country and its regime's name."""
    customers, names = context.master.customers, context.law.names
    on_file = {regime.name: regime for regime in context.law.regimes}
    customer = int(items.customer_code[row])
    if customers.is_consumer[customer]:
        return RegimeRule.CONSUMER, "", None
    if customers.is_intragroup[customer]:
        return RegimeRule.INTRAGROUP, "", None
    if items.regime_code[row] >= 0:
        return RegimeRule.ITEM, "", names[items.regime_code[row]]
    if customers.regime_code[customer] >= 0:
        return RegimeRule.CONTRACT, "", names[customers.regime_code[customer]]
    debtor = customers.texts["country"][customer].as_py() or ""
    if customers.is_public[customer]:
        public = regimes.public_regime(on_file, debtor)
        if public is not None:
            return RegimeRule.PUBLIC_BUYER, debtor, public
    # A customer without a row of its own has no country: the creditor's serves.
    if context.configuration.interest.regime_by == "debtor" and debtor:
        return RegimeRule.DEBTOR_COUNTRY, debtor, _statutory(on_file, debtor)
    creditor = context.master.companies.countries[items.company_code[row]]
    return RegimeRule.CREDITOR_COUNTRY, creditor, _statutory(on_file, creditor)


def _statutory(on_file: dict[str, Regime], country: str) -> str:
    """Name the regime between businesses of a country; `NONE` where its law gives none."""
    return regimes.business_regime(on_file, country) or NO_REGIME
