"""What a scenario changes in a ledger: the file that `encours whatif` reads (DOMAIN 10)."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from encours_schemas.configuration import checks
from encours_schemas.configuration.section import FromList, Section
from encours_schemas.errors import ConfigurationWrong
from encours_schemas.names import nearest_name
from encours_schemas.shapes import shape_of

if TYPE_CHECKING:
    from pathlib import Path

FACTOR_DECIMALS: Final = 3
FACTOR_MAX: Final = 1000
DELAY_MAX: Final = 3650


def _checked_factor(value: Decimal) -> Decimal:
    fits = value.is_finite() and value == round(value, FACTOR_DECIMALS)
    if not fits or not 0 <= value <= FACTOR_MAX:
        raise checks.wrong(f"a factor from 0 to {FACTOR_MAX} with at most 3 decimals")
    return value


Factor = Annotated[Decimal, BeforeValidator(checks.exact_ratio), AfterValidator(_checked_factor)]
Names = Annotated[tuple[str, ...], FromList]


class LimitChange(Section):
    """Limits times a factor, from the as-of date on."""

    factor: Factor = Field(description="What the limits are multiplied by; 0 takes them away.")
    kinds: Annotated[
        tuple[Literal["internal", "temporary", "insured", "guarantee"], ...], FromList
    ] = Field(default=(), description="Kinds of limits; none: all.")
    segments: Names = Field(
        default=(), description="Business segments of the parties; none: all parties."
    )
    insurers: Names = Field(
        default=(), description="Insurers whose insured limits change; none: whoever insures."
    )


class CoverWithdrawn(Section):
    """Insured limits withdrawn on the as-of date; what was delivered before stays covered."""

    insurers: Names = Field(default=(), description="Insurers that withdraw; none: all.")
    policies: Names = Field(default=(), description="Policies that are withdrawn; none: all.")
    segments: Names = Field(
        default=(), description="Business segments of the parties; none: all parties."
    )


class Insolvency(Section):
    """Proceedings that open for a customer."""

    customer: str = Field(description="The customer.")
    kind: Literal["safeguard", "reorganisation", "liquidation"] = Field(
        default="liquidation", description="Kind of proceedings."
    )
    opened_on: dt.date | None = Field(
        default=None, description="Day of the opening; default: the as-of date."
    )


class PaymentsLater(Section):
    """Payments that come some days later than they came."""

    days: int = Field(ge=1, le=DELAY_MAX, description="By how many days.")
    segments: Names = Field(
        default=(), description="Business segments of the customers; none: all customers."
    )


class Scenario(Section):
    """What changes; every part may occur any number of times, the parts act together."""

    limits: Annotated[tuple[LimitChange, ...], FromList] = ()
    cover_withdrawn: Annotated[tuple[CoverWithdrawn, ...], FromList] = ()
    insolvency: Annotated[tuple[Insolvency, ...], FromList] = ()
    payments_later: Annotated[tuple[PaymentsLater, ...], FromList] = ()


def load_scenario(path: Path) -> Scenario:
    """Read a scenario, or raise ConfigurationWrong (78) with every error found."""
    where = f"file {path}"
    try:
        tree = tomllib.loads(path.read_bytes().decode("utf-8-sig"), parse_float=Decimal)
    except OSError as error:
        raise ConfigurationWrong(
            what="the scenario cannot be read",
            where=where,
            found=error.strerror or type(error).__name__,
            cure="check the path of the scenario",
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        found = "bytes that are not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ConfigurationWrong(
            what="the scenario is not TOML", where=where, found=found
        ) from None
    try:
        scenario = Scenario.model_validate(tree)
    except ValidationError as error:
        problems = [_problem(details, where) for details in error.errors(include_url=False)]
        raise ConfigurationWrong.collected(problems) from None
    if scenario == Scenario():
        raise ConfigurationWrong(
            what="the scenario changes nothing",
            where=where,
            expected=f"at least one of {', '.join(_tables(Scenario))}",
            cure="add what is to change, for example [[cover_withdrawn]]",
        )
    return scenario


def _tables(model: type[BaseModel]) -> list[str]:
    return [f"[[{name}]]" for name in model.model_fields]


def _problem(details: Any, where: str) -> ConfigurationWrong:  # noqa: ANN401 - pydantic's own shape
    """Say of one refused value or key what was expected there."""
    location = details["loc"]
    shown = ".".join(str(part) for part in location)
    if details["type"] == "extra_forbidden":
        names = _names_beside(location)
        near = nearest_name(str(location[-1]), names)
        cure = f"did you mean {near}?" if near else f"known here: {', '.join(names)}"
        return ConfigurationWrong(what="unknown key", where=f"{where}, key {shown}", cure=cure)
    expected = details.get("ctx", {}).get("expected") or details["msg"]
    return ConfigurationWrong(
        what="wrong value",
        where=f"{where}, key {shown}",
        found=shape_of(str(details["input"])),
        expected=str(expected).replace("'", "`"),
        cure="correct it",
    )


def _names_beside(location: tuple[int | str, ...]) -> list[str]:
    """Name the keys that are known where an unknown one stands."""
    parts: dict[str, type[Section]] = {
        "limits": LimitChange,
        "cover_withdrawn": CoverWithdrawn,
        "insolvency": Insolvency,
        "payments_later": PaymentsLater,
    }
    model = parts.get(str(location[0]), Scenario) if len(location) > 1 else Scenario
    return list(model.model_fields)
