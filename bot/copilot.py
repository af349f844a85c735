"""The copilot's desk in this process: its model, its budget, and how an answer reaches people."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import discord

from bot import said
from bot.buttons import advice
from bot.cards import answer as answer_card
from bot.secret_shapes import SHAPES
from engine.copilot.budget import FACT, Budget, Caps
from engine.copilot.model import Model, ModelSettings
from engine.copilot.question import Asked, read
from engine.copilot.topics import rules
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.flows.common import ask
from engine.market import new_york_date
from engine.reports.answer import AnswerReport

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

Show = Callable[[discord.Embed, discord.ui.View | None], Awaitable[object]]
"""Put a card where the answer stands; called again to edit it."""
_NO_KEY = "no key for the model is set (TS_OPENAI_API_KEY)"
_SHORTEST_SECRET = 6


class Copilot:
    """Answers questions; the model is made when the configuration asks for one."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._model: Model | None = None
        self._made_of: tuple[ModelSettings, str] | None = None
        self._budget: Budget | None = None

    @property
    def why_none(self) -> str:
        """Why no model reads the facts; empty when one does."""
        config = self._app.config
        if not config.copilot.enabled:
            return ask.NO_MODEL
        return "" if config.secrets.openai_api_key is not None else _NO_KEY

    def model(self) -> Model | None:
        """The configured model; a changed configuration makes a new one."""
        config = self._app.config
        key = config.secrets.openai_api_key
        if self.why_none or key is None:
            return None
        settings = ModelSettings(
            model=config.copilot.model,
            base_url=config.copilot.base_url,
            timeout_s=config.copilot.timeout_s,
            max_tokens=config.copilot.max_tokens,
        )
        wanted = (settings, key.get_secret_value())
        if self._model is None or wanted != self._made_of:
            self._model, self._made_of = Model(*wanted), wanted
        return self._model

    def budget(self) -> Budget:
        """Today's use and the limits of now."""
        config = self._app.config.copilot
        caps = Caps(
            daily_tokens=config.daily_tokens,
            daily_tokens_per_user=config.daily_tokens_per_user,
            daily_usd=config.daily_usd,
            usd_per_million_in=config.usd_per_million_in,
            usd_per_million_out=config.usd_per_million_out,
            questions_per_min=config.questions_per_min,
        )
        if self._budget is None:
            self._budget = Budget(caps=caps)
            known = self._app.desk.book.facts.get(FACT)
            if known is not None:
                self._budget.load(known.value)
        self._budget.caps = caps
        return self._budget

    async def warm(self) -> None:
        """Load the model's library before anybody waits for it."""
        model = self.model()
        if model is not None:
            await model.warm()

    async def close(self) -> None:
        """Hang up."""
        if self._model is not None:
            await self._model.close()

    def read(self, question: str) -> Asked:
        """What is asked."""
        today = new_york_date(self._app.clock.now())
        return read(question, rules(), ask.known_symbols(self._app.desk), today)

    async def answer(self, who: Who, question: str, show: Show, *, research: bool) -> AnswerReport:
        """Facts at once; the model's reading in their place when it comes.

        Raises:
            UserError: too many questions within a minute.
        """
        app = self._app
        budget = self.budget()
        if budget.too_fast(who.user_id, app.clock.monotonic()):
            raise UserError(
                f"At most {budget.caps.questions_per_min} questions a minute. Nothing was asked; "
                "try again in a moment."
            )
        asked = self.read(question)
        seen = await app.briefing.gather(asked)
        model = None if asked.wants_secret else self.model()
        note = "" if model is not None else self.why_none
        begun = await ask.begin(app.desk, asked, seen, who, said.plain, note)
        app.chronicle.remember(who.user_id, begun.document.document_id, question[:60])
        await show(
            answer_card.show(begun.report, is_reading=model is not None), _view(app, begun.report)
        )
        if model is None:
            return begun.report
        report = await ask.interpret(
            app.desk,
            begun,
            model,
            budget,
            said.plain,
            research=research,
            is_harmful=self._harmful(),
        )
        await show(answer_card.show(report), _view(app, report))
        return report

    def _harmful(self) -> re.Pattern[str]:
        """Shapes of keys, and the keys of this desk."""
        ours = [
            re.escape(s) for s in self._app.config.secrets.values() if len(s) >= _SHORTEST_SECRET
        ]
        return re.compile("|".join([*SHAPES.values(), *ours]))


def _view(app: "App", report: AnswerReport) -> discord.ui.View | None:
    return advice.view(app, ((p.action, p.button) for p in report.proposals))
