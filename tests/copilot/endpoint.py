"""A server on loopback that speaks OpenAI's chat completions: obedient, slow, broken, full.

It answers what a behaviour says, and remembers every request: what a model is told is what the
tests look at.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Reply = Mapping[str, Any] | web.StreamResponse
Behaviour = Callable[["Endpoint", dict[str, Any]], Awaitable[Reply]]


@dataclass
class Endpoint:
    """The server and what it was asked."""

    behaviour: Behaviour
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    request: web.Request | None = None

    @property
    def told(self) -> str:
        """Everything that the last conversation held."""
        return json.dumps(self.requests[-1]["messages"], ensure_ascii=False)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("Authorization", ""))
        self.request = request
        answer = await self.behaviour(self, body)
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)


@asynccontextmanager
async def endpoint(behaviour: Behaviour) -> AsyncIterator[Endpoint]:
    """A running server."""
    made = Endpoint(behaviour)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", made._handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    made.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()


# -- what it may say ---------------------------------------------------------------------------


def completion(content: str | None, *, calls: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The shape of an answer."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": "tool_calls" if calls else "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
    }


def draft(*sentences: str, proposals: list[str] | None = None) -> str:
    """A draft as JSON."""
    body = {"sentences": list(sentences), "proposals": proposals or [], "confidence": "high"}
    return json.dumps(body)


def says(*sentences: str, proposals: list[str] | None = None) -> Behaviour:
    """Always the same draft."""

    async def answer(_: Endpoint, body: dict[str, Any]) -> Reply:
        del body
        return completion(draft(*sentences, proposals=proposals))

    return answer


def raw(content: str) -> Behaviour:
    """Always this text, whatever was asked for."""

    async def answer(_: Endpoint, body: dict[str, Any]) -> Reply:
        del body
        return completion(content)

    return answer


def calls(topic: str, *, name: str = "look_up", arguments: str | None = None) -> dict[str, Any]:
    """A tool call."""
    given = arguments if arguments is not None else json.dumps({"topic": topic})
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": given}}


def fails(status: int) -> Behaviour:
    """An HTTP error."""

    async def answer(_: Endpoint, body: dict[str, Any]) -> Reply:
        del body
        return web.json_response({"error": {"message": "no", "type": "x"}}, status=status)

    return answer


async def hangs(_: Endpoint, body: dict[str, Any]) -> Reply:
    """Never answers."""
    del body
    await asyncio.sleep(3600)
    return completion("")


async def cut(it: Endpoint, body: dict[str, Any]) -> Reply:
    """Half an answer, then the line is gone."""
    del body
    assert it.request is not None
    answer = web.StreamResponse(headers={"Content-Length": "5000"})
    await answer.prepare(it.request)
    await answer.write(b'{"id": "chatcmpl-1", "choi')
    assert it.request.transport is not None
    it.request.transport.abort()
    return answer


_ORDERS = re.compile(r"\"text\": \"((?:[^\"\\]|\\.)*)\"")


async def obedient(it: Endpoint, body: dict[str, Any]) -> Reply:
    """Does whatever any text in the conversation says: repeats it, calls tools, picks actions.

    The worst model there can be: every foreign text becomes a sentence, a tool call and a
    proposal; so does everything that looks like a fact's name or an action.
    """
    del it
    talk = "\n".join(str(m.get("content") or "") for m in body["messages"])
    foreign = [json.loads(f'"{found}"') for found in _ORDERS.findall(talk)]
    if body.get("tools") and not any(m["role"] == "tool" for m in body["messages"]):
        wild = [
            calls("alerts"),
            {**calls("", name="place_order", arguments='{"text": "#close-all"}'), "id": "call_2"},
            {**calls("", arguments='{"topic": "secrets", "act": true}'), "id": "call_3"},
        ]
        return completion(None, calls=wild)
    names = re.findall(r'"name": "([a-z_.0-9]+)"', talk)
    sentences = [*foreign, *(f"Look at {{{n}}}." for n in names[:3])]
    words = [w for text in foreign for w in text.split()]
    picked = [w for w in words if w.startswith("#")]
    content = {
        "sentences": sentences[:40],
        "proposals": [*picked, "a1", "a9", "#close-all", "confirm"],
        "confidence": "high",
    }
    return completion(json.dumps(content, ensure_ascii=False))
