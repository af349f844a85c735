"""The daily breaker: it trips, is told of once, and is reset on purpose by an admin."""

import pytest

from engine.domain.errors import NotAllowed, UserError
from engine.flows.acts import breaker
from engine.flows.limits import facts
from engine.risk import only
from engine.risk.daily_loss import DailyLoss
from tests.rig import AAPL, ADMIN, LOOSE, MIKE, STOCKS, TRADER, d, profiles, start


async def test_after_a_reset_the_loss_so_far_is_accepted_and_the_limit_counts_anew():
    it = await start(
        risk={**LOOSE, "min_reward": {"min_ratio": 0}, "stop_distance": {"stock_max_pct": 5}},
        sources=profiles(chase_limit_pct=d(1)),
    )
    desk = it.desk
    with pytest.raises(UserError, match="not tripped"):
        await breaker.reset(desk, ADMIN, "no")
    it.quote(AAPL, "99.98", "100.00")
    await it.say("BOUGHT AAPL @ 100.00", channel=STOCKS, author=MIKE)
    await it.fill(AAPL, "99.98", "100.00")
    assert it.trade().qty_open > 0
    it.quote(AAPL, "60.00", "60.02")  # a gap of 40 % on a tenth of the account
    await facts.roll(desk, "main")
    assert breaker.tripped(desk) == ["main"]
    await facts.roll(desk, "main")
    assert sum("Exits keep working" in n for n in it.notes()) == 1
    with pytest.raises(NotAllowed):
        await breaker.reset(desk, TRADER, "please")
    said = await breaker.reset(desk, ADMIN, "gap is over")
    assert "is accepted" in said
    await facts.roll(desk, "main")
    assert breaker.tripped(desk) == [], "what was accepted does not trip it again"
    seen = facts.gather(desk, "main")
    assert seen.accepted_loss_usd > d(3000)
    (lost,) = (g for _, c in desk.checks for g in c.gauges(seen) if g.name == "lost today")
    assert lost.now == 0
    it.quote(AAPL, "25.00", "25.02")
    await facts.roll(desk, "main")
    assert breaker.tripped(desk) == ["main"], "3 % more is enough again"
    told = [p.what for p in await breaker.history(desk)]
    assert [w.split(" ")[0] for w in told] == ["tripped", "reset", "tripped"]
    await it.close()


async def test_a_drill_changes_nothing_but_is_written_down():
    it = await start()
    before = dict(it.desk.book.accounts)
    await facts.roll(it.desk, "main")
    with pytest.raises(NotAllowed):
        await breaker.drill(it.desk, TRADER)
    found = await breaker.drill(it.desk, ADMIN)
    assert [ok for ok, _ in found] == [True, True]
    assert before.keys() == it.desk.book.accounts.keys()
    assert not it.desk.halted
    assert breaker.tripped(it.desk) == []
    assert "tested by ada: 2 of 2 would trip" in (await breaker.history(it.desk))[0].what
    await it.close()


@pytest.mark.parametrize("price", ["60.00", "140.00"])
async def test_a_day_that_is_judged_by_prices_of_long_ago_is_not_known(price):
    it = await start(
        risk={**LOOSE, "min_reward": {"min_ratio": 0}, "stop_distance": {"stock_max_pct": 5}},
        sources=profiles(chase_limit_pct=d(1)),
    )
    it.quote(AAPL, "99.98", "100.00")
    await it.say("BOUGHT AAPL @ 100.00", channel=STOCKS, author=MIKE)
    await it.fill(AAPL, "99.98", "100.00")
    it.quote(AAPL, price, str(d(price) + d("0.02")))
    check = only(it.desk.checks, DailyLoss)
    it.clock.advance(60)
    assert facts.gather(it.desk, "main").open_pnl_usd is not None
    it.clock.advance(1)
    assert check.reached(facts.gather(it.desk, "main")).code == "daily_loss.unknown"
    await facts.roll(it.desk, "main")
    assert breaker.tripped(it.desk) == [], "nothing is shut for the day by a price of long ago"
    it.quote(AAPL, price, str(d(price) + d("0.02")))
    known = check.reached(facts.gather(it.desk, "main"))
    assert (known.code if known else "") == ("daily_loss.reached" if price == "60.00" else "")
    await it.close()
