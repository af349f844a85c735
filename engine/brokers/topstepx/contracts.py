"""Which contract is meant: looked up at the broker, never built from a rule.

A root maps to the month that the broker itself calls active. When it names none, or two, or one
that is over, the root is refused with the reason (M-08): a wrong month is a wrong position.
"""

import asyncio
from collections.abc import Iterable
from datetime import date

from engine.brokers.topstepx.api import Api
from engine.brokers.topstepx.translate import Contract, Odd, contract_of
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import FUTURES, Instrument
from engine.market import CME, new_york_date


class Contracts:
    """Contracts seen so far; asked anew once per trading day, and for what is not known."""

    def __init__(self, api: Api, clock: Clock, *, is_live_data: bool = False) -> None:
        self._api, self._clock, self._is_live_data = api, clock, is_live_data
        self._by_id: dict[str, Contract] = {}
        self._by_key: dict[str, Contract] = {}
        self._asked_on: dict[str, date] = {}
        """Root -> trading day on which its active month was asked last."""
        self._asking = asyncio.Lock()
        self.odd: dict[str, str] = {}
        """Contract id -> why it cannot be traded here."""

    async def load(self) -> None:
        """Read everything that is listed at once, so that no order has to wait for a look-up.

        Raises:
            BrokerUnavailable, BrokerAuthError.
        """
        async with self._asking:
            body = {"live": self._is_live_data}
            rows = await self._api.rows("/api/Contract/available", body, "contracts")
            self._retire()
            self._take(rows)
            roots = {c.instrument.symbol for c in self._by_id.values()}
            self._asked_on |= dict.fromkeys(roots, self._day())

    async def of(self, instrument: Instrument) -> Contract:
        """The listed contract of a dated future.

        Raises:
            OrderRejected: there is none. BrokerUnavailable, BrokerAuthError.
        """
        if instrument.kind != "future":
            raise OrderRejected("unsupported", "TopStepX trades futures, nothing else")
        found = self._by_key.get(instrument.key)
        if found is None:
            await self._search(instrument.symbol)
            found = self._by_key.get(instrument.key)
        if found is None:
            why = next((w for i, w in self.odd.items() if f".{instrument.symbol}." in i), "")
            raise OrderRejected(
                "ContractNotFound", f"TopStepX lists no {instrument.label}{why and f' ({why})'}"
            )
        return found

    async def by_id(self, contract_id: str) -> Contract:
        """The contract of an order, trade or position.

        Raises:
            BrokerUnavailable: nobody can say what it is, or it is none that this desk knows.
        """
        found = self._by_id.get(contract_id)
        if found is not None:
            return found
        async with self._asking:
            answer = await self._api.read("/api/Contract/searchById", {"contractId": contract_id})
            row = answer.get("contract")
            self._take([row] if isinstance(row, dict) else [])
        found = self._by_id.get(contract_id)
        if found is None:
            why = self.odd.get(contract_id, "not found")
            raise BrokerUnavailable(f"{self._api.name}: contract {contract_id}: {why}")
        return found

    def known(self, contract_id: str) -> Contract | None:
        """As :meth:`by_id`, of what was looked up before."""
        return self._by_id.get(contract_id)

    async def front(self, root: str) -> Contract:
        """The month that a root means today: the broker's own active contract.

        Raises:
            OrderRejected: with the reason, when that is not one for sure.
        """
        if root not in FUTURES:
            raise OrderRejected("unknown_root", f"{root} is not in the futures contract table")
        if self._asked_on.get(root) != self._day():
            await self._search(root)
        active = self._active(root)
        if len(active) != 1:
            names = ", ".join(c.instrument.key for c in active) or "no month"
            raise OrderRejected(
                "no_front_month", f"TopStepX calls {names} of {root} active; say which month"
            )
        (contract,) = active
        if is_over(contract.instrument, self._day()):
            raise OrderRejected(
                "contract_over", f"{contract.instrument.key} is past its last day; say which month"
            )
        return contract

    def _active(self, root: str) -> list[Contract]:
        found = (c for c in self._by_id.values() if c.is_active and c.instrument.symbol == root)
        return sorted(found, key=lambda c: c.instrument.key)

    async def _search(self, text: str) -> None:
        async with self._asking:
            body = {"searchText": text, "live": self._is_live_data}
            rows = await self._api.rows("/api/Contract/search", body, "contracts")
            self._retire(text)
            self._take(rows)
            self._asked_on[text] = self._day()

    def _retire(self, root: str | None = None) -> None:
        """Nothing is active until the new list says so; ``root`` None: of all."""
        for contract in list(self._by_id.values()):
            if root in (None, contract.instrument.symbol):
                self._by_id[contract.id] = _inactive(contract)

    def _take(self, rows: Iterable[object]) -> None:
        for row in rows:
            if not isinstance(row, dict):
                continue
            try:
                contract = contract_of(row, self._day())
            except Odd as error:
                self.odd[str(row.get("id"))] = str(error)
                continue
            self.odd.pop(contract.id, None)
            self._by_id[contract.id] = self._by_key[contract.instrument.key] = contract

    def _day(self) -> date:
        session = CME.session_at(self._clock.now())
        return session.on if session is not None else new_york_date(self._clock.now())


def is_over(instrument: Instrument, today: date) -> bool:
    """Whether a contract has passed for sure; of most roots the broker alone knows the last day."""
    expiry = instrument.expiry
    if expiry is None:
        return True
    if instrument.symbol in _THIRD_FRIDAY:
        return expiry < today
    return (expiry.year, expiry.month) < (today.year, today.month)


_THIRD_FRIDAY = frozenset({"ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K"})


def _inactive(contract: Contract) -> Contract:
    return Contract(id=contract.id, instrument=contract.instrument, is_active=False)
