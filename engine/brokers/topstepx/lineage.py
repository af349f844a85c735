"""What ProjectX does not remember of our client ids, kept beside the tokens so that it survives.

An order that was modified keeps the tag of its first life, and the children of a bracket have no
tag at all. Both are written down before the request leaves; what came of it is told by the order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.brokers import OrderRequest
from engine.brokers._wire.lines import Lines
from engine.brokers.topstepx.translate import SIDE_CODES, TYPE_CODES, moment, prices
from engine.domain.errors import BrokerUnavailable
from engine.store import Tokens

KEPT = timedelta(days=7)
"""Longer than any order lives at a firm that is flat every afternoon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life of an order: its client id from a moment on."""

    client_id: str
    before: int
    """Contracts that the lives before it had filled."""
    prices: Mapping[str, str] = field(default_factory=dict)
    """What the modification asked for, by their field names."""
    made_at: str
    since: str = ""
    """The broker's own time of the modification; empty while nobody knows whether it worked."""


_LIFE = [one.name for one in fields(Life)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One child of a bracket, and the order that it turned out to be."""

    client_id: str
    account: int
    contract_id: str
    type: int
    side: int
    size: int
    order_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The children of one entry."""

    children: tuple[Child, ...]
    made_at: str


class Lineage:
    """Client ids by order id, beyond the tags."""

    def __init__(self, tokens: Tokens, name: str) -> None:
        self._lines = Lines(name, tokens)
        self._lives: dict[int, tuple[Life, ...]] = {}
        self._families: dict[str, Family] = {}
        self._child_of: dict[int, str] = {}

    async def load(self, now: datetime) -> None:
        """Read it back, without what is long over.

        Raises:
            BrokerUnavailable: it cannot be read; without it an order could pass for foreign.
        """
        try:
            body: dict[str, dict[str, Any]] = {"lives": {}, "families": {}}
            for row in await self._lines.load():
                for part, known in row.items():
                    body[part] |= known
            self._take(body, now)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise BrokerUnavailable(
                f"{self._lines.name} beside the tokens cannot be read"
            ) from error
        await self._lines.tidy(
            [*map(self._life_row, self._lives), *map(self._family_row, self._families)]
        )

    def _take(self, body: dict[str, Any], now: datetime) -> None:
        lives = {
            int(order_id): tuple(Life(**life) for life in lives)
            for order_id, lives in body["lives"].items()
            if lives
        }
        families = {
            parent: Family(
                children=tuple(Child(**child) for child in family["children"]),
                made_at=family["made_at"],
            )
            for parent, family in body["families"].items()
            if family
        }
        self._lives = {i: of for i, of in lives.items() if _is_young(of[-1].made_at, now)}
        self._families = {p: f for p, f in families.items() if _is_young(f.made_at, now)}
        self._child_of = {
            child.order_id: child.client_id
            for family in self._families.values()
            for child in family.children
            if child.order_id
        }

    async def save(self) -> None:
        """Make it durable."""
        await self._lines.keep()

    def _life_row(self, order_id: int) -> dict[str, Any]:
        rows = [{name: getattr(of, name) for name in _LIFE} for of in self._lives.get(order_id, ())]
        return {"lives": {str(order_id): rows}}

    def _family_row(self, parent: str) -> dict[str, Any]:
        family = self._families.get(parent)
        return {"families": {parent: None if family is None else asdict(family)}}

    def _live(self, order_id: int, *lives: Life) -> None:
        if lives:
            self._lives[order_id] = lives
        else:
            self._lives.pop(order_id, None)
        self._lines.note(order_id, self._life_row(order_id))

    # -- lives ----------------------------------------------------------------------------------

    def begin(self, order_id: int, new: OrderRequest, filled: int, now: datetime) -> None:
        """A modification is about to be asked for."""
        life = Life(
            client_id=new.client_order_id,
            before=filled,
            prices={name: str(price) for name, price in prices(new).items()},
            made_at=now.isoformat(),
        )
        self._live(order_id, *self.settled(order_id), life)

    def confirm(self, order_id: int, since: datetime) -> None:
        """It worked, at that moment of the broker's."""
        *past, last = self._lives[order_id]
        self._live(order_id, *past, replace(last, since=since.isoformat()))

    def drop(self, order_id: int) -> None:
        """It did not."""
        self._live(order_id, *self.settled(order_id))

    def settled(self, order_id: int) -> tuple[Life, ...]:
        """The lives that are sure."""
        return tuple(life for life in self._lives.get(order_id, ()) if life.since)

    def doubtful(self, order_id: int) -> Life | None:
        """The last life, while nobody knows whether it began."""
        lives = self._lives.get(order_id, ())
        return lives[-1] if lives and not lives[-1].since else None

    def is_modifying(self, order_id: int, now: datetime) -> bool:
        """Whether a modification may still be under way; one that is old never arrived."""
        life = self.doubtful(order_id)
        return life is not None and moment(life.made_at, "made_at") > now - _SKEW

    def order_of(self, client_id: str) -> int:
        """The order that has or had this id by a modification or as a child; 0: none."""
        for order_id, lives in self._lives.items():
            if any(life.client_id == client_id for life in lives):
                return order_id
        for order_id, child_id in self._child_of.items():
            if child_id == client_id:
                return order_id
        return 0

    def judge(self, row: Mapping[str, Any], at: datetime) -> bool:
        """Whether a doubtful life turns out to have begun, as the order itself shows."""
        order_id = row["id"]
        life = self.doubtful(order_id)
        if life is None:
            return False
        is_so = all(
            row.get(name) is not None and Decimal(str(row[name])) == Decimal(price)
            for name, price in life.prices.items()
            if name != "trailPrice"
        )
        if is_so:
            self.confirm(order_id, at)
        return is_so

    # -- children -------------------------------------------------------------------------------

    def expect(self, parent: OrderRequest, number: int, contract_id: str, now: datetime) -> None:
        """A bracket is about to be placed."""
        family = Family(
            children=tuple(
                Child(
                    client_id=child.client_order_id,
                    account=number,
                    contract_id=contract_id,
                    type=TYPE_CODES[child.type],
                    side=SIDE_CODES[child.side],
                    size=int(child.qty),
                )
                for child in parent.attached
            ),
            made_at=now.isoformat(),
        )
        self._related(parent.client_order_id, family)

    def forget(self, parent_id: str) -> None:
        """It was refused."""
        self._related(parent_id, None)

    def _related(self, parent_id: str, family: Family | None) -> None:
        if family is None:
            self._families.pop(parent_id, None)
        else:
            self._families[parent_id] = family
        self._lines.note(parent_id, self._family_row(parent_id))

    def is_expected(self, client_id: str) -> bool:
        """Whether it is a child that has not been seen as an order yet."""
        return any(
            c.client_id == client_id and not c.order_id
            for f in self._families.values()
            for c in f.children
        )

    def adopt(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Recognise tagless orders as the children they are, the oldest first; whether any was."""
        found = False
        for row in sorted(rows, key=lambda row: int(row["id"])):
            if row.get("customTag") or row["id"] in self._child_of:
                continue
            for parent, family in self._families.items():
                child = _fitting(family, row)
                if child is not None:
                    known = replace(child, order_id=int(row["id"]))
                    children = tuple(known if c is child else c for c in family.children)
                    self._related(parent, replace(family, children=children))
                    self._child_of[known.order_id] = known.client_id
                    found = True
                    break
        return found

    # -- names ----------------------------------------------------------------------------------

    def names(self, row: Mapping[str, Any]) -> list[str]:
        """Every client id that the order had, in order; the last is the one it has now."""
        first = self._child_of.get(row["id"]) or str(row.get("customTag") or "")
        return [first, *(life.client_id for life in self.settled(row["id"]))]

    def name_at(self, row: Mapping[str, Any], at: datetime) -> str:
        """The client id that the order had at a moment."""
        name = self.names(row)[0]
        for life in self.settled(row["id"]):
            if moment(life.since, "since") < at:
                name = life.client_id
        return name


def _fitting(family: Family, row: Mapping[str, Any]) -> Child | None:
    wanted = (row["accountId"], row["contractId"], row["type"], row["side"])
    if moment(row.get("creationTimestamp"), "time") < moment(family.made_at, "time") - _SKEW:
        return None
    return next(
        (
            c
            for c in family.children
            if not c.order_id and (c.account, c.contract_id, c.type, c.side) == wanted
        ),
        None,
    )


_SKEW = timedelta(seconds=30)
"""Their clock may be behind ours."""


def _is_young(text: str, now: datetime) -> bool:
    return moment(text, "made_at") > now - KEPT
