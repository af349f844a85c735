from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import pstdev

import pytest

from engine.clock import ManualClock
from engine.domain.errors import ConfigError
from engine.domain.instrument import future, option, stock
from engine.domain.quote import Quote
from engine.feeds.synthetic import Path, Plan, SyntheticFeed

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY, QQQ = stock("SPY"), stock("QQQ")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")
PUT = option("SPY", date(2026, 11, 20), D(600), "P")


def _feed(*paths: Path, seed: int = 1, **more: object) -> SyntheticFeed:
    paths = paths or (Path(instrument=SPY, price=D(600)), Path(instrument=QQQ, price=D(500)))
    return SyntheticFeed(seed, ManualClock(START), Plan(paths=paths, **more))  # type: ignore[arg-type]


async def _play(feed: SyntheticFeed, *instruments: object, seconds: float = 60) -> list[Quote]:
    await feed.watch(instruments)  # type: ignore[arg-type]
    got: list[Quote] = []
    for n in range(1, int(seconds) + 1):
        got += feed.advance_to(START + timedelta(seconds=n))
    return got


async def test_same_seed_same_market_whoever_watches_and_however_it_is_played() -> None:
    alone = await _play(_feed(), SPY)
    together = await _play(_feed(), QQQ, CALL, SPY)
    jumped = _feed()
    await jumped.watch([SPY])
    assert alone == [q for q in together if q.instrument == SPY]
    assert jumped.advance_to(START + timedelta(seconds=60)) == alone[-40:]


async def test_another_seed_is_another_market() -> None:
    assert await _play(_feed(seed=1), SPY) != await _play(_feed(seed=2), SPY)


async def test_quotes_come_every_quarter_second() -> None:
    gaps = {
        (b.exchange_at - a.exchange_at).total_seconds()
        for a, b in pairwise(await _play(_feed(), SPY))
    }
    assert gaps == {0.25}


async def test_waypoints_are_reached_exactly_even_across_a_jump_of_the_clock() -> None:
    path = Path(
        instrument=SPY,
        price=D(600),
        volatility=3.0,
        waypoints=((10.0, D("605.00")), (3_000.0, D("590.00"))),
    )
    feed = _feed(path)
    await feed.watch([SPY])
    quotes = {q.exchange_at: q for q in feed.advance_to(START + timedelta(hours=1))}
    assert quotes[START + timedelta(seconds=10)].mid == D("605.00")
    assert quotes[START + timedelta(seconds=3_000)].mid == D("590.00")
    assert len(quotes) == 42


async def test_without_volatility_the_price_runs_straight() -> None:
    path = Path(instrument=SPY, price=D(600), volatility=0, waypoints=((10.0, D(610)),))
    feed = _feed(path)
    got = await _play(feed, SPY, seconds=20)
    assert got[19].mid == D(605)
    assert got[-1].mid == D(610)


async def test_wobble_has_about_the_stated_volatility() -> None:
    feed = _feed(Path(instrument=SPY, price=D(60_000), volatility=0.2))
    got = await _play(feed, SPY, seconds=4_000)
    moves = [float(b.mid / a.mid) - 1 for a, b in pairwise(got[::40])]
    yearly = pstdev(moves) * (365 * 86_400 / 10) ** 0.5
    assert 0.08 < yearly < 0.4


async def test_options_follow_their_underlying() -> None:
    path = Path(instrument=SPY, price=D(600), volatility=0, waypoints=((60.0, D(606)),))
    got = await _play(_feed(path), CALL, PUT)
    calls = [q.mid for q in got if q.instrument == CALL]
    puts = [q.mid for q in got if q.instrument == PUT]
    assert calls[-1] > calls[0] + 2
    assert puts[-1] < puts[0]
    assert abs((calls[-1] - puts[-1]) - 6) < D("0.2")  # put-call parity


async def test_an_option_past_its_end_is_worth_its_intrinsic_value() -> None:
    feed = _feed(Path(instrument=SPY, price=D(603), volatility=0))
    feed._clock.jump(datetime(2026, 11, 20, 21, 30, tzinfo=UTC))  # type: ignore[attr-defined]
    quote = await feed.quote(CALL)
    assert quote is not None
    assert abs(quote.mid - 3) < D("0.05")


async def test_a_worthless_option_still_has_a_sane_quote() -> None:
    far = option("SPY", date(2026, 11, 20), D(900), "C")
    quote = await _feed(Path(instrument=SPY, price=D(600), volatility=0)).quote(far)
    assert quote is not None
    assert quote.is_sane


async def test_an_option_may_have_a_path_of_its_own() -> None:
    feed = _feed(Path(instrument=CALL, price=D("2.00"), volatility=0, spread=D("0.10"), size=None))
    quote = await feed.quote(CALL)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.ask_size) == (D("1.95"), D("2.05"), None)
    assert await feed.quote(PUT) is None


async def test_futures_keep_their_tick() -> None:
    mes = future("MES", date(2026, 12, 1))
    path = Path(instrument=mes, price=D("6700.10"), spread=D("0.25"))
    for quote in await _play(_feed(path), mes, seconds=20):
        assert quote.bid % D("0.25") == quote.ask % D("0.25") == 0


async def test_steering_leads_a_price_to_where_the_demo_needs_it() -> None:
    feed = _feed(Path(instrument=SPY, price=D(600), volatility=0.5))
    await _play(feed, SPY, seconds=10)
    feed._clock.to(START + timedelta(seconds=10))  # type: ignore[attr-defined]
    before = feed.advance_to(START + timedelta(seconds=10)) or [await feed.quote(SPY)]
    feed.steer(SPY, D("590.00"), 5)
    after = feed.advance_to(START + timedelta(seconds=15))
    assert before[-1] is not None
    assert abs(after[0].mid - before[-1].mid) < 1
    assert after[-1].mid == D("590.00")
    with pytest.raises(ConfigError):
        feed.steer(CALL, D(1), 5)


@pytest.mark.parametrize(
    "path",
    [
        Path(instrument=SPY, price=D("NaN")),
        Path(instrument=SPY, price=D(0)),
        Path(instrument=SPY, price=D(1), volatility=-1),
        Path(instrument=SPY, price=D(1), spread=D(-1)),
        Path(instrument=SPY, price=D(1), waypoints=((5.0, D(2)), (5.0, D(3)))),
        Path(instrument=SPY, price=D(1), waypoints=((5.0, D(-2)),)),
    ],
)
def test_a_plan_that_cannot_be_played_is_refused(path: Path) -> None:
    with pytest.raises(ConfigError):
        _feed(path)
