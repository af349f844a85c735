"""Orders written down before they are sent: what a list proves of them, and what it does not."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import Absent, BrokerOrder, OrderRequest, Seen, Unclear
from engine.brokers._wire.sent import Listed, Sent
from engine.clock import ManualClock
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.conformance.venue_bench import MemoryTokens

D = Decimal
START = datetime(2026, 11, 18, 15, tzinfo=UTC)
LEGS = (Leg(instrument=stock("SPY")),)
A, B, C = ("TS" + letter * 18 for letter in "ABC")


class World:
    def __init__(self) -> None:
        self.clock, self.tokens = ManualClock(START), MemoryTokens()
        self.sent = Sent("x", self.tokens, self.clock)

    async def again(self) -> Sent:
        """Another process, or a connection beside this one."""
        other = Sent("x", self.tokens, self.clock)
        await other.load()
        return other

    async def send(self, name: str, **more: Any) -> None:
        await self.sent.about_to_send(request(name, **more))
        self.sent.landed(name)

    async def found(self, name: str, *orders: Listed) -> Any:
        return await self.sent.found("main", name, orders, self.clock.now())


def request(name: str, **more: Any) -> OrderRequest:
    plain = {"account": "main", "side": Side.BUY, "legs": LEGS, "qty": D(1)}
    limit = {"type": OrderType.LIMIT, "limit": D(2)}
    return OrderRequest(**{"client_order_id": name, **plain, **limit, **more})


def order(number: str, at: float = 0.5, **more: Any) -> Listed:
    """An order as listed, placed so many seconds after the start."""
    placed_at = START + timedelta(seconds=at)
    plain = {"client_order_id": "", "broker_id": number, "account": "main", "state": "accepted"}
    asked = {"side": Side.BUY, "legs": LEGS, "qty": D(1), "type": OrderType.LIMIT, "limit": D(2)}
    whole = {**plain, **asked, "filled": D(0), "updated_at": placed_at, **more}
    return Listed(placed_at=placed_at, order=BrokerOrder(**whole))


@pytest.fixture
async def world() -> World:
    made = World()
    await made.sent.load()
    return made


async def test_an_order_is_durable_before_it_is_sent(world: World) -> None:
    """I-13."""
    await world.send(A)
    assert (await world.again()).get(A) is not None


async def test_one_that_fits_is_it(world: World) -> None:
    await world.send(A)
    found = await world.found(A, order("1"))
    assert isinstance(found, Seen)
    assert found.order.client_order_id == A
    assert (await world.again()).get(A).broker_id == "1"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "more",
    [
        {"qty": D(2)},
        {"side": Side.SELL},
        {"limit": D("2.01")},
        {"type": OrderType.MARKET, "limit": None},
        {"legs": (Leg(instrument=stock("QQQ")),)},
        {"at": -31},
        {"at": 121},
    ],
)
async def test_one_that_differs_in_anything_is_not(world: World, more: dict[str, Any]) -> None:
    await world.send(A)
    assert await world.found(A, order("1", **more)) == Unclear()
    world.clock.advance(11)
    assert isinstance(await world.found(A, order("1", **more)), Absent)


@pytest.mark.parametrize("off_s", [-600, 600])
async def test_a_clock_that_is_minutes_off_makes_no_stranger_of_an_order(
    world: World, off_s: float
) -> None:  # M-03
    """No list before it was sent showed it, and one soon afterwards does."""
    old = order("1", at=off_s)
    await world.sent.match("main", [old])
    world.clock.advance(1)
    await world.send(A)
    world.clock.advance(2)
    found = await world.found(A, old, order("2", at=off_s + 1))
    assert isinstance(found, Seen)
    assert found.order.broker_id == "2"


@pytest.mark.parametrize(
    ("read_s", "listed_s", "off_s"),
    [(None, 2, 600), (1, 200, 600), (1, 2, 2000)],
    ids=["no list before it", "new much later", "of another time"],
)
async def test_what_may_have_been_there_before_or_came_later_is_not_it(
    world: World, read_s: float | None, listed_s: float, off_s: float
) -> None:
    if read_s is not None:
        await world.sent.match("main", [])
        world.clock.advance(read_s)
    await world.send(A)
    world.clock.advance(listed_s)
    assert not isinstance(await world.found(A, order("2", at=off_s)), Seen)


@pytest.mark.parametrize("off_s", [-600, -40, 130, 600])
async def test_one_that_a_process_with_a_wrong_clock_sent_is_not_absent_for_the_next(
    world: World, off_s: float
) -> None:  # M-03, O-02
    """Nobody could say that it is the one, and a stop of ours was sent beside itself."""
    await world.send(A)
    world.sent = await world.again()
    world.clock.advance(11)
    found = await world.found(A, order("1", at=off_s))
    assert isinstance(found, Unclear)
    assert [o.broker_id for o in found.candidates] == ["1"]
    assert isinstance(await world.found(A, order("1", at=off_s * 100)), Absent)


async def test_a_spread_is_the_same_the_other_way_round(world: World) -> None:
    legs = (Leg(instrument=stock("A")), Leg(instrument=stock("B"), ratio=-1))
    turned = tuple(replace(leg, ratio=-leg.ratio) for leg in legs)
    await world.send(A, legs=legs, limit=D("-1.25"))
    found = await world.found(A, order("1", side=Side.SELL, legs=turned, limit=D("1.25")))
    assert isinstance(found, Seen)
    assert (found.order.side, found.order.legs, found.order.limit) == (Side.BUY, legs, D("-1.25"))


async def test_several_that_fit_are_shown_and_none_is_taken(world: World) -> None:
    await world.send(A)
    found = await world.found(A, order("1"), order("2"))
    assert isinstance(found, Unclear)
    assert [o.broker_id for o in found.candidates] == ["1", "2"]


async def test_one_that_belongs_to_another_order_of_ours_is_no_candidate(world: World) -> None:
    await world.send(A)
    await world.sent.taken(A, "1")
    await world.send(B)
    world.clock.advance(11)
    assert isinstance(await world.found(B, order("1")), Absent)


async def test_twins_are_told_apart_when_all_are_there_and_only_then(world: World) -> None:
    await world.send(A)
    await world.send(B)
    assert isinstance(await world.found(A, order("1")), Unclear)
    found = [await world.found(name, order("1"), order("2")) for name in (A, B)]
    assert [f.order.broker_id for f in found] == ["1", "2"]


async def test_one_that_a_whole_list_lacked_is_no_twin_of_one_sent_later(world: World) -> None:
    """Two alike within the minute, the first lost on the way: what is there is the second."""
    await world.send(A)
    world.clock.advance(11)
    assert isinstance(await world.found(A), Absent)
    await world.send(B)
    world.sent = await world.again()
    assert (await world.found(B, order("1", at=12))).order.client_order_id == B
    assert isinstance(await world.found(A, order("1", at=12)), Absent)


async def test_one_that_a_list_lacked_and_the_next_one_shows_may_be_there(world: World) -> None:
    await world.send(A)
    world.clock.advance(11)
    assert isinstance(await world.found(A), Absent)
    assert isinstance(await world.found(A, order("1", at=11.5)), Unclear)
    assert (await world.found(A, order("1", at=11.5))).order.client_order_id == A


async def test_one_that_was_missing_and_is_sent_again_is_looked_for_from_then_on(
    world: World,
) -> None:
    await world.send(A)
    world.clock.advance(180)
    assert isinstance(await world.found(A), Absent)
    assert not await world.sent.about_to_send(request(A))
    world.sent.landed(A)
    world.sent = await world.again()
    assert (await world.found(A, order("1", at=181))).order.client_order_id == A


async def test_an_order_under_way_is_matched_with_nothing_until_its_answer_hangs(
    world: World,
) -> None:
    """Its answer will name it, and a stranger may look alike; what it fills cannot wait long."""
    await world.sent.about_to_send(request(A))
    for _ in range(2):
        assert await world.found(A, order("1")) == Unclear(candidates=(order("1").order,))
        world.clock.advance(1.4)
    assert isinstance(await world.found(A), Unclear)
    world.clock.advance(0.3)
    assert isinstance(await world.found(A, order("1"), order("2")), Unclear), "which of them?"
    assert (await world.found(A, order("1"))).order.client_order_id == A


async def test_an_answer_after_all_says_which_order_it_is(world: World) -> None:
    await world.sent.about_to_send(request(A))
    world.clock.advance(3)
    await world.sent.match("main", [order("1")])
    await world.sent.taken(A, "2")
    world.sent.landed(A)
    for sent in (world.sent, await world.again()):
        known = sent.known("main", [order("1"), order("2")])
        assert [o.client_order_id for o in known] == ["", A]


async def test_two_alike_whose_answers_hang_stay_ours_whichever_is_which(world: World) -> None:
    """Matched crosswise, the second answer took the first one's number away: a stranger's."""
    for name in (A, B):
        await world.sent.about_to_send(request(name))
    world.clock.advance(3)
    both = [order("1"), order("2")]
    await world.sent.match("main", both)
    await world.sent.taken(A, "2")
    world.sent.landed(A)
    assert {o.client_order_id for o in world.sent.known("main", both)} == {A, B}, "B's never comes"
    await world.sent.taken(B, "1")
    world.sent.landed(B)
    for sent in (world.sent, await world.again()):
        assert {o.client_order_id for o in sent.known("main", both)} == {A, B}


async def test_one_that_was_like_it_is_a_strangers_again_once_it_is_refused(world: World) -> None:
    """Over with us and alive there, what a person sent would be cancelled."""
    await world.sent.about_to_send(request(A))
    world.clock.advance(3)
    await world.sent.match("main", [order("1")])
    await world.sent.refused(A)
    world.sent.landed(A)
    for sent in (world.sent, await world.again()):
        assert [o.client_order_id for o in sent.known("main", [order("1")])] == [""]
        assert not sent.is_ours("1")


async def test_an_order_with_a_number_is_never_absent(world: World) -> None:
    """O-08: a list that lacks it lags."""
    await world.send(A)
    await world.sent.taken(A, "1")
    world.clock.advance(3600)
    assert await world.found(A) == Unclear()


async def test_an_order_with_a_number_is_gone_once_lists_lacked_it_for_half_a_minute(
    world: World,
) -> None:
    """Sooner, one that lags and works would be sent beside itself; one look at it begins anew."""
    await world.send(A)
    await world.sent.taken(A, "1")
    for after_s, listed, expected in (
        (0, (), Unclear),
        (29, (), Unclear),
        (0, (order("1"),), Seen),
        (2, (), Unclear),
        (29, (), Unclear),
        (2, (), Absent),
    ):
        world.clock.advance(after_s)
        assert isinstance(await world.found(A, *listed), expected)


async def test_a_number_that_is_given_anew_to_something_else_is_not_ours(world: World) -> None:
    await world.send(A)
    await world.sent.taken(A, "1")
    other = order("1", legs=(Leg(instrument=stock("QQQ")),))
    assert [o.client_order_id for o in world.sent.known("main", [other])] == [""]
    assert await world.found(A, other) == Unclear()


async def test_a_refused_one_and_one_of_another_account_are_absent(world: World) -> None:
    await world.send(A)
    await world.sent.refused(A)
    assert isinstance(await world.found(A, order("1")), Absent)
    assert isinstance(await world.sent.found("other", A, [], START), Absent)


async def test_an_id_that_is_not_written_down_was_not_sent_unless_the_file_was_lost(
    world: World,
) -> None:
    assert isinstance(await world.found(C), Absent)
    assert isinstance(await world.found(C, order("7")), Unclear), "a stranger may be it"


async def test_a_person_may_say_which_it_is(world: World) -> None:
    await world.send(A)
    await world.sent.recognise("other", A, "1")
    assert isinstance(await world.found(A, order("1"), order("2")), Unclear)
    await world.sent.recognise("main", A, "2")
    found = await world.found(A, order("1"), order("2"))
    assert isinstance(found, Seen)
    assert found.order.broker_id == "2"
    await world.sent.recognise("main", A, "1")
    assert world.sent.get(A).broker_id == "2"  # type: ignore[union-attr]


async def test_a_connection_beside_this_one_loses_nothing(world: World) -> None:
    """A renewed connection is made before the old one is closed."""
    other = await world.again()
    await world.send(A)
    await other.about_to_send(request(B))
    later = await world.again()
    assert later.get(A) is not None
    assert later.get(B) is not None


async def test_two_at_once_are_both_kept(world: World) -> None:
    await asyncio.gather(*(world.send(name) for name in (A, B, C)))
    later = await world.again()
    assert all(later.get(name) is not None for name in (A, B, C))


class Counting(MemoryTokens):
    """How often something was made durable; refuses on demand."""

    n, is_full = 0, False

    async def append(self, name: str, text: str) -> None:
        await asyncio.sleep(0)
        if self.is_full:
            raise OSError(28, "no space left")
        self.n += 1
        await super().append(name, text)


async def test_twenty_at_once_share_two_writes_and_all_are_on_disk(world: World) -> None:
    names = [f"TS{n:018d}" for n in range(20)]
    world.tokens = Counting()
    world.sent = await world.again()
    await asyncio.gather(*(world.send(name) for name in names))
    assert world.tokens.n == 2
    later = await world.again()
    assert all(later.get(name) is not None for name in names)


async def test_what_cannot_be_written_down_is_not_sent_and_may_be_tried_again(world: World) -> None:
    world.tokens = tokens = Counting()
    world.sent = await world.again()
    tokens.is_full = True
    with pytest.raises(BrokerUnavailable):
        await world.send(A)
    assert world.sent.get(A) is None
    tokens.is_full = False
    assert await world.sent.about_to_send(request(A))
    assert (await world.again()).get(A) is not None


async def test_a_line_that_a_crash_cut_spoils_no_other(world: World) -> None:
    await world.send(A)
    await world.tokens.append("x-orders", '\n{"id": "TSCUT", "acc')
    await world.sent.taken(A, "1")
    await world.send(B)
    later = await world.again()
    assert later.get(A).broker_id == "1"  # type: ignore[union-attr]
    assert later.get(B) is not None


async def test_a_file_of_the_old_form_is_read_and_one_that_is_damaged_is_not_guessed_at(
    world: World,
) -> None:
    await world.send(A)
    line = world.tokens.kept["x-orders"].strip()
    world.tokens.kept["x-orders"] = f"[{line}]"
    assert (await world.again()).get(A) is not None
    world.tokens.kept["x-orders"] = '{"id": "TS1"}'
    with pytest.raises(BrokerUnavailable):
        await world.again()


async def test_a_file_of_many_lines_is_written_anew_without_losing_any(world: World) -> None:
    for number in range(150):
        await world.send(f"TS{number:018d}")
        await world.sent.taken(f"TS{number:018d}", str(number))
    for number in range(51):
        await world.sent.refused(f"TS{number:018d}")
    before = world.tokens.kept["x-orders"].count("{")
    later = await world.again()
    assert world.tokens.kept["x-orders"].count("{") == 150 < before
    again = await world.again()
    for number in range(150):
        assert later.get(f"TS{number:018d}") == again.get(f"TS{number:018d}") is not None


async def test_what_is_long_over_is_forgotten_and_what_works_is_not(world: World) -> None:
    for name in (A, B, C):
        await world.send(name)
    await world.sent.taken(A, "1")
    await world.sent.taken(B, "2")
    world.sent.known("main", [order("1", state="filled")])
    await world.sent.refused(C)
    world.clock.advance(8 * 24 * 3600)
    later = await world.again()
    assert [later.get(name) is not None for name in (A, B, C)] == [False, True, False]
    assert later.oldest_live("main") == START


async def test_one_that_never_arrived_does_not_make_the_lists_long_for_ever(world: World) -> None:
    await world.send(A)
    assert world.sent.oldest_live("main") == START
    world.clock.advance(3 * 24 * 3600)
    assert world.sent.oldest_live("main") is None


@given(st.lists(st.sampled_from([A, B, C]), max_size=3, unique=True), st.integers(0, 4))
async def test_no_two_of_ours_are_ever_the_same_order(names: list[str], n_listed: int) -> None:
    """I-12."""
    world = World()
    await world.sent.load()
    for name in names:
        await world.send(name)
    listed = [order(str(n)) for n in range(n_listed)]
    found = [await world.found(name, *listed) for name in names]
    seen = [f.order.broker_id for f in found if isinstance(f, Seen)]
    assert len(seen) == len(set(seen))
    assert len(seen) in (0, len(names))


# -- changed in the broker's own app -----------------------------------------------------------


async def changed(world: World) -> list[Listed]:
    """One of ours of three, of which one filled before somebody changed what was left of it."""
    await world.send(A, qty=D(3))
    await world.sent.taken(A, "1")
    was = replace(order("1", qty=D(3), filled=D(1), state="replaced"), replaced_by="2")
    return [order("2", at=60, qty=D(2), limit=D(3)), was]


async def test_what_somebody_made_of_an_order_is_ours_with_all_that_it_has_filled(
    world: World,
) -> None:
    now, was = world.sent.known("main", await changed(world))
    assert (now.client_order_id, now.broker_id, now.state) == (A, "2", "accepted")
    assert (now.qty, now.filled, now.limit) == (3, 1, 3)
    assert (was.client_order_id, was.state, was.filled) == (A, "unknown", 1), "it ends nothing"
    assert isinstance(found := await world.found(A, *await changed(world)), Seen)
    assert found.order.broker_id == "2"


async def test_it_is_ours_after_a_restart_too_and_in_a_list_that_lacks_what_it_was(
    world: World,
) -> None:
    listed = await changed(world)
    world.sent.known("main", listed)
    await world.send(B)  # its line is written with the next order's
    (now,) = (await world.again()).known("main", listed[:1])
    assert (now.client_order_id, now.filled) == (A, 1)


async def test_what_it_took_the_place_of_may_be_said_by_the_new_one_alone(world: World) -> None:
    await world.send(A)
    await world.sent.taken(A, "1")
    (now,) = world.sent.known("main", [replace(order("2"), replaces="1")])
    assert now.client_order_id == A
    assert world.sent.changed("main", [order("2")]) == [now]


async def test_a_change_that_was_refused_leaves_the_order_what_it_was(world: World) -> None:
    await world.send(A)
    await world.sent.taken(A, "1")
    refused = replace(order("2", state="rejected"), replaces="1")
    other, mine = world.sent.known("main", [refused, order("1")])
    assert (other.client_order_id, mine.client_order_id) == ("", A)
