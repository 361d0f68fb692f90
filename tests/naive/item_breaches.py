"""What the rules find about items, cover and the ends of limits (DOMAIN 8)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from fractions import Fraction
from functools import partial

from tests.naive.arithmetic import end_of_month
from tests.naive.breaches import BREACH, WARNING, Breach, Night, _about
from tests.naive.cover import Pool, original_due
from tests.naive.credit import chain_of
from tests.naive.items import Item
from tests.naive.laws import ONE_DAY
from tests.naive.limits import ZERO, Key, is_policy_in_force, policy_row
from tests.naive.rules import Level


def find_item_breaches(night: Night) -> list[Breach | None]:
    """Give what the rules find about single items, in one row per account and key."""
    return [
        *_insured_limit_exceeded(night),
        *_cover_stopped(night),
        *_insured_limit_reduced(night),
        *_cover_ending(night),
        *_temporary_limit_ending(night),
        *_insurer_notification(night),
        *_due_date_moved(night),
        *_terms_exceed_legal(night),
        *_document_value(night),
        *_limitation(night),
    ]


def warnings_of(night: Night) -> dict[str, list[str]]:
    """Give per item the codes that rules put into its warnings, in the order of the codes."""
    found: dict[str, list[str]] = defaultdict(list)
    for rule, chosen in (
        ("terms_exceed_legal", _with_long_terms),
        ("due_date_moved", _moved),
        ("limitation", _soon_barred),
    ):
        for key in night.keys_of(rule):
            for item in _open_items(night, key):
                if chosen(night, item):
                    found[item["item_id"]].append(rule)
    return found


def _open_items(night: Night, key: Key) -> list[Item]:
    return [item for member in night.members[key] for item in member.items]


def _one_row(
    night: Night, rule: str, key: Key, items: list[Item], worst: Callable[[Item], Fraction]
) -> Breach:
    """Give one row about some items of an account; the worst is its subject and its measure.

    worst  the smaller, the worse
    """
    first = min(items, key=lambda item: (worst(item), item["item_id"].encode()))
    breach = _about(night, rule, key, subject=first["item_id"], holds=night.rules(rule, "holds"))
    breach.scope = "item"
    breach.measured = abs(worst(first)) if rule in LARGER_IS_WORSE else worst(first)
    breach.excess = sum((item.open_rc for item in items), ZERO)
    return breach


LARGER_IS_WORSE = ("due_date_moved", "terms_exceed_legal", "document_value")


def _pools_of(night: Night, key: Key) -> list[Pool]:
    insurance = night.credit.insurance
    parents = night.setting.ledger.parents
    names = [row["customer_id"] for row in night.customers[key[1]]]
    above = {party for name in names for party in chain_of(parents, name)}
    return [
        pool
        for pool in insurance.pools
        if pool.segment in {None, key[0]}
        and (pool.party == key[1] if pool.scope == "account" else pool.party in above)
    ]


def _insured_limit_exceeded(night: Night) -> Iterator[Breach | None]:
    rule, insurance = "insured_limit_exceeded", night.credit.insurance
    for key in night.keys_of(rule):
        limits = night.credit.accounts[key]
        if limits.insured is None:
            continue
        keys = [key]
        if limits.insured_is_shared:
            keys = [
                one
                for one, other in night.credit.accounts.items()
                if one[1] == key[1] and other.insured_is_shared
            ]
        insurable = sum((insurance.insurable(one) for one in keys), ZERO)
        is_full = key[0] in night.rules(rule, "full_cover_segments")
        holds = night.rules(rule, "holds")
        level = Level(Fraction(1), BREACH if is_full else WARNING, holds if is_full else ())
        yield night.by_levels(_about(night, rule, key), insurable, [level], limits.insured)


def _insured_limit_reduced(night: Night) -> Iterator[Breach]:
    rule = "insured_limit_reduced"
    for key in night.keys_of(rule):
        limits = night.credit.accounts[key]
        before = night.earlier.insured_limits.get(key, ZERO) if night.earlier else ZERO
        now = limits.insured or ZERO
        if before > now and not limits.insured_is_unlimited:
            breach = _about(night, rule, key, holds=night.rules(rule, "holds"))
            breach.measured, breach.threshold = now, before
            yield breach


def _ends(night: Night, key: Key, kind: str) -> list[date]:
    """Give the last days of the limits of a kind that are in force for an account."""
    book, day = night.credit.book, night.setting.as_of
    found = []
    for row in book.in_force("account", key[1], kind, day):
        policy = policy_row(night.setting, row["policy"], day)
        if row["credit_segment"] not in {None, key[0]}:
            continue
        if kind == "insured" and not is_policy_in_force(night.setting, row["policy"], day):
            continue
        if row["valid_to"] is not None:
            found.append(row["valid_to"])
        if row["withdrawn_on"] is not None:
            found.append(row["withdrawn_on"] - ONE_DAY)
        if kind == "insured" and policy is not None and policy["valid_to"] is not None:
            found.append(policy["valid_to"])
    return found


def _cover_ending(night: Night) -> Iterator[Breach]:
    rule, day = "cover_ending", night.setting.as_of
    for key in night.keys_of(rule):
        for kind in ("insured", "guarantee"):
            ends = _ends(night, key, kind)
            if ends and (min(ends) - day).days <= night.rules(rule, "days"):
                breach = _about(night, rule, key, holds=night.rules(rule, "holds"))
                breach.key = kind
                breach.measured = Fraction((min(ends) - day).days)
                breach.threshold = Fraction(night.rules(rule, "days"))
                yield breach


def _temporary_limit_ending(night: Night) -> Iterator[Breach]:
    rule, day = "temporary_limit_ending", night.setting.as_of
    days = timedelta(days=night.rules(rule, "days"))
    later = night.credit.limits_on(day + days + ONE_DAY)
    for key in night.keys_of(rule):
        ends = _ends(night, key, "temporary")
        if not ends or min(ends) > day + days:
            continue
        if later[key].status == "unlimited":
            continue
        measured = night.credit.accounts[key].exposure
        if measured > (later[key].credit_limit or ZERO):
            breach = _about(night, rule, key, holds=night.rules(rule, "holds"))
            breach.measured = Fraction((min(ends) - day).days)
            breach.threshold = Fraction(days.days)
            yield breach


def _cover_stopped(night: Night) -> Iterator[Breach]:
    as_of, insurance = night.setting.as_of, night.credit.insurance
    for key in night.keys_of("cover_stopped"):
        found = [insurance.stop(pool, as_of) for pool in _pools_of(night, key)]
        stops = [stop for stop in found if stop is not None]
        if stops:
            day, item_id = min(stops, key=lambda stop: stop[0])
            breach = _about(
                night, "cover_stopped", key, holds=night.rules("cover_stopped", "holds")
            )
            breach.measured, breach.threshold = Fraction((as_of - day).days), ZERO
            breach.subject = item_id
            yield breach


def notify_by(night: Night, item: Item) -> date | None:
    """Give the day by which an insured item must be declared, None when it isn't insured."""
    insurance, as_of = night.credit.insurance, night.setting.as_of
    days = [
        original_due(item) + timedelta(days=insurance.fact(pool, "notify_after_days"))
        for pool in insurance.pools
        if insurance.state(as_of)[pool].get(item["item_id"], ZERO) > 0
    ]
    return min(days, default=None)


def _insurer_notification(night: Night) -> Iterator[Breach]:
    rule, as_of = "insurer_notification", night.setting.as_of
    for key in night.keys_of(rule):
        soon: dict[str, date] = {}
        for item in _open_items(night, key):
            day = notify_by(night, item)
            warn = timedelta(days=night.rules(rule, "warn_days"))
            if day is not None and item["due_date"] < as_of and as_of >= day - warn:
                soon[item["item_id"]] = day
        if soon:
            items = [one for one in _open_items(night, key) if one["item_id"] in soon]
            row = _one_row(night, rule, key, items, partial(_notice_left, soon, as_of))
            row.threshold = Fraction(night.rules(rule, "warn_days"))
            is_due = min(soon.values()) <= as_of
            row.severity = BREACH if is_due else WARNING
            row.holds = night.rules(rule, "holds") if is_due else ()
            yield row


def _notice_left(notify: Mapping[str, date], as_of: date, item: Item) -> Fraction:
    return Fraction((notify[item["item_id"]] - as_of).days)


def _moved(night: Night, item: Item) -> bool:
    if night.earlier is None or item.open_amount == 0:
        return False
    before = night.earlier.due_dates.get(item["item_id"])
    return before is not None and item["due_date"] > before


def _due_date_moved(night: Night) -> Iterator[Breach]:
    for key in night.keys_of("due_date_moved"):
        items = [item for item in _open_items(night, key) if _moved(night, item)]
        if items:
            row = _one_row(night, "due_date_moved", key, items, lambda item: -_shift(night, item))
            row.threshold = ZERO
            yield row


def _shift(night: Night, item: Item) -> Fraction:
    assert night.earlier is not None
    before: date = night.earlier.due_dates[item["item_id"]]
    return Fraction((item["due_date"] - before).days)


def _legal_due(night: Night, item: Item) -> date | None:
    """Give the latest due date that the law lets the parties agree on, None without a cap."""
    facts = night.setting.law.regimes.get(item.regime or "", {})
    cap = facts.get("term_cap")
    only_absolute = night.rules("terms_exceed_legal", "absolute_only")
    if cap is None or (only_absolute and cap["binding"] != "absolute"):
        return None
    start = item["document_date"]
    latest: date = start + timedelta(days=cap["net_days"])
    term = _terms_of(night, item)
    if "end_of_month_days" in cap and (term is None or "EOM" in term):
        days = timedelta(days=cap["end_of_month_days"])
        latest = max(latest, end_of_month(start) + days, end_of_month(start + days))
    return latest


def _terms_of(night: Night, item: Item) -> str | None:
    """Give the terms that were agreed: the item's, else the customer's."""
    customer = night.setting.ledger.customers.get(item["customer_id"])
    return item["payment_terms"] or (customer and customer["payment_terms"]) or None


def _with_long_terms(night: Night, item: Item) -> bool:
    latest = _legal_due(night, item) if item.bears_interest and item.open_amount > 0 else None
    return latest is not None and original_due(item) > latest


def _terms_exceed_legal(night: Night) -> Iterator[Breach]:
    rule = "terms_exceed_legal"
    for key in night.keys_of(rule):
        by_term: dict[str, list[Item]] = defaultdict(list)
        for item in _open_items(night, key):
            if _with_long_terms(night, item):
                by_term[_terms_of(night, item) or ""].append(item)
        for term, items in by_term.items():
            row = _one_row(night, rule, key, items, lambda item: -_too_long(night, item))
            row.key, row.threshold = term, ZERO
            yield row


def _too_long(night: Night, item: Item) -> Fraction:
    latest = _legal_due(night, item)
    assert latest is not None
    return Fraction((original_due(item) - latest).days)


def _document_value(night: Night) -> Iterator[Breach]:
    rule = "document_value"
    cap = Fraction(str(night.rules(rule, "cap")))
    for key in night.keys_of(rule):
        items = [item for item in _open_items(night, key) if item.open_rc > cap]
        if items:
            row = _one_row(night, rule, key, items, lambda item: -item.open_rc)
            row.threshold = cap
            assert row.measured is not None
            row.excess = row.measured - cap
            yield row


def _barred_from(night: Night, item: Item) -> date | None:
    """Give the last day on which the debt can be claimed."""
    facts = night.setting.law.regimes.get(item.regime or "", {})
    years = facts.get("limitation_years")
    if not item.bears_interest or item.open_amount <= 0 or not years:
        return None
    start = item["due_date"]
    if facts.get("limitation_from") == "end_of_year":
        start = date(start.year, 12, 31)
    try:
        return date(start.year + years, start.month, start.day)
    except ValueError:
        return date(start.year + years, 2, 28)


def _soon_barred(night: Night, item: Item) -> bool:
    last = _barred_from(night, item)
    return last is not None and 0 <= (last - night.setting.as_of).days <= night.rules(
        "limitation", "days"
    )


def _limitation(night: Night) -> Iterator[Breach]:
    for key in night.keys_of("limitation"):
        items = [item for item in _open_items(night, key) if _soon_barred(night, item)]
        if items:
            row = _one_row(night, "limitation", key, items, lambda item: _days_left(night, item))
            row.threshold = Fraction(night.rules("limitation", "days"))
            yield row


def _days_left(night: Night, item: Item) -> Fraction:
    last = _barred_from(night, item)
    assert last is not None
    return Fraction((last - night.setting.as_of).days)
