"""Which orders the credit left lets through, what may be sold, and what lifts a limit's hold."""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from tests.naive.breaches import Breach, Night, holds_of, is_released
from tests.naive.credit import chain_of
from tests.naive.cure import cure_of
from tests.naive.exposure import Commitment, Position, _apply_down_payments, commitments_of
from tests.naive.limits import Key
from tests.naive.night import breaches_of
from tests.naive.rows import Row

ZERO = Fraction(0)
BY_ROOM = ("limit_exceeded", "total_limit_exceeded", "group_limit_exceeded")
RULES = (
    *BY_ROOM, "insured_limit_exceeded", "cover_stopped", "insurer_notification",
    "insured_limit_reduced", "cover_ending", "overdue_age", "overdue_share", "limit_missing",
    "limit_expired", "temporary_limit_ending", "insolvency", "claim_filing", "manual_hold",
    "due_date_moved", "terms_exceed_legal", "document_value", "concentration", "limitation",
)  # fmt: skip
Place = tuple[str, ...]


class Room:
    """What is left of every limit, and which limits bind which account, in the rules' order."""

    def __init__(self, night: Night, held: Iterable[Position]) -> None:
        """Lay the limits out."""
        self.night = night
        self.left: dict[Place, Fraction] = {}
        self.left_without_orders: dict[Place, Fraction] = {}
        self.of_account: dict[Key, list[tuple[str, Place]]] = defaultdict(list)
        ledger = night.setting.ledger
        ordered: dict[tuple[str, str], Fraction] = defaultdict(lambda: ZERO)
        for one in held:
            amount = one.columns["open_orders"] + one.columns["production"]
            ordered[one.customer_id, ledger.segment_of(one.company_code)] += amount
        for key in night.accounts:
            self._add_own(key, ordered)
            self._add_groups(key, ordered)

    def _add(self, key: Key, rule: str, place: Place, left: Fraction, ordered: Fraction) -> None:
        self.left[place] = left
        self.left_without_orders[place] = left + ordered
        self.of_account[key].append((rule, place))

    def _add_own(self, key: Key, ordered: dict[tuple[str, str], Fraction]) -> None:
        """Add the account's own limit and the one that its party shares."""
        limits = self.night.credit.accounts[key]
        account_of = self.night.setting.ledger.account_of

        def of(account: str, segment: str | None) -> Fraction:
            return sum(
                (
                    amount
                    for (customer, place), amount in ordered.items()
                    if account_of(customer) == account and segment in {None, place}
                ),
                ZERO,
            )

        if limits.credit_limit is not None and limits.status != "shared":
            left = limits.credit_limit - self.night.accounts[key]["exposure"]
            self._add(key, BY_ROOM[0], ("own", *key), left, of(key[1], key[0]))
        if limits.party_limit is not None:
            left = limits.party_limit - limits.party_exposure
            self._add(key, BY_ROOM[1], ("party", key[1]), left, of(key[1], None))

    def _add_groups(self, key: Key, ordered: dict[tuple[str, str], Fraction]) -> None:
        """Add every group limit that one of the account's customers answers to."""
        parents = self.night.setting.ledger.parents
        above = {
            party
            for customer in self.night.customers[key[1]]
            for party in chain_of(parents, customer["customer_id"])
        }
        for group in self.night.credit.groups:
            if group.party not in above or group.segment not in {None, key[0]}:
                continue
            if group.limit is not None:
                amounts = [
                    amount
                    for (customer, segment), amount in ordered.items()
                    if group.party in chain_of(parents, customer)
                    and group.segment in {None, segment}
                ]
                place = ("group", group.party, group.segment or "")
                left = group.limit - group.exposure
                self._add(key, BY_ROOM[2], place, left, sum(amounts, ZERO))

    def binding(self, key: Key) -> list[tuple[str, Place]]:
        """Give the limits that hold orders of an account: the rule is on and nobody released it."""
        night = self.night
        return [
            (rule, place)
            for rule, place in self.of_account[key]
            if key in night.keys_of(rule)
            and any("orders" in level.holds for level in night.rules.levels(rule))
            and not is_released(
                night, Breach(rule, "breach", "account", key[1], key[0], [key]), key
            )
        ]


def decide_orders(night: Night, accounts: list[Row], held: Iterable[Position]) -> list[Row]:
    """Give the rows of `order_decisions`, and fill what accounts have left."""
    positions = list(held)
    found = breaches_of(night)
    room = Room(night, positions)
    _add_credit_left(night, room, accounts, found)
    return _order_rows(night, room, positions, found)


def _add_credit_left(night: Night, room: Room, accounts: list[Row], found: list[Breach]) -> None:
    """Fill `available_to_sell` and `cure_amount`."""
    for row in accounts:
        key = (row["credit_segment"], row["credit_account_id"])
        left = [room.left[place] for _, place in room.of_account[key]]
        if row["hold_orders"]:
            row["available_to_sell"] = ZERO
        else:
            row["available_to_sell"] = max(ZERO, min(left)) if left else None
        cure = cure_of(night, key, found)
        row["cure_amount"] = cure and cure.amount


def _order_rows(
    night: Night, room: Room, held: Iterable[Position], found: list[Breach]
) -> list[Row]:
    """Let orders take the credit that is left, one after the other."""
    ledger = night.setting.ledger
    left = dict(room.left_without_orders)
    rows = []
    for order in sorted(_orders(night, held), key=_turn):
        segment = ledger.segment_of(order.row["company_code"])
        key = (segment, ledger.account_of(order.row["customer_id"]))
        limits = room.binding(key)
        left_out = night.setting.settings.exposure_of(segment, "components_left_out")
        component = "production" if order.row["kind"] == "production" else "open_orders"
        takes = ZERO if component in left_out else order.amount_rc
        rule = None
        if order.amount_rc != 0 and not _is_in_advance(night, order.row):
            tight = [name for name, place in limits if left[place] < takes]
            rule = next(iter([*_held_by(night, found, key), *tight]), None)
        if rule is None:
            for _, place in limits:
                left[place] -= takes
        after = min((left[place] for _, place in limits), default=None)
        rows.append(_row(order, segment, rule, after))
    return sorted(rows, key=lambda one: str(one["commitment_id"]).encode())


def _row(order: Commitment, segment: str, rule: str | None, after: Fraction | None) -> Row:
    names = ("commitment_id", "order_id", "customer_id", "kind", "expected_date")
    return {
        **{name: order.row[name] for name in names},
        "credit_segment": segment,
        "amount_rc": order.amount_rc,
        "decision": "release" if rule is None else "hold",
        "rule": rule,
        "room_after": after,
    }


def _orders(night: Night, held: Iterable[Position]) -> list[Commitment]:
    """Give what can still be stopped, after the down payments for it."""
    by_pair: dict[tuple[str, str], list[Commitment]] = defaultdict(list)
    for one in commitments_of(night.setting):
        by_pair[one.row["customer_id"], one.row["company_code"]].append(one)
    for position in held:
        pair = (position.customer_id, position.company_code)
        alike = Position(*pair, items=position.items)
        _apply_down_payments(night.setting, alike, by_pair[pair])
    return [one for found in by_pair.values() for one in found if one.row["kind"] != "delivery"]


def _turn(order: Commitment) -> tuple[bool, object, bool, object, bytes]:
    """Put an order by expected date, document date, id; a date that is not known comes first."""
    expected, document = order.row["expected_date"], order.row["document_date"]
    commitment_id = order.row["commitment_id"].encode()
    return expected is not None, expected, document is not None, document, commitment_id


def _is_in_advance(night: Night, row: Row) -> bool:
    """Say whether a commitment is paid in advance, by its terms, else by its customer's."""
    customer = night.setting.ledger.customers.get(row["customer_id"])
    terms = row["payment_terms"] or (customer["payment_terms"] if customer else None)
    return terms in {"CIA", "CWO", "PREPAID"}


def _held_by(night: Night, found: list[Breach], key: Key) -> list[str]:
    """Name the rules that hold all orders of an account, in their order."""
    rules = []
    for breach in found:
        if key not in breach.bears_on:
            continue
        person = bool(holds_of(night, key, breach.rule))
        asks = "orders" in breach.holds and not is_released(night, breach, key)
        if (asks and breach.rule not in BY_ROOM) or (
            person and "orders" in night.rules("manual_hold", "holds")
        ):
            rules.append(breach.rule)
    return sorted(rules, key=RULES.index)
