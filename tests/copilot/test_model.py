"""The model's line: what is sent, what is taken, and everything that may go wrong (L-03, L-04)."""

import asyncio
import json

import pytest

from engine.copilot.model import Model, ModelDown, ModelSettings, Spent
from tests.copilot import endpoint as e

TALK = [{"role": "system", "content": "rules"}, {"role": "user", "content": "Facts: none"}]


async def interpret(behaviour, *, look_up=None, timeout_s=60.0):
    """One conversation with a server that behaves like this."""
    async with e.endpoint(behaviour) as server:
        model = Model(
            ModelSettings(model="stub", base_url=server.url, timeout_s=timeout_s, max_tokens=300),
            "sk-test",
        )
        spent = Spent()
        try:
            return await model.interpret(TALK, look_up, spent), spent, server
        except ModelDown as error:
            return error, spent, server
        finally:
            await model.close()


async def test_a_draft_is_read_and_its_cost_is_counted():
    drafted, spent, server = await interpret(e.says("All is well.", proposals=["a1"]))
    assert drafted.sentences == ["All is well."]
    assert drafted.proposals == ["a1"]
    assert (spent.tokens_in, spent.tokens_out) == (900, 60)
    (asked,) = server.requests
    assert asked["model"] == "stub"
    assert asked["max_completion_tokens"] == 300
    assert asked["store"] is False
    assert asked["response_format"]["json_schema"]["strict"] is True
    assert asked["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    assert "tools" not in asked
    assert server.keys == ["Bearer sk-test"]


async def test_a_look_up_is_typed_and_answered_twice_at_most():
    asked_for = []

    async def greedy(_, body):
        tools = [m for m in body["messages"] if m["role"] == "tool"]
        if body.get("tools"):
            return e.completion(None, calls=[e.calls("risk")])
        return e.completion(e.draft(f"Looked {'again and ' * len(tools)}enough."))

    _, spent, server = await interpret(
        greedy, look_up=lambda topic: asked_for.append(topic) or "facts of risk"
    )
    assert asked_for == ["risk", "risk"]
    assert len(server.requests) == 3
    assert "tools" not in server.requests[-1]
    assert server.requests[1]["messages"][-1]["content"] == "facts of risk"
    assert spent.tokens_in == 2700


@pytest.mark.parametrize(
    "call",
    [
        e.calls("", name="place_order", arguments='{"symbol": "SPY"}'),
        e.calls("", arguments='{"topic": "secrets"}'),
        e.calls("", arguments='{"topic": "risk", "also": "buy"}'),
        e.calls("", arguments="not json"),
        e.calls("", arguments='{"topic": NaN}'),
    ],
)
async def test_a_call_that_is_not_typed_right_finds_nothing(call):
    async def once(_, body):
        if any(m["role"] == "tool" for m in body["messages"]):
            return e.completion(e.draft("Done."))
        return e.completion(None, calls=[call])

    looked = []
    drafted, _, server = await interpret(once, look_up=looked.append)
    assert drafted.sentences == ["Done."]
    assert looked == []
    assert server.requests[-1]["messages"][-1]["content"] == "There is no such look-up."


@pytest.mark.parametrize(
    "content",
    [
        "I would rather talk.",
        '{"sentences": ["x"], "proposals": []',
        '{"sentences": "x", "proposals": [], "confidence": "high"}',
        '{"sentences": ["x"], "proposals": [], "confidence": "certain"}',
        '{"sentences": ["x"], "proposals": [], "confidence": "high", "order": {"symbol": "SPY"}}',
        '{"sentences": [NaN], "proposals": [], "confidence": "high"}',
        '{"sentences": ["x"], "proposals": [1e9], "confidence": "high"}',
        "",
        "null",
        "[]",
    ],
)
async def test_what_is_no_draft_is_refused_twice_and_then_given_up(content):
    error, spent, server = await interpret(e.raw(content))
    assert isinstance(error, ModelDown)
    assert "not usable, twice" in str(error)
    assert len(server.requests) == 2
    assert spent.tokens_in == 1800


async def test_a_second_try_may_be_better():
    seen = []

    async def once_bad(_, body):
        seen.append(body)
        return e.completion("hm" if len(seen) == 1 else e.draft("Better."))

    drafted, _, server = await interpret(once_bad)
    assert drafted.sentences == ["Better."]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (e.fails(429), "no capacity"),
        (e.fails(500), "cannot be reached"),
        (e.fails(503), "cannot be reached"),
        (e.fails(401), "does not accept our key"),
        (e.fails(403), "does not accept our key"),
        (e.fails(404), "cannot be reached"),
        (e.cut, "cannot be reached"),
        (e.raw("x" * 30_000), "too long"),
    ],
)
async def test_a_failure_is_said_in_words_and_asked_once(behaviour, why):
    error, _, server = await interpret(behaviour)
    assert isinstance(error, ModelDown)
    assert why in str(error)
    assert "sk-test" not in str(error)
    assert server.url not in str(error)
    assert len(server.requests) == 1


async def test_a_model_that_hangs_is_left_after_its_time():
    error, _, _ = await interpret(e.hangs, timeout_s=0.3)
    assert "took more than 0.3 s" in str(error)


async def test_nobody_is_there():
    model = Model(ModelSettings(model="stub", base_url="http://127.0.0.1:9/v1"), "sk-test")
    with pytest.raises(ModelDown, match="cannot be reached"):
        await model.interpret(TALK, None, Spent())
    await model.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": None},
        {"choices": [{"index": 0, "finish_reason": "stop"}]},
        {"id": "x", "choices": [{"message": {"content": None}}], "usage": None},
        {"id": "x", "choices": [{"message": {"content": e.draft("x")}}], "usage": {"a": "b"}},
    ],
)
async def test_an_answer_of_another_shape_never_raises_anything_else(body):
    async def odd(_, asked):
        del asked
        return body

    found, spent, _ = await interpret(odd)
    assert isinstance(found, ModelDown) or found.sentences == ["x"]
    assert spent.tokens_in >= 0


async def test_a_model_that_says_it_used_nothing_is_counted_all_the_same():
    async def cheap(_, body):
        del body
        answer = e.completion(e.draft("word " * 60))
        answer["usage"] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return answer

    _, spent, _ = await interpret(cheap)
    assert spent.tokens_in >= len(json.dumps(TALK)) // 3
    assert spent.tokens_out >= 40


async def test_the_library_is_loaded_once_and_off_the_loop():
    async with e.endpoint(e.says("Well.")) as server:
        model = Model(ModelSettings(model="stub", base_url=server.url), "sk-test")
        await asyncio.gather(*(model.warm() for _ in range(5)))
        client = model._client
        await model.interpret(TALK, None, Spent())
        assert model._client is client
        await model.close()
        await model.close()
