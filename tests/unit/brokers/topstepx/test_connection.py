"""The TopStepX connection: whose machine, which account, who is there, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from engine.brokers import Setup
from engine.brokers.topstepx import Topstepx
from engine.brokers.topstepx.settings import TopstepSettings
from engine.clock import ManualClock
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    ConfigError,
    OrderRejected,
    WrongEnvironment,
)
from engine.domain.order import OrderType, Side
from tests.conformance import topstepx_bench
from tests.conformance.broker_bench import START
from tests.conformance.topstepx_bench import TopstepBench
from tests.conformance.venue_bench import MemoryTokens

BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT


@pytest.fixture
async def bench() -> AsyncIterator[TopstepBench]:
    """Not started, so that a test may say more first."""
    made = topstepx_bench.bench()
    try:
        yield made
    finally:
        await made.stop()


def setup(**more: Any) -> Setup:
    plain: dict[str, Any] = {
        "name": "topstepx",
        "clock": ManualClock(START),
        "accounts": {"main": None},
        "secrets": {"user": SecretStr("u"), "key": SecretStr("k")},
        "tokens": MemoryTokens(),
    }
    return Setup(**(plain | more))


def with_settings(bench: TopstepBench, **more: object) -> None:
    bench.settings = lambda url, ws_url: topstepx_bench.settings(url, ws_url, **more)


# -- whose machine ----------------------------------------------------------------------------


def test_it_does_not_start_unless_the_machine_is_said_to_be_the_traders_own() -> None:
    with pytest.raises(ConfigError, match=r"brokers\.topstepx\.own_machine"):
        Topstepx(TopstepSettings(), setup())
    assert Topstepx(TopstepSettings(own_machine=True), setup()).name == "topstepx"


# -- which account ----------------------------------------------------------------------------


@pytest.mark.parametrize(("environment", "is_simulated"), [("paper", False), ("live", True)])
async def test_paper_and_live_are_not_mixed_up(
    bench: TopstepBench, environment: str, is_simulated: bool
) -> None:
    """O-24."""
    with_settings(bench, environment=environment)
    venue: Any = await bench.open_venue()
    venue.is_simulated = is_simulated
    with pytest.raises(WrongEnvironment) as caught:
        await bench.start()
    assert environment in str(caught.value)
    assert "41001" not in str(caught.value)
    bench.broker = None


@pytest.mark.parametrize(("environment", "is_let_in"), [("paper", True), ("live", False)])
async def test_accounts_on_this_machine_that_do_not_say_are_paper(
    bench: TopstepBench, environment: str, is_let_in: bool
) -> None:
    with_settings(bench, environment=environment)
    venue: Any = await bench.open_venue()
    venue.is_simulated = None
    if is_let_in:
        await bench.start()
        assert (await bench.broker.balance("main")).cash_usd == 100_000
    else:
        with pytest.raises(WrongEnvironment):
            await bench.start()
        bench.broker = None
    assert all("simulated" in v for v in venue.log.violations)
    venue.log.violations.clear()  # the published schema asks for it, its own samples lack it


async def test_several_accounts_and_none_named_is_refused(bench: TopstepBench) -> None:
    await bench.open_venue()
    bench.numbers = {"main": None}  # type: ignore[dict-item]
    with pytest.raises(BrokerAuthError, match="say which is main"):
        await bench.start()
    bench.broker = None


async def test_the_only_account_of_a_login_need_not_be_named(bench: TopstepBench) -> None:
    bench.numbers = {"main": "41001"}
    await bench.open_venue()
    bench.numbers = {"main": None}  # type: ignore[dict-item]
    await bench.start()
    assert (await bench.broker.balance("main")).cash_usd == 100_000


async def test_a_login_that_is_refused_says_the_brokers_own_word(bench: TopstepBench) -> None:
    bench.secrets = {"user": "trader", "key": "WRONG-CANARY"}
    with pytest.raises(BrokerAuthError, match="InvalidCredentials") as caught:
        await bench.start()
    assert "CANARY" not in str(caught.value)
    bench.broker = None


@pytest.mark.parametrize("text", ["{broken}\n{}", "[1]", '{"lives": {"1": [{}]}}'])
async def test_what_is_kept_of_changed_orders_must_be_readable(
    bench: TopstepBench, text: str
) -> None:
    bench.tokens.kept["topstepx-orders"] = text
    with pytest.raises(BrokerUnavailable, match="cannot be read"):
        await bench.start()
    bench.broker = None


# -- who is there -----------------------------------------------------------------------------


async def test_unattended_no_entry_leaves_and_exits_do(bench: TopstepBench) -> None:
    with_settings(bench, attended_min=Decimal(30))
    await bench.start()
    assert not bench.broker.is_attended
    with pytest.raises(OrderRejected, match="unattended"):
        await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert bench.venue.log.n_acts == 0
    bench.broker.confirm_presence()
    assert bench.broker.is_attended
    await bench.hold(1)
    await bench.wait(30 * 60)
    assert not bench.broker.is_attended
    assert (await bench.submit(SELL, 1, LIMIT, limit="2.50", reduces=True)).state == "accepted"


async def test_presence_is_asked_for_again_after_a_restart(bench: TopstepBench) -> None:
    with_settings(bench, attended_min=Decimal(30))
    await bench.start()
    bench.broker.confirm_presence()
    await bench.restart()
    assert bench.broker.attended_left_s == 0


async def test_where_nobody_asks_it_counts_as_attended(bench: TopstepBench) -> None:
    await bench.start()
    assert bench.broker.is_attended
    assert bench.broker.attended_left_s is None


# -- for how long -----------------------------------------------------------------------------


async def until(is_so: Any) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - the venue tells nobody
            await asyncio.sleep(0.005)


async def test_the_token_is_renewed_half_a_day_ahead_of_its_end(bench: TopstepBench) -> None:
    await bench.start()
    venue: Any = bench.venue
    assert venue.n_logins == 1
    bench.clock.advance(12 * 3600 - 1)
    for _ in range(9):
        await asyncio.sleep(0)
    assert not venue.log.of("POST", "/api/Auth/validate")
    bench.clock.advance(1)
    await until(lambda: bench.broker._api.token == "TOKEN-CANARY-2")
    (asked,) = venue.log.of("POST", "/api/Auth/validate")
    assert asked.headers["Authorization"] == "Bearer TOKEN-CANARY-1"
    await bench.broker.balance("main")
    last = venue.log.of("POST", "/api/Account/search")[-1]
    assert last.headers["Authorization"] == "Bearer TOKEN-CANARY-2"


async def test_a_token_that_a_login_has_made_anew_meanwhile_is_not_renewed_too_soon(
    bench: TopstepBench,
) -> None:
    await bench.start()
    venue: Any = bench.venue
    bench.clock.advance(6 * 3600)
    await bench.broker._api.login()
    bench.clock.advance(6 * 3600)
    for _ in range(9):
        await asyncio.sleep(0.001)
    assert not venue.log.of("POST", "/api/Auth/validate")
    bench.clock.advance(6 * 3600)
    await until(lambda: bool(venue.log.of("POST", "/api/Auth/validate")))


async def test_a_renewal_that_fails_falls_back_to_a_new_login(bench: TopstepBench) -> None:
    await bench.start()
    venue: Any = bench.venue
    venue.expire_tokens()
    bench.clock.advance(12 * 3600)
    await until(lambda: venue.n_logins == 2)
    assert len(venue.log.of("POST", "/api/Auth/loginKey")) == 2


async def test_a_token_that_ends_early_costs_a_question_one_login(bench: TopstepBench) -> None:
    await bench.start()
    venue: Any = bench.venue
    venue.expire_tokens()
    found = await asyncio.gather(*(bench.broker.balance("main") for _ in range(5)))
    assert [b.cash_usd for b in found] == [100_000] * 5
    assert venue.n_logins == 2


async def test_an_order_that_met_a_dead_token_was_not_taken_and_may_be_sent_again(
    bench: TopstepBench,
) -> None:
    await bench.start()
    venue: Any = bench.venue
    venue.expire_tokens()
    request = bench.request(BUY, 1, LIMIT, limit="1.95")
    with pytest.raises(BrokerAuthError):
        await bench.broker.submit(request)
    assert await bench.at_venue() == []
    assert (await bench.broker.submit(request)).state == "accepted"  # by the desk, under its id
    assert len(await bench.at_venue()) == 1


async def test_each_capability_is_tried_without_a_trace(bench: TopstepBench) -> None:
    await bench.start()
    venue: Any = bench.venue
    venue.bars = [{"t": "2026-11-18T15:00:00Z", "o": 1, "h": 1, "l": 1, "c": 6700.25, "v": 1}]
    told = {check.name: (check.is_ok, check.detail) for check in await bench.broker.check()}
    assert told["auth"][0] is True
    assert told["account main"] == (True, "cash $100,000.00, may trade: yes")
    assert told["orders main"] == (True, "0 working")
    assert told["quote"] == (True, "/MESZ26: 6700.25")
    assert told["dry run"][0] is None
    assert venue.log.n_acts == 0
    venue.bars = []
    dry = {check.name: (check.is_ok, check.detail) for check in await bench.broker.check()}
    assert dry["quote"] == (False, "/MESZ26 has no price of the last four days")


async def test_the_usage_of_the_allowance_is_counted(bench: TopstepBench) -> None:
    await bench.start()
    before = bench.broker.usage.n_calls
    await bench.broker.balance("main")
    assert bench.broker.usage.n_calls == before + 1
