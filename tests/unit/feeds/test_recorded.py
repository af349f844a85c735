import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.domain.errors import ConfigError
from engine.domain.instrument import option, stock
from engine.feeds.recorded import RecordedFeed

D = Decimal
SHARED = Path(__file__).parents[4] / "shared/data/market/option_quotes_5s_QQQ_20230511.csv.gz"
QQQ_CALL = option("QQQ", date(2023, 5, 12), D(327), "C")
START = datetime(2023, 5, 11, 14, 15, 30, tzinfo=UTC)


def _feed(folder: Path, text: str, name: str = "q.csv", **more: object) -> RecordedFeed:
    file = folder / name
    file.write_text(text)
    return RecordedFeed([file], ManualClock(START), **more)  # type: ignore[arg-type]


async def test_one_price_becomes_a_touch_of_the_stated_spread(tmp_path: Path) -> None:
    feed = _feed(
        tmp_path,
        "contract,ts_utc,price\nQQQ230512C00327000,2023-05-11T14:15:30Z,0.69\n",
        half_spread=D("0.02"),
    )
    await feed.connect()
    quote = await feed.quote(QQQ_CALL)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size) == (D("0.67"), D("0.71"), None)
    assert quote.exchange_at == quote.received_at == START
    assert feed.instruments == [QQQ_CALL]


@pytest.mark.parametrize(
    ("price", "bid", "ask"),
    [("0.04", "0.01", "0.09"), ("0.325", "0.27", "0.38"), ("0.01", "0.01", "0.06")],
)
async def test_bid_is_floored_at_one_tick_and_both_sides_lie_on_tick(
    tmp_path: Path, price: str, bid: str, ask: str
) -> None:
    text = f"contract,ts_utc,price\nQQQ230512C00327000,2023-05-11T14:15:30Z,{price}\n"
    feed = _feed(tmp_path, text, half_spread=D("0.05"))
    await feed.connect()
    quote = await feed.quote(QQQ_CALL)
    assert quote is not None
    assert (quote.bid, quote.ask) == (D(bid), D(ask))


async def test_json_lines_are_read_exactly(tmp_path: Path) -> None:
    text = (
        '{"ts_utc": "2023-05-11T14:15:30Z", "instrument": "SPY", "bid": 400.10, "ask": 400.12,'
        ' "bid_size": 3, "ask_size": null}\n\n'
    )
    feed = _feed(tmp_path, text, "q.jsonl")
    await feed.connect()
    quote = await feed.quote(stock("SPY"))
    assert quote is not None
    assert (str(quote.bid), quote.bid_size, quote.ask_size) == ("400.10", D(3), None)


_HEAD = "ts_utc,instrument,bid,ask\n2023-05-11T14:15:30Z,SPY,400.10,400.12\n"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("2023-05-11T14:15:31Z,SPY,NaN,400.12", "not a finite number"),
        ("2023-05-11T14:15:31Z,SPY,400.13,400.12", "are no market"),
        ("2023-05-11T14:15:31Z,SPY,0,400.12", "are no market"),
        ("2023-05-11T14:15:31Z,SPY,-1,400.12", "are no market"),
        ("2023-05-11T14:15:29Z,SPY,400.10,400.12", "earlier than the row before"),
        ("yesterday,SPY,400.10,400.12", "isoformat"),
        ("2023-05-11T14:15:31Z,$$$,400.10,400.12", "not an instrument name"),
        ("2023-05-11T14:15:31Z,SPY,400.10", "not a number"),
        ("2023-05-11T14:15:31Z,SPY,400.10,400.12,9", "not a row"),
        ("2023-05-11T14:15:31Z,SPY,,400.12", "not a number"),
    ],
)
async def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, why: str) -> None:
    feed = _feed(tmp_path, _HEAD + row + "\n")
    with pytest.raises(ConfigError, match=rf"q\.csv line 3: .*{why}"):
        await feed.connect()


async def test_a_bad_json_line_is_named(tmp_path: Path) -> None:
    good = '{"ts_utc":"2023-05-11T14:15:30Z","instrument":"SPY","bid":"1","ask":"2"}\n'
    with pytest.raises(ConfigError, match=r"q\.jsonl line 2: "):
        await _feed(tmp_path, good + "{nonsense\n", "q.jsonl").connect()
    with pytest.raises(ConfigError, match=r"line 2: .*finite"):
        await _feed(tmp_path, good + good.replace('"1"', "NaN"), "q.jsonl").connect()


@pytest.mark.parametrize("text", ["", "ts_utc,instrument,bid,ask\n", "a,b\n1,2\n"])
async def test_an_empty_or_foreign_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"q\.csv"):
        await _feed(tmp_path, text).connect()


async def test_a_missing_or_torn_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.csv"):
        await RecordedFeed([tmp_path / "absent.csv"], ManualClock(START)).connect()
    torn = tmp_path / "torn.csv.gz"
    torn.write_bytes(gzip.compress(_HEAD.encode() * 50)[:60])
    with pytest.raises(ConfigError, match=r"torn\.csv\.gz"):
        await RecordedFeed([torn], ManualClock(START)).connect()


async def test_several_files_merge_by_time_and_may_be_shifted(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(_HEAD + "2023-05-11T14:15:34Z,SPY,400.14,400.16\n")
    second.write_text(
        "ts_utc,instrument,bid,ask\n2023-05-11T14:15:32Z,SPY,400.12,400.14\n"
        "2023-05-11T14:15:33Z,QQQ,300.00,300.01\n"
    )
    clock = ManualClock(START + timedelta(days=1) - timedelta(seconds=1))
    feed = RecordedFeed([first, second], clock, shift=timedelta(days=1))
    await feed.connect()
    await feed.watch(feed.instruments)
    got = feed.advance_to(START + timedelta(days=1, seconds=10))
    assert [str(q.bid) for q in got] == ["400.10", "400.12", "300.00", "400.14"]
    assert feed.upcoming() is None


@pytest.mark.skipif(not SHARED.exists(), reason="the shared market data are not on this machine")
async def test_reads_the_recorded_day_of_a_real_option() -> None:
    feed = RecordedFeed([SHARED], ManualClock(START - timedelta(seconds=1)))
    await feed.connect()
    await feed.watch([QQQ_CALL])
    got = feed.advance_to(START + timedelta(days=2))
    assert len(got) == 1859
    assert all(quote.is_sane for quote in got)
    assert (got[0].bid, got[0].ask) == (D("0.68"), D("0.70"))
