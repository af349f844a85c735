"""The unmodified program as a process: starts, refuses, survives, ends."""

import asyncio
import os
import signal
import socket
import time
from dataclasses import replace

import pytest

from bot.demo import world
from bot.sandbox import Sandbox
from tests.discord.process import bot, discord_server, free_port
from tests.unit.storage.postgres import Server, server

EXIT_CONFIG = 78


async def test_it_becomes_ready_to_trade_and_then_ready_altogether(tmp_path):
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["trading_ready"])
        seen = await it.until(lambda seen: seen["ready"])
        assert seen["reasons"] == []


async def test_health_tells_reasons_on_loopback_and_no_secrets(tmp_path):
    """X-15."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["ready"])
        assert (await it.get("/ready"))[0] == 200
        sandbox.guild_outage()
        seen = await it.until(lambda seen: not seen["ready"])
        assert any("discord server" in reason for reason in seen["reasons"])
        status, body = await it.get("/ready")
        assert status == 503
        assert body["reasons"] == seen["reasons"]
        assert world.TOKEN not in str(body)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(_outside(), it.port)
        import aiohttp

        async with aiohttp.ClientSession() as session:
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                answer = await session.request(method, f"http://127.0.0.1:{it.port}/health")
                assert answer.status == 405
            answer = await session.get(f"http://127.0.0.1:{it.port}/")
            assert answer.status == 404
            foreign = await session.get(
                f"http://127.0.0.1:{it.port}/health", headers={"Host": "evil.example"}
            )
            assert foreign.status == 403


def _outside() -> str:
    """An address of this machine that is not loopback; any refused one when there is none."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.2"


async def test_a_refused_token_ends_the_process_for_good(tmp_path):
    """D-05: login 401."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox, token="not-the-token") as it:
        assert await it.ended() == EXIT_CONFIG
        assert "does not accept the token" in it.text()
        assert sum("/users/@me" in r.path for r in sandbox.requests) == 1
        assert "not-the-token" not in it.text()


@pytest.mark.parametrize("code", [4004, 4014])
async def test_a_fatal_close_ends_the_process_for_good(tmp_path, code):
    """D-05."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["ready"])
        sandbox.drop(code)
        assert await it.ended() == EXIT_CONFIG
        assert sandbox.gateway.log.count("identify") == 1


async def test_an_intent_that_is_off_in_the_portal_is_named(tmp_path):
    """D-05: 4014 at identify."""
    places = replace(world.world(), privileged_intents=("members",))
    async with discord_server(world=places) as sandbox, bot(tmp_path, sandbox) as it:
        assert await it.ended() == EXIT_CONFIG
        assert "Message Content intent" in it.text()


async def test_with_discord_down_it_starts_protects_and_connects_later(tmp_path):
    """P-05."""
    async with discord_server() as sandbox:
        sandbox.go_down()
        async with bot(tmp_path, sandbox) as it:
            seen = await it.until(lambda seen: seen["trading_ready"])
            assert not seen["ready"]
            assert not seen["discord"]
            assert not seen["entries"]
            assert any(reason.startswith("discord: ") for reason in seen["reasons"])
            await asyncio.sleep(2)
            assert it.child.returncode is None
            sandbox.come_back()
            seen = await it.until(lambda seen: seen["ready"], 30)
            assert seen["discord"]
            assert seen["entries"]


async def test_with_the_gateway_alone_down_it_comes_back_too(tmp_path):
    """P-05: logged in, but no gateway (the library stumbles over its own first attempt)."""
    async with discord_server() as sandbox:

        class Elsewhere:
            api_base = sandbox.api_base
            gateway_url = f"ws://127.0.0.1:{free_port()}/gateway/"

        async with bot(tmp_path, Elsewhere()) as it:  # type: ignore[arg-type]
            await it.until(lambda seen: seen["trading_ready"])
            seen = await it.until(
                lambda _: sum(r.path.endswith("/users/@me") for r in sandbox.requests) > 1
            )
            assert not seen["discord"]
            assert any("gateway does not answer" in reason for reason in seen["reasons"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_when_asked(tmp_path, number):
    """P-01."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["ready"])
        started = time.monotonic()
        it.child.send_signal(number)
        assert await it.ended() == 0
        assert time.monotonic() - started < 10
        assert "CRITICAL" not in it.text()


async def test_it_ends_within_ten_seconds_while_discord_does_not_answer(tmp_path):
    """P-01."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["ready"])
        sandbox.fault("*", "delay", 1000, delay_s=60)
        sandbox.user("rhea").say("options-room", "a mirror card that cannot be posted")
        await asyncio.sleep(0.5)
        started = time.monotonic()
        it.child.terminate()
        assert await it.ended() == 0
        assert time.monotonic() - started < 10


async def test_a_second_instance_is_refused_and_a_killed_one_frees_the_books(tmp_path):
    """O-22, as far as the launcher goes."""
    async with discord_server() as sandbox, bot(tmp_path, sandbox) as it:
        await it.until(lambda seen: seen["ready"])
        async with bot(tmp_path, sandbox) as second:
            assert await second.ended() == 1
            assert "books cannot be opened" in second.text()
        os.killpg(it.child.pid, signal.SIGKILL)
        await it.ended()
        async with bot(tmp_path, sandbox) as third:
            await third.until(lambda seen: seen["ready"])


async def test_a_taken_health_port_is_named_and_nothing_is_started(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with discord_server() as sandbox, bot(tmp_path, sandbox, port=port) as it:
            assert await it.ended() == EXIT_CONFIG
            assert f"health.port: {port} on 127.0.0.1 is taken" in it.text()
            assert "Traceback" not in it.text()
            assert not sandbox.requests
            async with bot(tmp_path, sandbox) as free:
                await free.until(lambda seen: seen["ready"])


async def test_commands_are_registered_once_over_many_starts(tmp_path):
    async with discord_server() as sandbox:
        for _ in range(2):
            async with bot(tmp_path, sandbox) as it:
                await it.until(lambda seen: seen["ready"])
                it.child.terminate()
                await it.ended()
        assert sandbox.commands.n_syncs == 1
        assert isinstance(sandbox, Sandbox)


async def test_a_card_is_posted_once_although_the_process_died_before_it_knew(tmp_path):
    """O-03 and the nonce: Discord has the message, the answer never arrived, kill -9."""
    async with discord_server() as sandbox:
        mirror = f"/channels/{world.ALL_MESSAGES}/messages"
        async with bot(tmp_path, sandbox) as it:
            await it.until(lambda seen: seen["ready"])
            sandbox.fault(mirror, "delay_after", 1, method="POST", delay_s=30)
            sandbox.user("rhea").say("options-room", "said once")
            await sandbox.until(lambda: sandbox.channel("all-messages").messages)
            os.killpg(it.child.pid, signal.SIGKILL)
            await it.ended()
        async with bot(tmp_path, sandbox) as it:
            await it.until(lambda seen: seen["ready"])
            await asyncio.sleep(1)
        shown = [m for m in sandbox.channel("all-messages").messages if "said once" in m.text]
        assert len(shown) == 1
        posts = [r for r in sandbox.requests if r.method == "POST" and r.path.startswith(mirror)]
        assert len(posts) == 2


def _storage(url: str) -> dict[str, object]:
    return {"url": url.replace("://postgres:@/", "://postgres@localhost/"), "wait_s": 1.0}


async def test_a_database_server_that_is_away_at_the_start_is_waited_for(tmp_path):
    """P-05: nobody has to start the bot again, and nothing is sent before the books are open."""
    own = Server()
    storage = _storage(own.new_database("template1"))
    own.kill_tree()
    async with discord_server() as sandbox, bot(tmp_path, sandbox, storage=storage) as it:
        await it.until(lambda _: "until the books can be opened" in it.text())
        assert not (await it.facts() or {})["trading_ready"]
        assert not sandbox.requests
        await asyncio.to_thread(own.start_again)
        await it.until(lambda seen: seen["ready"])


async def test_waiting_for_a_database_server_ends_when_asked(tmp_path):
    storage = _storage(f"postgresql://desk@127.0.0.1:{free_port()}/desk")
    async with discord_server() as sandbox, bot(tmp_path, sandbox, storage=storage) as it:
        await it.until(lambda _: "until the books can be opened" in it.text())
        it.child.terminate()
        assert await it.ended() == 0


async def test_a_database_that_the_server_does_not_have_is_not_waited_for(tmp_path):
    storage = _storage(server().url("nobody_made_this"))
    async with discord_server() as sandbox, bot(tmp_path, sandbox, storage=storage) as it:
        assert await it.ended() == 1
        assert 'nobody_made_this\\" does not exist' in it.text()
