"""A model behind any address that speaks OpenAI's chat completions; loaded when first asked.

One conversation per question: rules and facts in, one structured draft out, at most two rounds of
typed look-ups between. Every failure becomes :class:`ModelDown` with a reason for people.
"""

import asyncio
import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from engine.copilot.budget import tokens_of
from engine.copilot.draft import Draft, LookUp
from engine.copilot.prompt import Message
from engine.domain.errors import TradeStreamError

OPENAI = "https://api.openai.com/v1"
"""Where an empty address leads; the environment of the process does not choose it."""
_ROUNDS = 2
"""How often it may look further facts up before it has to answer."""
_MOST_CALLS = 4
_LONGEST_ANSWER = 20_000


class ModelDown(TradeStreamError):
    """No usable answer came; says why. The facts stand without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Where the model is, and how long and how much it may answer."""

    model: str
    base_url: str = ""
    timeout_s: float = 12.0
    max_tokens: int = 1200


@dataclass(kw_only=True)
class Spent:
    """Tokens so far, also of attempts that failed."""

    tokens_in: int = 0
    tokens_out: int = 0


class Model:
    """One model of one provider."""

    def __init__(self, settings: ModelSettings, api_key: str) -> None:
        self._settings = settings
        self._key = api_key
        self._client: Any = None
        self._library: Any = None
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        """As people are told."""
        return self._settings.model

    @property
    def max_tokens(self) -> int:
        """Of one answer."""
        return self._settings.max_tokens

    async def warm(self) -> None:
        """Load the library in a thread: it takes a second, which the loop does not have."""
        async with self._lock:
            if self._client is not None:
                return
            self._library, self._client = await asyncio.to_thread(
                _connect, self._settings, self._key
            )

    async def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def interpret(
        self,
        messages: Sequence[Message],
        look_up: Callable[[str], str] | None,
        spent: Spent,
    ) -> Draft:
        """A draft for this conversation; ``look_up``: subject -> facts, None: not allowed.

        Raises:
            ModelDown: too slow, refused, or twice no valid draft.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self.warm()
                return await self._converse(list(messages), look_up, spent)
        except TimeoutError:
            raise ModelDown(f"it took more than {self._settings.timeout_s:g} s") from None

    async def _converse(
        self, talk: list[Message], look_up: Callable[[str], str] | None, spent: Spent
    ) -> Draft:
        n_bad, n_looked = 0, 0
        while True:
            may_look = look_up is not None and n_looked < _ROUNDS
            answer = await self._ask(talk, spent, with_tools=may_look)
            if answer.tool_calls and may_look and look_up is not None:
                n_looked += 1
                talk += _looked(answer, look_up)
                continue
            try:
                return _read(answer.content)
            except ValueError:
                n_bad += 1
                if n_bad == 2:
                    raise ModelDown("its answer was not usable, twice") from None

    async def _ask(self, talk: list[Message], spent: Spent, *, with_tools: bool) -> Any:
        """One request; the message that came back."""
        openai = self._library
        more: dict[str, Any] = {}
        if with_tools:
            about = "Read more facts of one subject of the book."
            more["tools"] = [
                openai.pydantic_function_tool(LookUp, name="look_up", description=about)
            ]
        asked = tokens_of(json.dumps(talk, ensure_ascii=False))
        try:
            answer = await self._client.chat.completions.create(
                model=self._settings.model,
                messages=talk,
                response_format=_SHAPE,
                max_completion_tokens=self._settings.max_tokens,
                store=False,
                **more,
            )
        except openai.RateLimitError:
            raise ModelDown("it has no capacity for us now") from None
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            raise ModelDown("it does not accept our key") from None
        except openai.APITimeoutError:
            raise ModelDown("it did not answer in time") from None
        except (openai.OpenAIError, ValueError, TypeError) as error:
            raise ModelDown(f"it cannot be reached: {type(error).__name__}") from None
        message = _message(answer)
        _count(answer, message, asked, spent)
        return message


def _message(answer: Any) -> Any:
    """The first choice's message.

    Raises:
        ModelDown: there is none, or it is beyond all measure.
    """
    choices = getattr(answer, "choices", None)
    message = choices[0].message if isinstance(choices, list) and choices else None
    if message is None:
        raise ModelDown("its answer was empty")
    if len(message.content or "") > _LONGEST_ANSWER:
        raise ModelDown("its answer was too long")
    return message


def _count(answer: Any, message: Any, asked: int, spent: Spent) -> None:
    """What it says it used, and never less than what we can see."""
    usage = getattr(answer, "usage", None)
    said_in = getattr(usage, "prompt_tokens", 0)
    said_out = getattr(usage, "completion_tokens", 0)
    spent.tokens_in += said_in if isinstance(said_in, int) and said_in > 0 else asked
    seen = len(message.content or "") // 6
    spent.tokens_out += max(said_out if isinstance(said_out, int) else 0, seen)


def _read(content: str | None) -> Draft:
    """Raises ValueError when it is no draft."""
    try:
        return Draft.model_validate_json(content or "")
    except ValidationError as error:
        raise ValueError(str(error.error_count())) from None


def _looked(answer: Any, look_up: Callable[[str], str]) -> list[Message]:
    """The model's calls and what they found; a call that is not typed right finds nothing."""
    calls = [c for c in answer.tool_calls if getattr(c, "function", None)][:_MOST_CALLS]
    said: list[Message] = [
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": c.id,
                    "type": "function",
                    "function": {"name": c.function.name, "arguments": c.function.arguments},
                }
                for c in calls
            ],
        }
    ]
    for call in calls:
        found = _found(call.function, look_up)
        said.append({"role": "tool", "tool_call_id": call.id, "content": found})
    return said


def _found(call: Any, look_up: Callable[[str], str]) -> str:
    """What a call finds; ``LookUp`` is the only tool there is."""
    if call.name == "look_up":
        try:
            return look_up(LookUp.model_validate_json(call.arguments).topic)
        except ValueError:
            pass
    return "There is no such look-up."


def _connect(settings: ModelSettings, key: str) -> tuple[Any, Any]:
    library = importlib.import_module("openai")
    client = library.AsyncOpenAI(
        api_key=key,
        base_url=settings.base_url or OPENAI,
        timeout=settings.timeout_s,
        max_retries=0,
    )
    _ = client.chat.completions  # loads the rest of the library here, not on the loop
    return library, client


_SHAPE: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {"name": "draft", "strict": True, "schema": Draft.model_json_schema()},
}
"""Structured output: what the server is asked to keep to. We read it strictly all the same."""
