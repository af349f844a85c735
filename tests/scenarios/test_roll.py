"""A futures root in roll week: the broker's own month, or a refusal with the reason (M-08)."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from engine.brokers.paper import PaperBroker
from engine.domain.desk import AlertState
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument, future
from tests import rig as desks
from tests.rig import FUTURES, NINJA, Rig

MAR, JUN = future("MES", date(2025, 3, 1)), future("MES", date(2025, 6, 1))
ALERT = "🚨 ES long 6326: A\nStop: 6316"


class Fronts(PaperBroker):
    """Paper that knows what trades as the front."""

    says: Instrument | Exception = MAR

    async def front(self, root: str) -> Instrument:
        """As told."""
        assert root == "MES"
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    def wrap(paper: PaperBroker) -> PaperBroker:
        paper.__class__ = Fronts  # the same broker, one word more
        return paper

    made = await desks.start(risk=desks.LOOSE, wrap=wrap)
    made.quote(MAR, "6325.75", "6326.00")
    made.quote(JUN, "6325.75", "6326.00")
    yield made
    await made.close()


def says(rig: Rig, front: Instrument | Exception) -> None:
    broker = rig.broker
    assert isinstance(broker, Fronts)
    broker.says = front


async def traded(rig: Rig, text: str = ALERT) -> str:
    record = await rig.say(text, channel=FUTURES, author=NINJA)
    assert record is not None
    assert record.state is AlertState.ORDERED, record.reason
    (order,) = rig.desk.book.orders_of(record.trade_ids[0])
    return order.legs[0].instrument.key


async def test_the_brokers_month_is_traded_whatever_the_rule_of_thumb_says(rig: Rig) -> None:
    says(rig, JUN)
    assert await traded(rig) == "/MESM25"


async def test_a_month_that_is_named_is_taken_at_its_word(rig: Rig) -> None:
    says(rig, JUN)
    assert await traded(rig, "🚨 ESH5 long 6326: A\nStop: 6316") == "/MESH25"


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (
            OrderRejected("no_front_month", "no month of MES is active; say which month"),
            "say which",
        ),
        (BrokerUnavailable("down"), "did not say which month"),
    ],
)
async def test_a_month_that_is_not_sure_is_refused_with_the_reason(
    rig: Rig, problem: Exception, why: str
) -> None:
    says(rig, problem)
    record = await rig.say(ALERT, channel=FUTURES, author=NINJA)
    assert record is not None
    assert record.state is AlertState.REJECTED
    assert why in record.reason
    assert rig.desk.book.orders == {}


async def test_the_roll_is_announced_once(rig: Rig) -> None:
    await traded(rig)
    says(rig, JUN)
    for price in (6326, 6327):
        rig.clock.advance(61)
        rig.quote(JUN, str(price - 1), str(price))
        await rig.say(f"🚨 ES long {price}: A\nStop: {price - 9}", channel=FUTURES, author=NINJA)
    (note,) = [n for n in rig.notes() if "rolls" in n]
    assert "/MESH25 → /MESM25" in note
