"""What a stop has done, in words, and the one confirmation before everything is closed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bot import text
from bot.confirm import Question
from bot.questions.close_each import listed
from bot.reply import Press
from engine.domain.errors import UserError
from engine.domain.trade import Trade
from engine.flows.acts import flatten

if TYPE_CHECKING:
    from bot.app import App


def ended(tally: Mapping[str, str]) -> str:
    """What an emergency stop has ended, and what it could not end."""
    odd = {k: what for k, what in tally.items() if what.startswith(("entry not", "entry filled"))}
    n_ended = len(tally) - len(odd)
    lines = ["🛑 **Entries are stopped.** Exits and stops keep working."]
    if n_ended:
        lines.append(f"{text.count(n_ended, 'waiting or working entry')} ended.")
    lines += [f"⚠ {key}: {text.safe_line(what, 150)}" for key, what in odd.items()]
    return "\n".join(lines)


def close_everything(app: "App", told: str = "") -> Question:
    """Close all that is open now: asked once, done once, failures named one by one.

    Raises:
        UserError: nothing is open.
    """
    book = app.desk.book

    def held() -> list[Trade]:
        found = book.open_trades()
        if not found:
            raise UserError("Nothing is open any more. Nothing was sent.")
        return found

    def body() -> str:
        return "\n".join(line for line in (told, *listed(app, held())) if line)

    async def go(press: Press) -> str:
        names = {t.trade_id: app.reading.which(t) for t in book.trades.values()}
        return closed(names, await flatten.run(app.desk, app.gate.who(press)))

    held()
    return Question(
        title="Close everything?",
        yes="Close everything",
        body=body,
        action=go,
        state=lambda: {t.trade_id: t.qty_open for t in book.open_trades()},
    )


def closed(names: Mapping[str, str], tally: Mapping[str, str]) -> str:
    """How many are being closed, and every one that is not, by name."""
    fine = [key for key, what in tally.items() if what.startswith("clos")]
    lines = [f"🛑 Closing {len(fine)} of {len(tally)}."]
    lines += [
        f"⚠ {text.safe_line(names.get(key, key), 40)}: {text.safe_line(what, 150)}"
        for key, what in tally.items()
        if key not in fine
    ]
    return "\n".join(lines)
