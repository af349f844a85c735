"""Driving a sandbox that runs in another process, with the same verbs."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import aiohttp

from bot.sandbox.errors import NotAnswered, Refused

Json = dict[str, Any]


class Remote:
    """A client of `/_control/`.

    `await remote("say", {"as": "tom", "channel": "desk", "content": "hi"})`; the verbs and
    their fields are listed in `bot.sandbox.verbs` and `bot.sandbox.stagehands`.
    """

    def __init__(self, base: str = "http://127.0.0.1:8503") -> None:
        self._base = base.rstrip("/")
        self._client = aiohttp.ClientSession()

    async def __call__(self, verb: str, body: Json | None = None, /, **more: Any) -> Any:
        """Call a verb and return its JSON answer.

        Raises:
            Refused: a real Discord client would not let a person do this.
            ValueError: a field is missing or wrong.
        """
        data = {**(body or {}), **more}
        async with self._client.post(f"{self._base}/_control/{verb}", json=data) as answer:
            if answer.status == 200:
                return await answer.json()
            text = (await answer.text())[:500]
            if answer.status == 409:
                raise Refused(text)
            raise ValueError(f"{verb}: {answer.status} {text}")

    async def answered(self, verb: str, body: Json | None = None, /, **more: Any) -> Json:
        """Call an interaction verb and wait for the reply that a person reads.

        Raises:
            NotAnswered: the bot stayed silent for 3 s.
        """
        made: Json = await self(verb, {"wait": "reply", **(body or {}), **more})
        if made["failed"]:
            raise NotAnswered(f"{verb}: the application did not respond")
        return made

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
