"""Counts what people use: kept in memory, written down once a minute, one document per day."""

import json
from collections import deque
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import discord

from bot.errors import root_of
from engine.domain.desk import Document
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import changed
from engine.market import new_york_date
from engine.reports.usage import Outcome, Tally, took

if TYPE_CHECKING:
    from bot.app import App

_BEGAN = "began"
_KIND = "usage"
_NEWEST = 500


class Usage:
    """What was used since it was last written down."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._counted: dict[tuple[date, str, int], Tally] = {}
        self.took_ms: deque[float] = deque(maxlen=_NEWEST)
        """How long the newest replies took."""

    def begin(self, interaction: discord.Interaction[Any]) -> None:
        """A command came in."""
        interaction.extras[_BEGAN] = self._app.clock.monotonic()

    def end(self, interaction: discord.Interaction[Any], error: BaseException | None) -> None:
        """It was carried out, or not."""
        if interaction.type is not discord.InteractionType.application_command:
            return
        command = interaction.command
        name = command.qualified_name if command is not None else "unknown"
        began = interaction.extras.get(_BEGAN)
        now = self._app.clock.monotonic()
        self.count(name, interaction.user.id, outcome_of(error), now - (began or now))

    def count(self, name: str, user_id: int, outcome: Outcome, seconds: float) -> None:
        """One use of a command (its full name) or of an action (``#close``)."""
        self.took_ms.append(seconds * 1000)
        times = [0] * len(Tally(name="", user_id=0).times)
        times[took(seconds)] = 1
        one = Tally(name=name, user_id=user_id, times=tuple(times), **{outcome: 1})
        key = (new_york_date(self._app.clock.now()), name, user_id)
        known = self._counted.get(key)
        self._counted[key] = known.plus(one) if known is not None else one

    async def save(self) -> None:
        """Write it down; what could not be written is kept for the next time.

        Raises:
            StoreUnavailable.
        """
        taken, self._counted = self._counted, {}
        try:
            for day in sorted({key[0] for key in taken}):
                await self._save(day, [t for key, t in taken.items() if key[0] == day])
        except BaseException:
            for key, tally in taken.items():
                newer = self._counted.get(key)
                self._counted[key] = tally.plus(newer) if newer is not None else tally
            raise

    async def of_days(self, n: int) -> list[Tally]:
        """Everything counted on the last ``n`` days, today included."""
        today = new_york_date(self._app.clock.now())
        found = []
        for back in range(n):
            document = await self._document(today - timedelta(days=back))
            found += _tallies(document) if document is not None else []
        return found + list(self._counted.values())

    async def _save(self, day: date, taken: list[Tally]) -> None:
        desk = self._app.desk
        document = await self._document(day)
        summed = {(t.name, t.user_id): t for t in (_tallies(document) if document else [])}
        for tally in taken:
            key = (tally.name, tally.user_id)
            summed[key] = summed[key].plus(tally) if key in summed else tally
        body = json.dumps([asdict(t) for t in summed.values()])
        put = (
            changed(document, body=body)
            if document is not None
            else Document(
                document_id=f"{_KIND}:{day}", kind=_KIND, filed_at=desk.clock.now(), body=body
            )
        )
        await desk.commit(desk.event("usage.counted", put.document_id, put))

    async def _document(self, day: date) -> Document | None:
        return await self._app.desk.store.get(Document, f"{_KIND}:{day}")


def outcome_of(error: BaseException | None) -> Outcome:
    """How a use ended, by what it raised."""
    if error is None:
        return "done"
    cause = root_of(error)
    if isinstance(cause, NotAllowed):
        return "refused"
    return "mistaken" if isinstance(cause, UserError) else "failed"


def _tallies(document: Document) -> list[Tally]:
    return [Tally(**{**row, "times": tuple(row["times"])}) for row in json.loads(document.body)]
