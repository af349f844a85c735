"""A desk whose broker hides our ids, tells nothing, or takes orders on other terms."""

from dataclasses import replace

from engine.domain.errors import OrderStateUnknown, RateLimited
from engine.domain.order import OrderType
from engine.flows.brokers import watch
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import spy

SAFE = {"dedupes_client_id": True, "finds_by_client_id": True}
"""Alpaca, TopStepX, paper."""
HIDDEN = {"dedupes_client_id": True, "finds_by_client_id": False}
"""E*TRADE."""
LISTED = {"dedupes_client_id": False, "finds_by_client_id": True}
"""tastytrade, Webull."""
BLIND = {"dedupes_client_id": False, "finds_by_client_id": False}
"""Schwab."""
BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


class Outside(FaultyBroker):
    """Paper behind other terms: ``terms`` of the broker, ``kinds`` of every asset class."""

    def __init__(self, inner, faults, terms=None, kinds=None):
        super().__init__(inner, faults)
        by_kind = {k: replace(c, **(kinds or {})) for k, c in inner.caps.by_kind.items()}
        self.own_caps = replace(inner.caps, by_kind=by_kind, **(terms or {}))
        self.requests = []
        self.says = {}
        """What ``find`` answers, by order id; else the truth."""
        self.limit_s = None
        """Seconds that the next exit is asked to wait."""
        self.loses_closes = 0
        """So many closing orders never arrive, and nobody says so."""
        self.holds_nothing = False
        """Its list of positions is empty."""
        self.hides = False
        """Its lists of orders are empty."""

    @property
    def caps(self):
        return self.own_caps

    async def positions(self, account):
        return [] if self.holds_nothing else await super().positions(account)

    async def open_orders(self, account):
        return [] if self.hides else await super().open_orders(account)

    async def orders_since(self, account, since):
        return [] if self.hides else await super().orders_since(account, since)

    async def find(self, account, client_order_id):
        said = self.says.get(client_order_id) or self.says.get("*")
        return said or await super().find(account, client_order_id)

    async def submit(self, request):
        self.requests.append(request)
        if request.reduces and self.limit_s is not None:
            pause, self.limit_s = self.limit_s, None
            raise RateLimited("slow down", pause)
        if request.reduces and request.type is not OrderType.STOP and self.loses_closes:
            self.loses_closes -= 1
            raise OrderStateUnknown("reset by peer")
        return await super().submit(request)


async def make(terms=None, kinds=None, **settings):
    faults = Faults()
    made = []

    def wrap(paper):
        made.append(Outside(paper, faults, terms, kinds))
        return made[0]

    rig = await desks.start(wrap=wrap, **settings)
    rig.faults, rig.outside = faults, made[0]
    rig.quote(spy(), "2.14", "2.16")
    return rig


async def held(rig):
    """Two contracts, entered at 2.15 or better, with their stop."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    trade = rig.trade()
    assert trade.qty_open == 2
    return trade


async def alive(rig, seconds, quote=("2.14", "2.16")):
    for _ in range(int(seconds)):
        rig.quote(spy(), *quote)
        await rig.pass_time(1)


async def watched(rig, seconds, quote=("2.14", "2.16")):
    """The same with the poll, as the bot runs it."""
    for _ in range(int(seconds)):
        await alive(rig, 1, quote)
        await watch.round_of(rig.desk)
        await rig.rest()


def orders(rig, purpose):
    return [o for o in rig.desk.book.orders.values() if o.purpose is purpose]


def live(rig, purpose):
    return [o for o in orders(rig, purpose) if not o.state.is_terminal]


async def check(rig):
    await truth.books(rig.desk.store, auto=frozenset({"options"}))
    await truth.memory_equals_disk(rig.desk)
