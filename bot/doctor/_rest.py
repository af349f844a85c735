"""Discord's REST side, asked with nothing but the bot's token: before there is a bot."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any, Self

import aiohttp

from bot.stand_in import PUBLIC_API

_PATIENCE_S = 8.0


class Unreachable(Exception):
    """Discord refused, or did not answer. ``status`` 0: no answer at all."""

    def __init__(self, status: int, code: int, words: str) -> None:
        super().__init__(words)
        self.status, self.code = status, code

    @property
    def words(self) -> str:
        """For people."""
        return f"{self} (HTTP {self.status})" if self.status else str(self)


class DiscordRest:
    """Reads only."""

    def __init__(self, token: str, api_base: str = "") -> None:
        self.base = f"{(api_base or PUBLIC_API).rstrip('/')}/api/v10"
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self.said_at: datetime | None = None
        """Discord's own clock at its last answer."""

    async def __aenter__(self) -> Self:
        """Open a connection."""
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Any:
        """The JSON of an address below ``/api/v10``.

        Raises:
            Unreachable.
        """
        assert self._session is not None  # noqa: S101 - used as a context manager
        headers = {
            "Authorization": f"Bot {self._token}",
            "User-Agent": f"DiscordBot (tradestream, {version('tradestream')})",
        }
        try:
            async with self._session.get(f"{self.base}{path}", headers=headers) as answer:
                self._note_time(answer.headers)
                body = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(0, 0, f"no answer: {type(error).__name__}") from None
        if answer.status >= 400:
            known = body if isinstance(body, dict) else {}
            raise Unreachable(
                answer.status, int(known.get("code") or 0), str(known.get("message") or "refused")
            )
        return body

    def _note_time(self, headers: Mapping[str, str]) -> None:
        try:
            self.said_at = parsedate_to_datetime(headers["Date"])
        except (KeyError, ValueError):
            return
