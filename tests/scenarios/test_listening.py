"""The monitor is stopped and started: alerts wait unacted, the desk's own exits go on."""

import pytest

from engine.domain.desk import Intake
from engine.domain.errors import NotAllowed, UserError
from engine.domain.trade import TradeState
from engine.flows.alerts import listening
from tests import rig as desks
from tests.rig import ADMIN, FUTURES, OPTIONS, TRADER, spy

BTO = "BTO SPY 603C 1/31 @ 2.15 SL 1.60"


async def make():
    rig = await desks.start(risk=desks.LOOSE)
    rig.quote(spy(), "2.14", "2.16")
    return rig


async def test_a_stopped_monitor_acts_on_nothing_and_keeps_what_it_heard() -> None:
    rig = await make()
    await listening.stop(rig.desk, ADMIN, "holiday")
    assert await rig.say(BTO) is None
    heard = [i for i in await rig.desk.store.find(Intake) if i.message.text == BTO]
    assert heard[0].verdict == "not acted on: the monitor is stopped by ada: holiday"
    assert not rig.desk.book.trades
    assert not rig.desk.book.approvals
    assert any("stopped by ada" in n for n in rig.notes())
    await listening.start(rig.desk, ADMIN)
    assert not rig.desk.book.trades, "what was heard meanwhile is not acted on late"
    rig.quote(spy(), "2.14", "2.16")
    assert await rig.say(BTO.replace("2.15", "2.16")) is not None
    await rig.close()


async def test_one_room_is_stopped_alone_and_survives_a_restart() -> None:
    rig = await make()
    await listening.stop(rig.desk, ADMIN, "", OPTIONS)
    assert listening.stopped(rig.desk) is None
    assert listening.stopped(rig.desk, FUTURES) is None
    store = rig.desk.store
    await rig.close()
    again = await desks.start(store=store)
    assert listening.stopped(again.desk, OPTIONS).by == "ada"
    assert await again.say(BTO) is None
    await listening.start(again.desk, ADMIN)
    assert listening.stopped(again.desk, OPTIONS) is None
    await again.close()


async def test_exits_of_the_desk_go_on_while_it_is_stopped() -> None:
    rig = await make()
    await rig.say(BTO)
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().state is TradeState.OPEN
    await listening.stop(rig.desk, ADMIN, "")
    assert await rig.say("STC all SPY 603C @ 2.20") is None
    assert rig.trade().state is TradeState.OPEN, "closings of alerts are not acted on either"
    await rig.fill(spy(), "1.50", "1.52")
    await rig.pass_time(2)
    assert not rig.desk.book.open_trades(), "its stop closed it all the same"
    await rig.close()


async def test_only_admins_stop_it_and_a_repeat_is_told() -> None:
    rig = await make()
    with pytest.raises(NotAllowed):
        await listening.stop(rig.desk, TRADER, "")
    with pytest.raises(UserError, match="no alert room"):
        await listening.stop(rig.desk, ADMIN, "", 4711)
    with pytest.raises(UserError, match="running"):
        await listening.start(rig.desk, ADMIN)
    await listening.stop(rig.desk, ADMIN, "")
    with pytest.raises(UserError, match="already"):
        await listening.stop(rig.desk, ADMIN, "", OPTIONS)
    with pytest.raises(UserError, match="as a whole"):
        await listening.start(rig.desk, ADMIN, OPTIONS)
    await rig.close()
