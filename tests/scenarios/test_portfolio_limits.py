"""Sector, correlation, freezes and overrides in a whole desk: an alert meets what is held."""

import pytest

from engine.domain.desk import AlertState
from engine.domain.errors import NotAllowed, UserError
from engine.domain.instrument import stock
from engine.domain.order import Intent
from engine.flows.limits import curbs, learning
from engine.sizing import SizingSettings
from tests.rig import ADMIN, LOOSE, MIKE, STOCKS, TRADER, Rig, d, profiles, start
from tests.unit.portfolio.test_statistics import walk

MSFT, NVDA = stock("MSFT"), stock("NVDA")


async def rig(**risk) -> Rig:
    return await start(
        risk={
            **LOOSE,
            "min_reward": {"min_ratio": 0},
            "position_size": {"max_notional_pct": 60},
            "stop_distance": {"stock_max_pct": 5},
            **risk,
        },
        sources=profiles(chase_limit_pct=d(1)),
        sizing=SizingSettings(max_notional_pct=d(60)),
    )


async def buy(it: Rig, symbol: str, price: str = "100.00"):
    made = stock(symbol)
    for trade in it.desk.book.open_trades("main"):  # what is held has a price of now
        it.quote(trade.legs[0].instrument, str(d(price) - d("0.02")), price)
    it.quote(made, str(d(price) - d("0.02")), price)
    record = await it.say(f"BOUGHT {symbol} @ {price}", channel=STOCKS, author=MIKE)
    await it.fill(made, str(d(price) - d("0.02")), price)
    return it.desk.book.alerts[record.alert_id]


async def test_a_second_bet_that_moves_with_the_first_is_rejected_once_both_are_known():
    it = await rig(correlation={})
    it.desk.closes.put(walk("MSFT", like=1.0))
    first = await buy(it, "MSFT")
    assert first.state in (AlertState.FILLED, AlertState.MANAGED)
    unknown = await buy(it, "XOM")
    assert unknown.state in (AlertState.FILLED, AlertState.MANAGED)
    (intent,) = await it.desk.store.find(Intent, where={"alert_id": unknown.alert_id})
    (said,) = [v for v in intent.verdicts if v.check == "correlation"]
    assert said.is_ok
    assert "no source of daily closes" in said.detail
    it.desk.closes.put(walk("NVDA", like=1.0))
    it.clock.advance(120)
    alike = await buy(it, "NVDA")
    assert "NVDA moves with MSFT" in alike.reason
    made = await curbs.override(
        it.desk, ADMIN, "correlation", symbol="nvda", minutes=5, reason="pair"
    )
    assert made.symbol == "NVDA"
    it.clock.advance(120)
    passed = await buy(it, "NVDA")
    assert passed.state in (AlertState.FILLED, AlertState.MANAGED)
    it.clock.advance(600)
    assert curbs.overrides(it.desk) == ()
    await it.close()


async def test_what_is_held_names_the_closes_that_are_needed():
    it = await rig()
    assert learning.wanted(it.desk) == set()
    await buy(it, "MSFT")
    assert learning.wanted(it.desk) == {"SPY", "MSFT"}
    await learning.keep(it.desk)  # no source: nothing happens, nothing breaks
    assert it.desk.closes.of(["MSFT"]) == {}
    assert it.desk.closes.why_not("MSFT") == "no source of daily closes is configured"
    it.desk.closes.put(walk("MSFT"))
    assert set(it.desk.closes.of(["MSFT", "SPY"])) == {"MSFT"}
    it.clock.advance(86_400)
    assert it.desk.closes.of(["MSFT"]) == {}  # yesterday's year lacks yesterday
    await it.close()


async def test_an_entry_is_cut_to_its_sectors_room_when_half_of_it_remains():
    it = await rig(sector={"max_pct": 55})
    await buy(it, "MSFT")  # 1 % of risk at a stop of 3 %: a third of the account
    whole = it.trade().qty_open
    cut = await buy(it, "NVDA")
    assert cut.state in (AlertState.FILLED, AlertState.MANAGED)
    (second,) = (t for t in it.trades() if t.symbol == "NVDA")
    assert whole / 2 < second.qty_open < whole
    (intent,) = (i for i in it.desk.book.intents.values() if i.symbol == "NVDA")
    assert "is left in its sector" in intent.sizing
    full = await buy(it, "AMD")
    assert full.state is AlertState.RISK_REJECTED
    assert "AMD is Technology" in full.reason
    await it.close()


async def test_frozen_entries_are_refused_until_they_are_allowed_again():
    it = await rig()
    with pytest.raises(NotAllowed):
        await curbs.freeze(it.desk, TRADER, "all", "", "no")
    with pytest.raises(UserError, match="Say which symbol"):
        await curbs.freeze(it.desk, ADMIN, "symbol", " ", "no")
    with pytest.raises(UserError, match="Discord id"):
        await curbs.freeze(it.desk, ADMIN, "author", "mike", "no")
    await curbs.freeze(it.desk, ADMIN, "symbol", "msft", "earnings")
    with pytest.raises(UserError, match="frozen already"):
        await curbs.freeze(it.desk, ADMIN, "symbol", "MSFT", "again")
    frozen = await buy(it, "MSFT")
    assert frozen.reason == "entries in MSFT are frozen by ada: earnings"
    other = await buy(it, "NVDA")
    assert other.state in (AlertState.FILLED, AlertState.MANAGED)
    assert any("Entries in MSFT are frozen by ada" in n for n in it.notes())
    with pytest.raises(UserError, match="frozen is: entries in MSFT"):
        await curbs.unfreeze(it.desk, ADMIN, "all", "", "x")
    await curbs.unfreeze(it.desk, ADMIN, "symbol", "MSFT", "done")
    assert curbs.freezes(it.desk) == ()
    it.clock.advance(120)
    assert (await buy(it, "MSFT")).state in (AlertState.FILLED, AlertState.MANAGED)
    await it.close()


async def test_an_admins_multiplier_sizes_inside_its_bounds_and_needs_a_figure():
    it = await rig()
    for bad in (None, d("2.5"), d("0.1")):
        with pytest.raises(UserError):
            await curbs.override(
                it.desk, ADMIN, "sizing", symbol="", minutes=5, reason="x", multiplier=bad
            )
    with pytest.raises(UserError, match="1 to 120 minutes"):
        await curbs.override(it.desk, ADMIN, "sector", symbol="", minutes=121, reason="x")
    with pytest.raises(NotAllowed):
        await curbs.override(it.desk, TRADER, "sector", symbol="", minutes=5, reason="x")
    with pytest.raises(UserError, match="cannot be overridden"):
        await curbs.override(it.desk, ADMIN, "kill-switch", symbol="", minutes=5, reason="x")  # type: ignore[arg-type]
    await curbs.override(
        it.desk, ADMIN, "sizing", symbol="", minutes=5, reason="calm", multiplier=d("0.5")
    )
    assert curbs.multiplier(it.desk, "MSFT") == d("0.5")
    await buy(it, "MSFT")
    (intent,) = it.desk.book.intents.values()
    assert "as an admin has set it" in intent.sizing
    await it.close()


async def test_freezes_and_overrides_outlive_a_restart():
    it = await rig()
    await curbs.freeze(it.desk, ADMIN, "all", "", "storm")
    await curbs.override(it.desk, ADMIN, "sector", symbol="", minutes=60, reason="hedge")
    again = await start(store=it.desk.store, vault=it.vault, clock=it.clock, board=it.board)
    assert [f.words for f in curbs.freezes(again.desk)] == ["all entries"]
    assert [o.target for o in curbs.overrides(again.desk)] == ["sector"]
    kinds = [j.event.kind for j in await again.desk.store.events()]
    assert {"freeze.set", "override.set"} <= set(kinds)
    await again.close()
    await it.close()
