"""Two admins for a loosened limit: what one asked for, and whether a second one says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.settings.versions import Step
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError

if TYPE_CHECKING:
    from bot.app import App

SECOND_WITHIN = timedelta(minutes=15)
"""How long the first admin's word waits for the second's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A loosening that one admin wants and a second has not confirmed yet."""

    steps: tuple[Step, ...]
    user_id: int
    name: str
    until: datetime


class Agreement:
    """What waits for a second admin; forgotten by a restart."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._asked: Asked | None = None

    async def second(self, who: Who, steps: list[Step], why: str) -> str:
        """Whether these steps may be made now: nothing has to be asked, or a second admin agrees.

        Returns:
            Empty when they may; otherwise what was said to whom instead.

        Raises:
            NotAllowed: not an admin. StoreUnavailable.
        """
        must_be_admin(who)
        if not any(s.is_loosening for s in steps):
            return ""
        desk, asked, now = self._app.desk, self._asked, self._app.desk.clock.now()
        same = asked is not None and asked.steps == tuple(steps) and now <= asked.until
        if asked is not None and same and asked.user_id != who.user_id:
            self._asked = None
            return ""
        said = "; ".join(f"{s.path}: {s.old} → {s.new}" for s in steps[:8])
        minutes = SECOND_WITHIN.seconds // 60
        await desk.commit(
            desk.event(
                "settings.asked",
                "settings",
                desk.note(
                    "admin",
                    f"⚠ {who.name} asks to loosen {said}. A second admin gives the same command "
                    f"within {minutes} minutes. Until then nothing is changed.",
                ),
                actor=f"user:{who.user_id}",
                why=why,
                asked=said[:500],
            )
        )
        self._asked = Asked(
            steps=tuple(steps), user_id=who.user_id, name=who.name, until=now + SECOND_WITHIN
        )
        return (
            f"Asked. This loosens a limit: a second admin has to give the same command within "
            f"{minutes} minutes. Nothing was changed yet."
        )

    def check(self, steps: Sequence[Step], agreed: Sequence[Step]) -> None:
        """Raise UserError when this is not what was shown and agreed to.

        Until the desk has an admin there is no second one to ask.
        """
        if agreed and tuple(steps) != tuple(agreed):
            raise UserError("It stands otherwise by now. Nothing was changed; ask again.")
        is_alone = not self._app.config.discord.is_set_up
        loose = next((s for s in steps if s.is_loosening and s not in agreed), None)
        if loose is not None and not is_alone:
            raise UserError(f"{loose.path}: needs a second admin. Nothing was changed.")


def must_be_admin(who: Who) -> None:
    """Raise NotAllowed for anybody else."""
    if not who.may_admin:
        raise NotAllowed("Only an admin may change settings. Nothing was changed.")
