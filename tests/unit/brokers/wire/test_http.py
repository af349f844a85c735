"""HTTP to a server that misbehaves: what each end proves, and that nothing is sent twice."""

import asyncio
import logging
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import stamina
from aiohttp import web

from engine.brokers._wire import http
from engine.brokers._wire.http import Wire, encoded
from engine.brokers._wire.lanes import Lanes
from engine.brokers._wire.refused import because
from engine.clock import ManualClock, SystemClock
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    NotOffered,
    OrderStateUnknown,
    RateLimited,
    ServerFailed,
)

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
MANY = {"exit": (1000, 1), "order": (1000, 1), "read": (1000, 1)}


class Server:
    """Answers each request by the next of its scripted answers, the last one for ever."""

    def __init__(self):
        self.answers = [lambda _: web.json_response({"ok": True})]
        self.seen = []
        self.bodies = []
        self.peers = set()
        self.asked = asyncio.Event()

    async def answer(self, request):
        self.seen.append(request)
        self.bodies.append(await request.read())
        self.peers.add(request.transport.get_extra_info("peername"))
        self.asked.set()
        made = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        result = made(request)
        return await result if asyncio.iscoroutine(result) else result

    async def start(self):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self.answer)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self


@pytest.fixture(autouse=True)
def no_pauses():
    """A reading is tried as often as ever, at once."""
    stamina.set_testing(True, attempts=99, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
async def server():
    started = await Server().start()
    yield started
    await started.runner.cleanup()


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
async def wire(server, clock):
    made = Wire("x", server.url, clock, Lanes(clock, MANY), read_s=0.3)
    yield made
    await made.close()


def cut(request):
    request.transport.abort()
    return web.Response()


async def never(_):
    await asyncio.Event().wait()


def text(status, body, kind="application/json", **headers):
    return lambda _: web.Response(
        status=status, text=body, content_type=kind, headers=headers or None
    )


async def half(request):
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b'{"id": "1", "sta')
    request.transport.abort()
    return answer


UNKNOWN = {
    "no answer": never,
    "reset": cut,
    "500": text(500, '{"message": "oops"}'),
    "504": text(504, "upstream request timeout", "text/plain"),
    "HTML 502": text(502, "<html>Bad Gateway</html>", "text/html"),
    "200 that is no JSON": text(200, "<ok/>", "text/plain"),
    "200 with cut JSON": text(200, '{"id": "1", "sta'),
    "200 broken off": half,
    "a redirect": text(302, "", Location="/elsewhere"),
    "bytes that are no text": lambda _: web.Response(
        body=b"\xff\xfe{", headers={"Content-Type": "application/json; charset=utf-8"}
    ),
}


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_an_act_without_a_readable_answer_is_in_doubt_and_is_sent_once(server, wire, fault):
    server.answers = [UNKNOWN[fault]]
    with pytest.raises(OrderStateUnknown) as caught:
        await wire.act("POST", "/orders", json={"a": 1})
    assert len(server.seen) == 1
    is_over = fault == "500"
    assert isinstance(caught.value, ServerFailed) is is_over, "else it may be under way still"


@pytest.mark.parametrize("fault", sorted(set(UNKNOWN) - {"no answer"}))
async def test_a_read_without_a_readable_answer_is_tried_again_and_then_unavailable(
    server, wire, fault
):
    server.answers = [UNKNOWN[fault], text(200, '{"n": 1}')]
    assert (await wire.read("GET", "/orders")).body == {"n": 1}
    assert len(server.seen) == 2


async def test_a_byte_order_mark_before_an_answer_is_no_part_of_it(server, wire):
    server.answers = [text(200, '\ufeff{"n": 1}')]
    assert (await wire.act("POST", "/orders", json={})).body == {"n": 1}


async def test_a_read_that_never_works_ends_as_unavailable(server, wire):
    server.answers = [UNKNOWN["500"]]
    with pytest.raises(BrokerUnavailable):
        await wire.read("GET", "/orders")
    assert len(server.seen) == 3


@pytest.mark.parametrize("status", [403, 404, 405, 501])
async def test_what_a_broker_does_not_offer_is_asked_once_and_breaks_nothing_else(
    server, wire, status
):
    server.answers = [text(status, "<html>nothing here</html>")]
    for n in range(6):
        with pytest.raises(NotOffered, match=r"/accounts/…/history$"):
            await wire.read("GET", "/accounts/5WT00001/history?n=1")
        assert len(server.seen) == n + 1
    with pytest.raises(OrderStateUnknown):
        await wire.act("POST", "/orders", json={})
    server.answers = [text(200, '{"n": 1}')]
    assert (await wire.read("GET", "/orders")).body == {"n": 1}


async def test_acts_that_a_page_refuses_open_the_breaker_and_questions_do_not(server, wire):
    server.answers = [text(403, "<html>Forbidden</html>", "text/html")]
    for _ in range(5):
        with pytest.raises(NotOffered):
            await wire.read("GET", "/history")
    assert not wire.breaker.is_open
    for _ in range(5):
        with pytest.raises(OrderStateUnknown):
            await wire.act("POST", "/orders", json={})
    assert wire.breaker.is_open


async def test_nobody_listening_proves_that_nothing_was_sent(clock):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    wire = Wire("x", url, clock, Lanes(clock, MANY))
    with pytest.raises(BrokerUnavailable):
        await wire.act("POST", "/orders", json={})
    await wire.close()


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_is_an_answer(server, wire, status):
    server.answers = [text(status, '{"code": "40310000", "message": "no"}')]
    answer = await wire.act("POST", "/orders", json={})
    assert not answer.is_ok
    assert (answer.status, answer.body["code"]) == (status, "40310000")
    assert len(server.seen) == 1


async def test_401_is_about_us_and_is_not_repeated(server, wire):
    server.answers = [text(401, "{}")]
    with pytest.raises(BrokerAuthError):
        await wire.act("POST", "/orders", json={})
    with pytest.raises(BrokerAuthError):
        await wire.read("GET", "/orders")
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("status_text", "said"),
    [
        ('{"error_code": "UNAUTHORIZED", "message": "token is not valid"}', "(401, UNAUTHORIZED)"),
        ('{"code": 40110000, "message": "no"}', "(401, 40110000)"),
        ('{"error": {"code": "token_invalid"}}', "(401, token_invalid)"),
        ("oauth_problem=timestamp_refused", "(401, timestamp_refused)"),
        ('{"code": "canary-key-0123456789"}', "(401)"),
        ("<html>no</html>", "(401)"),
    ],
)
async def test_a_401_is_told_with_the_brokers_own_code(server, wire, clock, status_text, said):
    clock.jump(SystemClock().now())
    server.answers = [text(401, status_text)]
    with pytest.raises(BrokerAuthError) as refused:
        await wire.read("GET", "/orders")
    assert str(refused.value).endswith(said)


@pytest.mark.parametrize(("minutes", "side"), [(-10, "behind"), (10, "ahead of")])
async def test_a_401_to_a_clock_that_is_wrong_says_so(server, wire, clock, minutes, side):
    clock.jump(SystemClock().now() + timedelta(minutes=minutes))
    server.answers = [text(401, "{}")]
    with pytest.raises(BrokerAuthError, match=rf"our clock is (59\d|60\d) s {side} its own"):
        await wire.read("GET", "/orders")


def test_a_time_that_is_no_time_hides_no_refusal():
    """It was an error of ours, and the refused login was taken for an order without an answer."""
    date = f"Mon, 23 Nov 2026 05:00:00 +{10**16}"
    assert because('{"code": 401001}', {"Date": date}, SystemClock().now()) == ", 401001"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://nowhere.invalid", "its name is not known (DNS)"),
        ("https://127.0.0.1:{port}", "it does not speak TLS as it should"),
    ],
)
async def test_a_connection_that_fails_says_what_to_look_after(server, clock, address, why):
    port = server.url.rpartition(":")[2]
    made = Wire("x", address.format(port=port), clock, Lanes(clock, MANY))
    with pytest.raises(BrokerUnavailable) as failed:
        await made.act("POST", "/orders", json={})
    assert str(failed.value) == f"x: no connection, {why}"
    await made.close()


@pytest.mark.parametrize(
    ("said", "pause"),
    [("3", 3), (None, 5), ("soon", 5), ("-1", 5), ("inf", 5), ("nan", 5), ("9999", 60)],
)
async def test_429_pauses_its_lane_for_as_long_as_is_said_within_reason(
    server, wire, clock, said, pause
):
    headers = {} if said is None else {"Retry-After": said}
    server.answers = [text(429, "{}", **headers), text(200, "{}")]
    with pytest.raises(RateLimited) as caught:
        await wire.act("POST", "/orders", json={})
    assert caught.value.retry_after_s == pause
    with pytest.raises(RateLimited):
        await wire.act("POST", "/orders", json={})
    assert len(server.seen) == 1
    await wire.act("DELETE", "/orders/1", lane="exit")
    clock.advance(pause)
    await wire.act("POST", "/orders", json={})
    assert len(server.seen) == 3


SOON = "Wed, 18 Nov 2026 15:00:20 GMT"
AHEAD = "Wed, 18 Nov 2026 15:00:12 GMT"


@pytest.mark.parametrize(
    ("until", "theirs", "pause"),
    [
        (SOON, "Wed, 18 Nov 2026 15:00:00 GMT", 20),
        (SOON, AHEAD, 8),  # their clock is 12 s ahead of ours: it is theirs that counts
        (SOON, "unset", 20),
        (AHEAD, SOON, 0),
        ("Wed, 18 Nov 2026 16:00:00 GMT", AHEAD, 60),
        ("Wed, 99 Nov 2026 15:00:20 GMT", AHEAD, 5),
    ],
)
async def test_a_pause_may_be_told_as_the_moment_when_it_is_over(
    server, wire, until, theirs, pause
):
    server.answers = [text(429, "{}", **{"Retry-After": until, "Date": theirs})]
    with pytest.raises(RateLimited) as caught:
        await wire.act("POST", "/orders", json={})
    assert caught.value.retry_after_s == pause


async def broken(server, wire):
    """Five failures: it is left alone."""
    server.answers = [text(500, "{}")]
    for _ in range(5):
        with pytest.raises(OrderStateUnknown):
            await wire.act("POST", "/orders", json={})


async def given_up(server, wire, lane):
    """A request that has left and whose caller goes away."""
    server.asked.clear()
    task = asyncio.create_task(wire.act("POST", "/orders", json={}, lane=lane))
    await asyncio.wait_for(server.asked.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_caller_leaves_one_request_and_a_breaker_that_works(server, wire):
    server.answers = [never, text(200, "{}")]
    await given_up(server, wire, "order")
    assert len(server.seen) == 1
    await wire.act("POST", "/orders", json={})


async def test_the_one_try_of_an_open_breaker_that_is_given_up_leaves_the_next_one(
    server, wire, clock
):
    await broken(server, wire)
    clock.advance(31)
    server.answers = [never]
    await given_up(server, wire, "order")
    server.answers = [text(200, "{}")]
    clock.advance(31)
    assert (await wire.act("POST", "/orders", json={})).is_ok


async def test_exits_that_are_given_up_early_do_not_make_a_broker_broken(server, wire):
    """Stops at a slow broker: their orders could not have been looked up for half a minute."""
    server.answers = [never]
    for _ in range(6):
        await given_up(server, wire, "exit")
    assert not wire.breaker.is_open


async def test_a_broken_broker_is_left_alone_but_for_exits(server, wire, clock):
    await broken(server, wire)
    with pytest.raises(BrokerUnavailable, match="does not answer"):
        await wire.act("POST", "/orders", json={})
    assert len(server.seen) == 5
    with pytest.raises(OrderStateUnknown):
        await wire.act("DELETE", "/orders/1", lane="exit")
    assert len(server.seen) == 6
    server.answers = [text(200, "{}")]
    await wire.act("DELETE", "/orders/1", lane="exit")  # it answers: all may come again
    await wire.act("POST", "/orders", json={})


async def test_a_broken_broker_is_tried_at_once_by_whoever_connects(server, wire):
    """A start that was told 502 six times left alone a broker that worked, for a minute."""
    await broken(server, wire)
    for _ in range(3):
        wire.open()
        with pytest.raises(BrokerUnavailable):
            await wire.read("GET", "/accounts")
    assert len(server.seen) == 8, "once each"
    server.answers = [text(200, "{}")]
    wire.open()
    assert (await wire.read("GET", "/accounts")).is_ok


async def test_refusals_do_not_make_a_broker_broken(server, wire):
    server.answers = [text(422, '{"message": "no"}')]
    for _ in range(20):
        await wire.act("POST", "/orders", json={})
    assert not wire.breaker.is_open


async def test_a_turn_that_is_refused_does_not_use_up_the_one_try_of_an_open_breaker(
    server, wire, clock
):
    """It used to stick: whoever entered and then sent nothing never told how it went."""
    await broken(server, wire)
    wire.lanes.pause("order", 45)
    clock.advance(31)
    with pytest.raises(RateLimited):
        await wire.act("POST", "/orders", json={})
    with pytest.raises(ValueError, match="not a number"):
        await wire.act("POST", "/orders", json={"qty": Decimal("NaN")})
    server.answers = [text(200, "{}")]
    assert (await wire.read("GET", "/clock")).is_ok
    clock.advance(15)
    assert (await wire.act("POST", "/orders", json={})).is_ok


async def test_every_call_is_counted_with_its_outcome(server, wire):
    server.answers = [
        text(200, "{}", **{"X-RateLimit-Remaining": "41", "X-RateLimit-Limit": "60"}),
        text(500, "{}"),
        text(429, "{}"),
    ]
    await wire.act("POST", "/orders", json={})
    with pytest.raises(OrderStateUnknown):
        await wire.act("POST", "/orders", json={})
    with pytest.raises(RateLimited):
        await wire.act("POST", "/orders", json={})
    usage = wire.usage
    assert (usage.n_calls, usage.n_limited, usage.limit, usage.remaining) == (3, 1, 60, 41)
    assert usage.n_failed >= 1


async def test_one_connection_is_kept_for_all_calls(server, wire):
    for _ in range(5):
        await wire.read("GET", "/orders")
    assert len(server.peers) == 1


async def test_numbers_arrive_as_they_were_written(server, wire):
    server.answers = [text(200, '{"px": 0.10, "big": 12345678901234567890.1, "n": 3}')]
    body = (await wire.read("GET", "/quote")).body
    assert (str(body["px"]), str(body["big"])) == ("0.10", "12345678901234567890.1")
    assert type(body["n"]) is int


async def test_decimals_leave_as_plain_numbers(server, wire):
    sent = {"px": Decimal("0.10"), "tiny": Decimal("1E-7"), "list": [Decimal(3)], "t": True}
    await wire.act("POST", "/orders", json=sent)
    assert server.bodies == [b'{"px":0.10,"tiny":0.0000001,"list":[3],"t":true}']


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), float("nan")])
async def test_what_is_no_number_is_never_sent(server, wire, bad):
    with pytest.raises(ValueError, match=r"."):
        await wire.act("POST", "/orders", json={"px": bad})
    assert server.seen == []
    with pytest.raises(ValueError, match=r"."):
        encoded([bad])


async def test_a_seal_covers_path_query_and_the_exact_bytes_and_is_made_for_every_try(
    server, clock
):
    sealed = []

    def seal(path, params, body):
        sealed.append((path, dict(params), body))
        return {"x-seal": str(len(sealed))}

    wire = Wire("x", server.url, clock, Lanes(clock, MANY), seal=seal)
    server.answers = [text(500, "{}"), text(200, "{}")]
    await wire.read("GET", "/orders", params={"account": "A"})
    await wire.act("POST", "/orders", json={"px": Decimal("1.10")})
    await wire.close()
    assert sealed == [
        ("/orders", {"account": "A"}, b""),
        ("/orders", {"account": "A"}, b""),
        ("/orders", {}, b'{"px":1.10}'),
    ]
    assert [r.headers["x-seal"] for r in server.seen] == ["1", "2", "3"]
    assert server.bodies[2] == sealed[2][2]


async def test_a_closed_wire_sends_nothing_until_it_is_opened_again(server, wire):
    await wire.close()
    with pytest.raises(BrokerUnavailable):
        await wire.act("POST", "/orders", json={})
    assert server.seen == []
    wire.open()
    await wire.act("POST", "/orders", json={})
    assert len(server.seen) == 1


async def test_a_wire_that_is_closed_while_a_call_waits_for_its_turn_sends_nothing(server, clock):
    wire = Wire("x", server.url, clock, Lanes(clock, {"order": (1, 4)}))
    await wire.act("POST", "/orders", json={})
    waiting = asyncio.create_task(wire.act("POST", "/orders", json={}))
    await asyncio.sleep(0)

    await wire.close()
    clock.advance(5)

    with pytest.raises(BrokerUnavailable, match="nothing was sent"):
        await waiting
    assert len(server.seen) == 1


async def test_no_body_no_header_and_no_query_reaches_the_log_or_an_error(server, wire, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers = [text(500, '{"token": "CANARY-A"}'), text(200, "CANARY-A <html>")]
    said = []
    for _ in range(2):
        with pytest.raises(OrderStateUnknown) as caught:
            await wire.act(
                "POST",
                "/orders",
                json={"account": "CANARY-B"},
                headers={"Authorization": "CANARY-C"},
                params={"token": "CANARY-D"},
            )
        said.append(str(caught.value))
    assert "CANARY" not in caplog.text + "".join(said)


def test_time_outs_leave_room_below_the_desks_own_limit():
    assert http.CONNECT_S + http.READ_S >= 8
    assert http.CONNECT_S <= 3
    assert http.READ_S <= 8
