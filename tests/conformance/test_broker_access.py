"""The Broker contract: what a login reaches, trying it out, asking before sending, honest caps."""

import logging

import pytest

from engine.brokers import OrderRequest
from engine.domain.errors import BrokerAuthError, OrderRejected
from engine.domain.order import OrderType, Side, Tif
from tests.conformance.broker_bench import START, Bench
from tests.conformance.venue_bench import VenueBench

BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT


async def test_every_connected_account_is_among_those_that_the_login_reaches(bench: Bench) -> None:
    known = await bench.broker.accounts()
    assert known
    assert len({account.number for account in known}) == len(known)
    assert any(account.may_trade for account in known)
    if isinstance(bench, VenueBench):
        assert set(bench.numbers.values()) <= {account.number for account in known}


@pytest.mark.parametrize("is_named", [True, False])
async def test_two_of_our_accounts_are_never_one_there(bench: Bench, *, is_named: bool) -> None:
    """Each would count the other's money and holdings as its own."""
    if not isinstance(bench, VenueBench):
        pytest.skip("paper's accounts are ours")
    broker = bench.build(bench.venue.url, bench.venue.ws_url, bench.clock)
    number = bench.numbers["main"]
    two = {"main": number, "spare": number if is_named else None}
    object.__setattr__(broker.setup, "accounts", two)
    with pytest.raises(
        BrokerAuthError, match=r"two of our accounts are one|spare|reaches one account, 2 are"
    ):
        await broker.connect()
    await broker.close()


async def test_trying_it_out_leaves_no_trace(bench: Bench) -> None:
    checks = await bench.broker.check()
    assert checks
    assert all(check.name and check.detail for check in checks)
    assert not [check for check in checks if check.is_ok is False]
    if isinstance(bench, VenueBench) and bench.broker.caps.has_preview:
        assert [check.is_ok for check in checks if check.name == "dry run"] == [True]
    assert await bench.broker.orders_since(bench.account, START) == []


async def test_a_preview_says_something_and_leaves_no_order(bench: Bench) -> None:
    bench.promises(has_preview=True)
    await bench.quote(bench.it, "2.00", "2.10")
    assert await bench.broker.preview(bench.request(BUY, 1, LIMIT, limit="2.05")) is not None
    assert await bench.broker.orders_since(bench.account, START) == []


async def test_a_preview_refuses_what_submit_would_refuse(bench: Bench) -> None:
    bench.promises(has_preview=True)
    await bench.quote(bench.it, "2.00", "2.10")
    with pytest.raises(OrderRejected):
        await bench.broker.preview(bench.request(BUY, 100_000, LIMIT, limit="2.05"))


async def test_a_broker_without_preview_says_none_and_sends_nothing(bench: Bench) -> None:
    bench.promises(has_preview=False)
    assert await bench.broker.preview(bench.request(BUY, 1, LIMIT, limit="2.05")) is None
    assert await bench.broker.orders_since(bench.account, START) == []


async def test_money_of_this_world_is_paper(bench: Bench) -> None:
    assert bench.broker.caps.is_paper


async def test_what_is_left_of_a_minute_is_told(bench: Bench) -> None:
    """Where a minute is counted; a few a second, or as many as come, never run out for long."""
    before = bench.broker.room()
    await bench.broker.submit(bench.request(BUY, 1, LIMIT, limit="1.95"))
    after = bench.broker.room()
    if before is None or after is None:
        assert bench.broker.name in {"paper", "etrade", "webull"}
        assert before is after
    else:
        assert 0 < after < before


def _unpromised(bench: Bench) -> list[OrderRequest]:
    caps = bench.broker.caps.by_kind[bench.it.kind]
    stop = {"stop": "1.50", "reduces": True}
    asked = {
        OrderType.MARKET: bench.request(SELL, 1, reduces=True),
        OrderType.LIMIT: bench.request(SELL, 1, LIMIT, limit="2.50", reduces=True),
        OrderType.STOP: bench.request(SELL, 1, OrderType.STOP, **stop),
        OrderType.STOP_LIMIT: bench.request(SELL, 1, OrderType.STOP_LIMIT, limit="1.40", **stop),
        OrderType.TRAILING: bench.request(SELL, 1, OrderType.TRAILING, trail="0.20", reduces=True),
    }
    requests = [request for kind, request in asked.items() if kind not in caps.order_types]
    requests += [
        bench.request(SELL, 1, LIMIT, limit="2.50", tif=tif) for tif in Tif if tif not in caps.tifs
    ]
    if not caps.has_oco:
        requests.append(bench.request(SELL, 1, LIMIT, limit="2.50", oco_group="exit"))
    if not caps.has_brackets:
        child = bench.request(SELL, 1, LIMIT, limit="2.50", reduces=True)
        requests.append(bench.request(BUY, 1, LIMIT, limit="1.90", attached=(child,)))
    return requests


async def test_what_caps_do_not_promise_is_refused_and_never_sent_as_something_else(
    bench: Bench,
) -> None:
    await bench.hold(1)
    for request in _unpromised(bench):
        with pytest.raises(OrderRejected):
            await bench.broker.submit(request)
    assert await bench.broker.open_orders(bench.account) == []


async def test_a_replacement_is_refused_where_caps_do_not_promise_it(bench: Bench) -> None:
    bench.needs(has_replace=False)
    old = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    new = bench.request(BUY, 1, LIMIT, limit="2.05")
    with pytest.raises(OrderRejected):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    assert len(await bench.broker.open_orders(bench.account)) == 1


async def test_no_secret_and_no_account_number_is_logged_or_shown(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    if not isinstance(bench, VenueBench):
        pytest.skip("has neither")
    caplog.set_level(logging.DEBUG)
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.10")
    await bench.pass_latency()
    said = [str(error) for error in await _errors(bench)] + [repr(bench.broker), repr(order)]
    said += [repr(event) for event in bench.told] + caplog.text.splitlines()
    numbers = {number for name, number in bench.numbers.items() if number != name}
    for canary in {*bench.secrets.values(), *numbers}:
        assert not [line for line in said if canary in line], "a canary sings"


async def _errors(bench: Bench) -> list[Exception]:
    bad = (
        bench.request(BUY, 100_000, LIMIT, limit="2.00"),
        bench.request(BUY, 1, LIMIT, limit="2.00", account="nobody"),
    )
    errors: list[Exception] = []
    for request in bad:
        with pytest.raises(OrderRejected) as caught:
            await bench.broker.submit(request)
        errors.append(caught.value)
    return errors
