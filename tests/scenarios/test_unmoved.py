"""A stop that is moved, and is not: the old one works on, and nothing is guessed."""

import pytest

from engine.domain.errors import BrokerUnavailable, CredentialsRefused
from engine.domain.order import OrderState, Purpose
from engine.flows.trades import manage
from tests.conformance.faulty_broker import FaultyBroker
from tests.rig import spy
from tests.scenarios.outside_desk import SAFE, check, held, live
from tests.scenarios.test_desk_at_venues import TRADER


async def moving(opened, monkeypatch, error, *, is_silent):
    """A stop that is to be moved while its broker answers so; its orders, old and new."""
    rig = await opened(SAFE)
    trade = await held(rig)
    plain = FaultyBroker.find
    (old,) = live(rig, Purpose.STOP)

    async def fails(*_):
        raise error

    async def find(self, account, order_id):
        if is_silent:
            raise BrokerUnavailable("connection refused")
        return await plain(self, account, order_id)

    monkeypatch.setattr(rig.outside, "replace", fails)
    monkeypatch.setattr(FaultyBroker, "find", find)
    rig.quote(spy(), "2.60", "2.62")
    await manage.to_break_even(rig.desk, trade.trade_id, TRADER)
    await rig.rest()
    orders = [o for o in await rig.desk.store.find(type(old)) if o.purpose is Purpose.STOP]
    new = next(o for o in orders if o.replaces == old.order_id)
    return rig, rig.desk.book.orders[old.order_id], new


@pytest.mark.parametrize("is_silent", [True, False])
async def test_a_move_that_never_left_leaves_the_old_stop_at_work(opened, monkeypatch, is_silent):
    """Were it still to be moved, nothing could cancel it, and no close would leave."""
    rig, old, new = await moving(
        opened, monkeypatch, BrokerUnavailable("connection refused"), is_silent=is_silent
    )
    assert (old.state, new.state) == (OrderState.ACCEPTED, OrderState.REJECTED)
    await check(rig)


@pytest.mark.parametrize(
    ("error", "is_silent", "said"),
    [
        (CredentialsRefused("who are you"), True, OrderState.UNKNOWN),
        (CredentialsRefused("who are you"), False, OrderState.REJECTED),
        (RuntimeError("the adapter's own"), False, OrderState.UNKNOWN),
    ],
)
async def test_a_move_that_was_denied_is_looked_for_and_one_that_broke_is_in_doubt(
    opened, monkeypatch, error, is_silent, said
):
    _, old, new = await moving(opened, monkeypatch, error, is_silent=is_silent)
    kept = OrderState.ACCEPTED if said is OrderState.REJECTED else OrderState.PENDING_REPLACE
    assert (old.state, new.state) == (kept, said)
