"""The outbox against a Discord that is played by the test, on a clock moved by hand."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import aiohttp
import discord
import pytest

from bot.outbox import Outbox
from bot.posting import Content, nonce
from engine.domain.desk import Notice, Posted
from engine.domain.errors import StoreUnavailable
from tests import rig


class Room:
    """One text channel that fails as told."""

    def __init__(self, number: int, it: rig.Rig) -> None:
        self.id = number
        self.it = it
        self.failures: list[Exception] = []
        self.posts: list[dict[str, Any]] = []
        self.edits: list[dict[str, Any]] = []
        self.channel = MagicMock(spec=discord.TextChannel)
        self.channel.id = number
        self.channel.send = self._send
        self.channel.get_partial_message = self._partial

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def _send(self, **body: Any) -> Any:
        self._fail()
        self.posts.append(body)
        born = discord.utils.time_snowflake(self.it.clock.now()) + len(self.posts)
        return SimpleNamespace(id=born, channel=self.channel)

    def _partial(self, message_id: int) -> Any:
        async def edit(**body: Any) -> Any:
            self._fail()
            self.edits.append({"id": message_id, **body})
            return SimpleNamespace(id=message_id, channel=self.channel)

        return SimpleNamespace(edit=edit)


class Bench:
    """A desk, two rooms, an outbox."""

    def __init__(self, it: rig.Rig) -> None:
        self.it = it
        self.rooms = {"orders": Room(1, it), "activity": Room(2, it)}
        self.places: dict[str, int | None] = {"orders": 1, "activity": 2}
        by_id = {room.id: room.channel for room in self.rooms.values()}
        client = SimpleNamespace(get_channel=by_id.get)
        self.dead: list[str] = []
        self.text = "card {version}"

        async def render(notice: Notice) -> Content | None:
            if notice.subject_id == "nothing":
                return None
            if notice.subject_id == "broken":
                raise ValueError("cannot be drawn")
            return Content(text=self.text.format(version=notice.version), mentions=(7,))

        self.outbox = Outbox(
            it.desk,
            client,  # type: ignore[arg-type]
            render,
            self.places.get,
            on_dead=lambda purpose, why: self.dead.append(purpose),
            on_alive=lambda purpose: None,
        )

    async def change(self, subject: str = "T-1", room: str = "orders") -> None:
        event = self.it.desk.event("test", subject, cards=(("trade", subject, room),))
        await self.it.desk.commit(event)

    async def rest(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(int(seconds * 2)):
            self.it.clock.advance(0.5)
            await self.rest()


@pytest.fixture
async def bench() -> Any:
    it = await rig.start()
    made = Bench(it)
    made.outbox.start()
    yield made
    await made.outbox.close()
    await it.close()


def http(status: int, code: int = 0) -> discord.HTTPException:
    answer = SimpleNamespace(status=status, reason="x")
    kind = {403: discord.Forbidden, 404: discord.NotFound}.get(status, discord.HTTPException)
    if status >= 500:
        kind = discord.DiscordServerError
    return kind(answer, {"code": code, "message": "no"})  # type: ignore[arg-type]


async def test_a_card_is_posted_once_and_then_edited(bench: Bench) -> None:
    await bench.change()
    await bench.rest()
    await bench.pass_time(2)
    await bench.change()
    await bench.rest()
    room = bench.rooms["orders"]
    assert [p["content"] for p in room.posts] == ["card 1"]
    assert [e["content"] for e in room.edits] == ["card 2"]
    assert room.posts[0]["nonce"] == nonce("trade:T-1")
    assert "nonce" not in room.edits[0]
    assert "allowed_mentions" not in room.edits[0]


async def test_changes_within_a_second_are_shown_together_and_the_newest_wins(bench: Bench) -> None:
    for _ in range(50):
        await bench.change()
        await bench.rest()
    await bench.pass_time(2)
    room = bench.rooms["orders"]
    assert len(room.posts) == 1
    assert [e["content"] for e in room.edits] == ["card 50"]


async def test_old_cards_are_edited_more_slowly(bench: Bench) -> None:
    """Discord lets messages older than an hour be edited three times in 6 s."""
    await bench.change()
    await bench.rest()
    bench.it.clock.advance(3700)
    for _ in range(40):
        await bench.change()
        await bench.pass_time(0.5)
    assert 6 <= len(bench.rooms["orders"].edits) <= 8


async def test_it_tries_for_as_long_as_it_takes_and_keeps_the_order(bench: Bench) -> None:
    room = bench.rooms["orders"]
    room.failures = [
        http(503),
        aiohttp.ServerDisconnectedError(),
        TimeoutError(),
        http(429),
        discord.RateLimited(120.0),
        OSError("reset"),
        RuntimeError("Session is closed"),
        *[http(500) for _ in range(6)],
    ]
    await bench.change("T-1")
    await bench.change("T-2")
    await bench.rest()
    await bench.pass_time(700)
    assert [p["nonce"] for p in room.posts] == [nonce("trade:T-1"), nonce("trade:T-2")]
    assert not room.failures


async def test_a_slow_room_does_not_hold_up_another(bench: Bench) -> None:
    bench.rooms["orders"].failures = [http(503)] * 50
    await bench.change("T-1", "orders")
    await bench.change("T-2", "activity")
    await bench.rest()
    assert len(bench.rooms["activity"].posts) == 1


async def test_a_dead_room_is_told_of_once_probed_now_and_then_and_revived(bench: Bench) -> None:
    room = bench.rooms["orders"]
    room.failures = [http(403, 50013)] * 3
    await bench.change("T-1")
    await bench.rest()
    await bench.change("T-2")
    await bench.rest()
    assert bench.dead == ["orders"]
    assert len(room.failures) == 2
    await bench.pass_time(61)
    assert len(room.failures) == 1
    bench.outbox.revive()
    await bench.rest()
    assert not room.failures
    bench.outbox.revive()
    await bench.rest()
    assert len(room.posts) == 2


async def test_what_discord_refuses_waits_for_its_next_version(bench: Bench) -> None:
    room = bench.rooms["orders"]
    room.failures = [http(400, 50035)]
    await bench.change("T-1")
    await bench.change("T-2")
    await bench.rest()
    assert [p["nonce"] for p in room.posts] == [nonce("trade:T-2")]
    assert "card trade" in bench.it.desk.health or room.posts
    await bench.pass_time(120)
    assert len(room.posts) == 1
    await bench.change("T-1")
    await bench.rest()
    assert len(room.posts) == 2


@pytest.mark.parametrize("subject", ["broken", "nothing"])
async def test_what_cannot_be_drawn_is_not_tried_for_ever(bench: Bench, subject: str) -> None:
    await bench.change(subject)
    await bench.change("T-2")
    await bench.rest()
    await bench.pass_time(5)
    assert len(bench.rooms["orders"].posts) == 1
    await asyncio.wait_for(bench.outbox.idle(), 20)


async def test_a_card_whose_record_could_not_be_written_is_not_posted_again(bench: Bench) -> None:
    desk = bench.it.desk
    commit, is_down = desk.commit, True

    async def failing(*events: Any) -> None:
        if is_down and any(e.kind == "card.posted" for e in events):
            raise StoreUnavailable("disk full")
        await commit(*events)

    desk.commit = failing  # type: ignore[method-assign]
    await bench.change()
    await bench.rest()
    await bench.pass_time(3)
    await bench.change()
    await bench.rest()
    await bench.pass_time(3)
    room = bench.rooms["orders"]
    assert len(room.posts) == 1
    assert len(room.edits) == 1
    is_down = False
    bench.outbox.start()
    await bench.rest()
    assert len(room.posts) == 1
    assert desk.book.posted["trade:T-1"].shown_version == 2


async def test_a_card_whose_place_cannot_be_read_waits_and_is_shown_then(bench: Bench) -> None:
    get, is_down = bench.it.desk.store.get, True

    async def failing(kind: Any, key: str) -> Any:
        if is_down and kind is Posted:
            raise StoreUnavailable("disk full")
        return await get(kind, key)

    bench.it.desk.store.get = failing  # type: ignore[method-assign]
    await bench.change()
    await bench.rest()
    assert not bench.rooms["orders"].posts
    is_down = False
    await bench.pass_time(2)
    assert [p["content"] for p in bench.rooms["orders"].posts] == ["card 1"]


async def test_nothing_is_posted_while_discord_is_away_and_all_of_it_afterwards(
    bench: Bench,
) -> None:
    bench.outbox.pause()
    await bench.change("T-1")
    await bench.change("T-1")
    await bench.change("T-2")
    await bench.rest()
    room = bench.rooms["orders"]
    assert not room.posts
    bench.outbox.start()
    await bench.rest()
    assert [p["content"] for p in room.posts] == ["card 2", "card 1"]


async def test_a_long_pause_ends_when_discord_is_back(bench: Bench) -> None:
    room = bench.rooms["orders"]
    room.failures = [discord.RateLimited(3600.0)]
    await bench.change()
    await bench.rest()
    assert not room.posts
    bench.outbox.start()
    await bench.rest()
    assert len(room.posts) == 1


async def test_a_room_that_is_not_private_any_more_keeps_its_cards_due(bench: Bench) -> None:
    bench.places["orders"] = None
    await bench.change()
    await bench.rest()
    bench.outbox.revive()
    await bench.rest()
    assert not bench.rooms["orders"].posts
    bench.places["orders"] = 1
    bench.outbox.revive()
    await bench.rest()
    assert len(bench.rooms["orders"].posts) == 1


async def test_a_deleted_card_is_posted_anew_under_another_nonce_and_without_pings(
    bench: Bench,
) -> None:
    await bench.change()
    await bench.rest()
    room = bench.rooms["orders"]
    room.failures = [http(404, 10008)]
    await bench.pass_time(2)
    await bench.change()
    await bench.rest()
    assert len(room.posts) == 2
    assert room.posts[0]["nonce"] != room.posts[1]["nonce"]
    assert [r.id for r in room.posts[0]["allowed_mentions"].roles] == [7]
    assert room.posts[1]["allowed_mentions"].roles == []


async def test_trouble_in_the_outbox_never_reaches_a_commit(bench: Bench) -> None:
    bench.outbox._channel_of = MagicMock(side_effect=AttributeError("no such guild"))
    await bench.change()
    assert "trade:T-1" in bench.it.desk.book.notices


async def test_an_old_card_that_only_the_store_remembers_is_edited_not_posted(bench: Bench) -> None:
    await bench.change()
    await bench.rest()
    bench.it.desk.book.posted.clear()
    bench.outbox._shown_at.clear()
    await bench.change()
    await bench.rest()
    room = bench.rooms["orders"]
    assert len(room.posts) == 1
    assert len(room.edits) == 1


def test_a_nonce_is_short_and_stays_the_same() -> None:
    assert nonce("alert:A-1") == nonce("alert:A-1") != nonce("alert:A-2")
    assert len(nonce("x" * 500)) <= 25
