"""The paper broker and its vault: what is durable when, and what happens when saving fails."""

import asyncio
from datetime import datetime
from decimal import Decimal

import pytest

from engine.brokers import Absent, StreamDown, StreamUp
from engine.brokers.paper.book import Book, Draft
from engine.brokers.paper.exchange import Exchange
from engine.brokers.paper.orders import PaperOrder, fill_of, fill_text, order_of, order_text
from engine.domain.errors import BrokerUnavailable, OrderStateUnknown, StoreUnavailable
from engine.domain.order import OrderType, Side, Tif
from tests.conformance.broker_bench import (
    CALL,
    HIGH_CALL,
    START,
    MemoryVault,
    PaperBench,
    breathe,
    paper,
)

D = Decimal
BUY, SELL, LIMIT, STOP = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.STOP


@pytest.fixture
async def bench():
    started = await paper().start()
    yield started
    await started.stop()


def vault_of(bench: PaperBench) -> MemoryVault:
    assert isinstance(bench.vault, MemoryVault)
    return bench.vault


async def test_an_order_is_in_the_vault_before_submit_returns(bench: PaperBench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    assert f"live/{order.client_order_id}" in vault_of(bench).kept


async def test_a_fill_is_in_the_vault_before_it_is_told(bench: PaperBench) -> None:
    vault = vault_of(bench)
    await bench.quote(CALL, "2.00", "2.10")
    await bench.submit(BUY, 1)
    await breathe()
    vault.gate = asyncio.Event()
    bench.clock.advance(1)
    await breathe()
    assert bench.told_fills() == []
    assert (await bench.broker.positions("main")) == []
    vault.gate.set()
    await bench.settle()
    assert len(bench.told_fills()) == 1


async def test_find_waits_for_an_order_that_is_being_saved(bench: PaperBench) -> None:
    vault = vault_of(bench)
    vault.gate = asyncio.Event()
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    sending = asyncio.create_task(bench.broker.submit(request))
    await breathe()
    asking = asyncio.create_task(bench.broker.find("main", request.client_order_id))
    await breathe()
    assert not asking.done()
    vault.gate.set()
    await sending
    assert not isinstance(await asking, Absent)


async def test_when_nothing_was_saved_nothing_was_accepted(bench: PaperBench) -> None:
    vault_of(bench).failures = [StoreUnavailable("disk full")]
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    with pytest.raises(BrokerUnavailable):
        await bench.broker.submit(request)
    assert isinstance(await bench.broker.find("main", request.client_order_id), Absent)
    assert any(isinstance(event, StreamDown) for event in bench.told)
    assert (await bench.broker.submit(request)).state == "accepted"
    await breathe()
    assert isinstance(bench.told[-2], StreamUp)


async def test_when_saving_ends_in_doubt_the_outcome_is_unknown_and_then_read_back(
    bench: PaperBench,
) -> None:
    vault_of(bench).late_failures = [ConnectionResetError("gone")]
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    with pytest.raises(OrderStateUnknown):
        await bench.broker.submit(request)
    assert (await bench.seen(request)).state == "accepted"
    assert len(await bench.broker.open_orders("main")) == 1
    await bench.wait(2)
    await bench.quote(CALL, "1.90", "1.95")
    assert len(await bench.fills(request)) == 1


async def test_a_caller_that_stops_waiting_does_not_tear_the_book(bench: PaperBench) -> None:
    vault = vault_of(bench)
    vault.gate = asyncio.Event()
    request = bench.request(BUY, 1, LIMIT, limit="2.00")
    sending = asyncio.create_task(bench.broker.submit(request))
    await breathe()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    vault.gate.set()
    await bench.settle()
    assert (await bench.seen(request)).state == "accepted"
    await bench.restart()
    assert (await bench.seen(request)).state == "accepted"


async def test_a_fill_that_could_not_be_saved_comes_when_saving_works_again(
    bench: PaperBench,
) -> None:
    await bench.quote(CALL, "2.00", "2.10", sizes=(9, 2))
    order = await bench.submit(BUY, 2)
    await breathe()
    vault_of(bench).failures = [StoreUnavailable("locked")] * 2
    bench.clock.advance(0.2)
    await breathe()
    assert bench.told_fills() == []
    for _ in range(3):
        bench.clock.advance(1)
        await breathe()
    assert [fill.qty for fill in bench.told_fills()] == [D(2)]
    assert (await bench.seen(order)).state == "filled"
    downs = [event for event in bench.told if isinstance(event, StreamDown)]
    assert len(downs) == 1


async def test_quotes_that_came_while_saving_failed_are_not_lost(bench: PaperBench) -> None:
    await bench.hold(1)
    stop = await bench.submit(SELL, 1, STOP, stop="1.80", tif=Tif.GTC, reduces=True)
    await bench.pass_latency()
    vault_of(bench).failures = [StoreUnavailable("locked")]
    bench.board.put(bench.quote_of(CALL, "1.70", "1.80"))
    await breathe()
    bench.clock.advance(1.1)
    bench.board.put(bench.quote_of(CALL, "2.00", "2.10"))
    await breathe()
    (fill,) = await bench.fills(stop)
    assert fill.price == D("1.69")


async def test_a_quote_during_the_first_save_of_its_order_counts(bench: PaperBench) -> None:
    vault = vault_of(bench)
    await bench.quote(CALL, "2.00", "2.10")
    vault.gate = asyncio.Event()
    sending = asyncio.create_task(bench.broker.submit(bench.request(BUY, 1)))
    await breathe()
    bench.clock.advance(0.05)
    bench.board.put(bench.quote_of(CALL, "3.00", "3.10"))
    vault.gate.set()
    order = await sending
    await bench.pass_latency()
    (fill,) = await bench.fills(order)
    assert fill.price == D("3.11")


async def test_an_unreadable_vault_keeps_the_broker_away() -> None:
    class Broken(MemoryVault):
        async def load(self) -> dict[str, str]:
            raise StoreUnavailable("torn")

    bench = paper(vault=Broken())
    with pytest.raises(BrokerUnavailable):
        await bench.make(bench).connect()


async def test_the_worker_survives_a_bug_and_says_so(
    bench: PaperBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.submit(BUY, 1)
    await bench.pass_latency()
    exchange = bench.broker._exchange

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "on_quote", broken)
        bench.board.put(bench.quote_of(CALL, "2.00", "2.10"))
        await breathe()
    assert isinstance(bench.told[-1], StreamDown)
    await bench.quote(CALL, "2.00", "2.10")
    assert len(bench.told_fills()) == 1


# -- speed ------------------------------------------------------------------------------------


async def _old_book(n: int) -> dict[str, str]:
    """A vault with ``n`` filled orders."""
    bench = await paper().start()
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    kept = vault_of(bench).kept
    await bench.stop()
    done, fill = kept[f"done/{order.client_order_id}"], kept[f"fill/{order.client_order_id}-1-0"]
    for i in range(n):
        name = f"OLD{i:017d}"
        kept[f"done/{name}"] = done.replace(order.client_order_id, name)
        kept[f"fill/{name}-1-0"] = fill.replace(order.client_order_id, name)
    return kept


async def test_ten_thousand_old_orders_load_unread_and_can_all_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = await _old_book(10_000)
    n_read = 0

    def counted(text: str) -> PaperOrder:
        nonlocal n_read
        n_read += 1
        return order_of(text)

    monkeypatch.setattr("engine.brokers.paper.book.order_of", counted)
    book = Book({"main": D(1)})
    book.load(kept)
    assert book.last_at() is not None
    assert n_read == 0  # what is over is not read to start with
    vault = MemoryVault()
    vault.kept = kept
    bench = await paper(vault=vault).start()
    assert (await bench.seen("OLD00000000000009999")).state == "filled"
    assert len(await bench.broker.fills_since("main", START)) == 10_001
    await bench.stop()


async def test_orders_on_other_instruments_cost_nothing_per_quote(
    bench: PaperBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(1_000):
        await bench.submit(BUY, 1, LIMIT, HIGH_CALL, limit="0.01")
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    await bench.pass_latency()
    quote = bench.quote_of(CALL, "2.00", "2.10")
    looked: list[str] = []
    decide = Exchange._decide

    def counted(self: Exchange, draft: Draft, client_order_id: str, at: datetime) -> None:
        looked.append(client_order_id)
        decide(self, draft, client_order_id, at)

    monkeypatch.setattr(Exchange, "_decide", counted)
    for _ in range(200):
        bench.board.put(quote)
    await bench.settle()
    assert looked == [order.client_order_id] * 200  # of 1,001 that work
    assert (await bench.seen(order)).state == "accepted"


async def test_quotes_nobody_waits_for_are_not_even_kept(bench: PaperBench) -> None:
    saves = vault_of(bench).n_saves
    for _ in range(100):
        bench.board.put(bench.quote_of(CALL, "2.00", "2.10"))
    assert len(bench.broker._inbox) == 0
    assert vault_of(bench).n_saves == saves


async def test_a_burst_is_saved_in_few_steps(bench: PaperBench) -> None:
    await bench.submit(BUY, 9)
    await bench.pass_latency()
    saves = vault_of(bench).n_saves
    for _ in range(50):
        bench.board.put(bench.quote_of(CALL, "2.00", "2.10", sizes=(1, 1)))
    await bench.settle()
    assert len(bench.told_fills()) == 9
    assert vault_of(bench).n_saves == saves + 1


# -- text form --------------------------------------------------------------------------------


async def test_orders_and_fills_read_back_exactly(bench: PaperBench) -> None:
    await bench.hold(2)
    await bench.submit(
        SELL, 2, OrderType.TRAILING, trail="0.25", stop="1.50", tif=Tif.GTC, oco_group="x"
    )
    await bench.pass_latency()
    for order in bench.broker._book.live.values():
        assert order_of(order_text(order)) == order
    for fill in await bench.fills():
        assert fill_of(fill_text(fill, 3)) == fill
