"""A stream of orders that stays away, comes and goes, or is not what is gone (O-17)."""

import pytest

from engine.brokers import StreamDown, StreamUp
from engine.domain.errors import BrokerUnavailable
from engine.flows.acts import flatten
from engine.flows.brokers import hear, recover
from tests.scenarios.test_desk_at_venues import TRADER, at


async def test_a_stream_that_comes_and_goes_is_told_once():
    """Each minute it is away for half a minute."""
    async with at("topstepx") as it:
        for _ in range(3):
            it.bench.venue.is_deaf = True
            await it.bench.venue.drop_streams()
            await it.seconds(26)
            it.bench.venue.is_deaf = False
            await it.seconds(20)
            assert it.desk.is_told("topstepx")
        said = [n.text for n in it.desk.book.notices.values()]
        assert sum("no stream of orders" in text for text in said) == 1
        assert sum("stream of orders is back" in text for text in said) == 1


async def test_a_stream_that_is_back_for_moments_only_is_done_without_too(opened):
    """No gap lasts 20 s, and between two of them there may be no time to compare."""
    rig = await opened()
    for _ in range(4):
        await hear.on_event(rig.desk, "paper", StreamDown(reason="closed", can_ask=True))
        assert rig.desk.gates
        await rig.pass_time(6)
        await hear.on_event(rig.desk, "paper", StreamUp(gap_from=None))
    await hear.on_event(rig.desk, "paper", StreamDown(reason="closed", can_ask=True))
    await rig.rest()
    assert not rig.desk.gates, "compared at once: it is away for long"
    await hear.on_event(rig.desk, "paper", StreamUp(gap_from=None))
    await rig.pass_time(25)
    await hear.on_event(rig.desk, "paper", StreamDown(reason="closed", can_ask=True))
    await rig.rest()
    assert rig.desk.gates, "that is another gap"


async def test_one_that_comes_and_goes_every_second_does_not_use_the_minute_up(opened, monkeypatch):
    """Each return was compared, six requests each: at Schwab no stop could leave for a minute."""
    rig = await opened()
    plain, n_compared = rig.outside.balance, 0

    async def balance(account):
        nonlocal n_compared
        n_compared += 1
        return await plain(account)

    monkeypatch.setattr(rig.outside, "balance", balance)
    for _ in range(12):
        await hear.on_event(rig.desk, "paper", StreamDown(reason="closed", can_ask=True))
        await rig.rest()
        await hear.on_event(rig.desk, "paper", StreamUp(gap_from=None))
        await rig.pass_time(1)
        await recover.mend(rig.desk)
        await rig.rest()
    assert n_compared <= 4
    await rig.pass_time(6)
    assert not rig.desk.gates, "what happened in the last gap is known"


async def test_paper_whose_book_cannot_be_saved_keeps_entries_waiting(opened):
    """Its StreamDown says that nothing can be written down, not that a stream is away."""
    rig = await opened()
    await hear.on_event(rig.desk, "paper", StreamDown(reason="the paper book cannot be saved: x"))
    assert rig.desk.gates
    for _ in range(60):
        await rig.pass_time(1)
        await recover.mend(rig.desk)
        await rig.rest()
    assert rig.desk.gates
    assert not [n for n in rig.notes() if "no stream of orders" in n]


async def test_one_that_is_back_in_the_same_moment_leaves_nothing_behind(opened, caplog):
    rig = await opened()
    await hear.on_event(rig.desk, "paper", StreamDown(reason="closed", can_ask=True))
    await hear.on_event(rig.desk, "paper", StreamUp(gap_from=None))
    await rig.rest()
    await rig.pass_time(25)
    assert rig.desk.is_told("paper")
    assert not rig.desk.gates
    assert not [record for record in caplog.records if record.exc_info]


async def test_where_polls_fail_too_entries_wait_again(monkeypatch):
    async with at("topstepx") as it:
        it.quote("2.50", "2.60")
        await it.enter()
        it.bench.venue.is_deaf = True
        await it.bench.venue.drop_streams()
        await it.seconds(25, "2.50", "2.60")
        assert not it.desk.gates

        async def silent(_):
            raise BrokerUnavailable("nobody there")

        monkeypatch.setattr(it.bench.broker, "open_orders", silent)
        await it.seconds(5, "2.50", "2.60")
        assert it.desk.gates


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_what_waits_for_the_end_of_its_stop_is_closed_soon_after_its_broker_answers_again(
    name,
):
    """The next look was half a minute away and the breaker open: bare for 26 s more."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        faults = it.bench.venue.faults
        faults.strikes, faults.reject_500 = (lambda request: request.method == "GET"), 10**6
        await flatten.run(it.desk, TRADER)
        await it.seconds(40)
        assert await it.held() == 2
        said = [n.text for n in it.desk.book.notices.values()]
        assert not any("nowhere" in text for text in said), "it cannot be read"
        assert any("no working stop" in text for text in said)
        faults.reject_500 = 0
        await it.seconds(10)
        assert not await it.held()


@pytest.mark.parametrize("name", ["alpaca", "topstepx"])
async def test_what_is_told_as_filled_is_booked_soon_after_its_executions_are_listed(name):
    """Its frames were lost and the list of executions lagged: looked for later and later."""
    async with at(name) as it:
        it.bench.venue.faults.drop_frames = 1_000
        listed = it.bench.broker.fills_since

        async def none_yet(*_):
            return []

        it.bench.broker.fills_since = none_yet
        await it.enter()
        await it.seconds(18)
        assert not it.ours()
        it.bench.broker.fills_since = listed
        await it.seconds(5)
        assert it.ours() == await it.held() == 2


async def test_where_nothing_is_told_entries_wait_while_no_poll_has_a_turn():
    """One was sent after 14 s in which each question was put off: it filled, bare for 27 s."""
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        await it.protected()
        faults = it.bench.venue.faults
        faults.strikes = lambda request: request.method == "GET"
        faults.limit_429 = 10**6
        await it.seconds(22)
        assert it.desk.gate("webull")
        faults.limit_429 = 0
        await it.seconds(45)
        assert not it.desk.gates
        await it.protected()


async def test_where_nothing_is_told_one_poll_that_fails_keeps_no_entry_back():
    async with at("webull") as it:
        await it.enter()
        await it.seconds(8)
        faults = it.bench.venue.faults
        faults.strikes, faults.reject_500 = (lambda request: request.method == "GET"), 3
        for _ in range(20):
            await it.seconds(1)
            assert not it.desk.gates
        assert not faults.reject_500, "it was asked three times over, as each poll is"


@pytest.mark.parametrize("name", ["etrade", "webull"])
@pytest.mark.parametrize("is_open", [True, False])
async def test_where_nothing_is_told_nor_works_silence_keeps_entries_back_within_seconds(
    name, is_open, monkeypatch
):
    """They left for half a minute, and what filled stood without a stop until it answered."""
    async with at(name) as it:
        calendar = it.desk.calendar("option")
        monkeypatch.setattr(type(calendar), "is_open", lambda *_: is_open)
        faults, venue = it.bench.venue.faults, it.bench.venue
        faults.reject_500, faults.strikes = 1000, lambda request: not venue.acts(request)
        await it.seconds(8)
        assert bool(it.desk.gate(name)) is is_open
        assert faults.reject_500 < 1000 if is_open else faults.reject_500 == 1000, "none is asked"
        faults.reject_500 = 0
        for _ in range(40):
            await it.seconds(1)
            await recover.mend(it.desk)
        assert not it.desk.gate(name)
