"""Rooms played again on the desk's terms: what is needed is gathered here, a process plays it."""

import asyncio
import logging
import pickle
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from bot import beside, parts, replay
from bot.beside import HEAD
from bot.playing import AT, DONE, Job
from bot.replay import Played, Terms
from engine.backtest import COSTS, Assumed, Needed, needed
from engine.brokers.paper import AlwaysOpen, PaperSettings
from engine.domain.alert import RawAlert
from engine.domain.candle import Candle, Candles, no_candles
from engine.domain.desk import Document, Intake
from engine.domain.errors import UserError
from engine.domain.source import SourceProfile
from engine.market import ALWAYS, NEW_YORK
from engine.reports import backtest
from engine.reports.backtest import Asked, BacktestReport
from engine.risk.load import load_checks

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

KIND = "backtest"
MOST_DAYS = 31
_MOST_MESSAGES = 3_000
_MOST_CANDLES = 40_000
_MOST_SYMBOLS = 60
_PAGE = 2_000
_QUOTE_AGE_S = Decimal(75)
"""Prices are candles of a minute: one of the minute before is as new as they get."""
_PATIENCE_S = 600.0
_FILED: TypeAdapter[BacktestReport] = TypeAdapter(BacktestReport)
Told = Callable[[str], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Running:
    """The one that is played just now."""

    backtest_id: str
    room: str
    task: asyncio.Task[object]
    said: str = "begins"
    is_called_off: bool = False


class Backtests:
    """One at a time; what came of each is kept as a document."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self.running: Running | None = None

    async def run(self, asked: Asked, user_id: int, told: Told) -> BacktestReport:
        """Play a room again; ``told`` hears how far it is.

        Raises:
            UserError: why nothing was played, or nothing came of it.
        """
        if (now := self.running) is not None:
            raise UserError(
                f"{now.backtest_id} ({now.room}) is being played: {now.said}. One at a time; "
                "nothing was started."
            )
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a command runs in one
        self.running = run = Running(
            backtest_id=self._app.ids.new("BT"), room=asked.room, task=task
        )

        async def say(words: str) -> None:
            run.said = words
            await told(f"{run.backtest_id}: {words}")

        try:
            async with asyncio.timeout(_PATIENCE_S):
                report = await self._played(run.backtest_id, asked, say)
        except TimeoutError:
            raise UserError(
                f"It was not played within {_PATIENCE_S / 60:.0f} minutes: choose a shorter time. "
                "Nothing was kept."
            ) from None
        except asyncio.CancelledError:
            if not run.is_called_off or task.uncancel():
                raise  # the bot ends
            raise UserError(f"{run.backtest_id} was called off. Nothing was kept.") from None
        finally:
            self.running = None
        await self._file(report, user_id)
        return report

    def cancel(self, backtest_id: str) -> str:
        """Call off the running one; its name.

        Raises:
            UserError: that one does not run.
        """
        run = self.running
        if run is None or (backtest_id and backtest_id != run.backtest_id):
            raise UserError("No such backtest is being played. Nothing was called off.")
        run.is_called_off = True
        run.task.cancel()
        return run.backtest_id

    async def get(self, backtest_id: str) -> BacktestReport:
        """One that was played.

        Raises:
            UserError: there is none of that name.
        """
        document = await self._app.desk.store.get(Document, backtest_id)
        if document is None or document.kind != KIND:
            raise UserError("There is no backtest of that name; /backtest list shows them.")
        return _FILED.validate_json(document.body)

    async def newest(self, n: int) -> list[BacktestReport]:
        """Those that were played last, newest first."""
        return [_FILED.validate_json(document.body) for document in await self.filed(n)]

    async def filed(self, n: int) -> list[Document]:
        """The same, unread."""
        return await self._app.desk.store.find(
            Document, where={"kind": KIND}, newest_first=True, limit=n
        )

    # -- inside ---------------------------------------------------------------------------------

    async def _played(self, backtest_id: str, asked: Asked, say: Told) -> BacktestReport:
        app = self._app
        profile = app.desk.settings.sources[asked.room]
        begin = _midnight(asked.begin)
        end = min(_midnight(asked.end + timedelta(days=1)), app.clock.now())
        messages = await self._messages(profile, begin, end)
        if not messages:
            raise UserError(f"Nobody trusted said anything in {asked.room} then: nothing to play.")
        wanted = await asyncio.to_thread(needed, messages, profile)
        if not wanted:
            raise UserError(f"No alert of {asked.room} opened anything then: nothing to play.")
        if len(wanted) > _MOST_SYMBOLS:
            raise UserError(
                f"{len(wanted)} instruments are too many at once ({_MOST_SYMBOLS} at most): "
                "choose a shorter time. Nothing was played."
            )
        series = await self._prices(wanted, end, say)
        priced = [(s, w.direction) for s, w in zip(series, wanted, strict=True) if s.candles]
        unpriced = [f"{s.instrument.label}: {s.missing}" for s in series if not s.candles]
        if not priced:
            raise UserError(f"No price of then is known ({unpriced[0]}). Nothing was played.")
        is_made_up = any(s.is_synthetic for s, _ in priced)
        costs = COSTS[asked.costs]
        job = Job(
            messages=messages,
            series=priced,
            costs=costs,
            terms=self._terms(profile, asked, costs, end, is_made_up=is_made_up),
        )
        ours, free = await _play(job, say)
        sources = sorted({s.source for s, _ in priced})
        return backtest.build(
            replace(app.reading.frame(), is_synthetic=is_made_up),
            backtest_id=backtest_id,
            source=f"{', '.join(sources)}, 1-minute candles",
            asked=asked,
            n_messages=len(messages),
            cases=replay.cases(ours, free, backtest.STAKE_USD),
            trades=list(ours.trades.values()),
            entries=ours.entries,
            accounts=ours.accounts,
            kept_out=replay.guards(ours, free, backtest.STAKE_USD),
            unpriced=unpriced,
        )

    async def _messages(
        self, profile: SourceProfile, begin: datetime, end: datetime
    ) -> list[RawAlert]:
        found = await self._app.desk.store.find(
            Intake, where={"source": profile.name}, since=("received_at", begin)
        )
        heard = [
            replace(m, guild_id=None, channel_id=1, received_at=m.posted_at, is_caught_up=False)
            for m in (intake.message for intake in found)
            if begin <= m.posted_at < end and profile.trusts(m.author_id, m.webhook_id)
        ]
        if len(heard) > _MOST_MESSAGES:
            raise UserError(
                f"{len(heard):,} messages are too many at once ({_MOST_MESSAGES:,} at most): "
                "choose a shorter time. Nothing was played."
            )
        return sorted(heard, key=lambda m: (m.posted_at, m.message_id, m.edit_no))

    async def _prices(self, wanted: Sequence[Needed], end: datetime, say: Told) -> list[Candles]:
        found: list[Candles] = []
        n = 0
        for number, one in enumerate(wanted, 1):
            await say(f"prices of {one.instrument.label} ({number} of {len(wanted)})")
            series = await self._candles(one, end, _MOST_CANDLES - n)
            n += len(series.candles)
            found.append(series)
        return found

    async def _candles(self, one: Needed, end: datetime, most: int) -> Candles:
        """Minute by minute from its alert on; page by page, the newest first."""
        since = one.since.replace(second=0, microsecond=0)
        page = await self._app.history.bars(one.instrument, "1m", _PAGE, end)
        newest, kept = page, list[Candle]()
        while new := [c for c in page.candles if since <= c.at and (not kept or c.at < kept[0].at)]:
            kept = [*new, *kept]
            if len(kept) > most:
                raise UserError(
                    f"More than {_MOST_CANDLES:,} minutes of prices are needed: choose a shorter "
                    "time. Nothing was played."
                )
            if len(new) < len(page.candles):
                break  # what is before was said before the alert
            page = await self._app.history.bars(one.instrument, "1m", _PAGE, kept[0].at)
        if kept:
            return replace(newest, candles=tuple(kept))
        why = newest.missing or "no candles since its alert"
        return no_candles(one.instrument, "1m", newest.source, end, why)

    def _terms(
        self,
        profile: SourceProfile,
        asked: Asked,
        costs: Assumed,
        end: datetime,
        *,
        is_made_up: bool,
    ) -> Terms:
        """The desk's limits and exit rules of now, with money and a broker of its own."""
        config = self._app.config
        fresh = {"data_fresh": {"max_age_s": _QUOTE_AGE_S}}
        return Terms(
            profiles=dict.fromkeys(("options", "futures", "stocks"), profile),
            paper=_paper(parts.paper(config), asked.cash_usd, costs),
            checks=load_checks({**config.risk, **fresh}),
            exit_rules=parts.exit_rules(config.exits),
            settings=parts.settings(config),
            calendars={"*": ALWAYS} if is_made_up else self._app.calendars,
            hours=AlwaysOpen() if is_made_up else None,
            until=end,
        )

    async def _file(self, report: BacktestReport, user_id: int) -> None:
        desk = self._app.desk
        document = Document(
            document_id=report.stamp.ref,
            kind=KIND,
            subject=report.asked.room,
            user_id=user_id,
            filed_at=desk.clock.now(),
            body=_FILED.dump_json(report).decode(),
        )
        await desk.commit(
            desk.event("backtest.played", document.document_id, document, actor=f"user:{user_id}")
        )


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time(), NEW_YORK).astimezone(UTC)


def _paper(usual: PaperSettings, cash_usd: Decimal, costs: Assumed) -> PaperSettings:
    return replace(
        usual,
        start_cash_usd={"main": cash_usd},
        slippage_ticks=usual.slippage_ticks * costs.times,
        fee_per_option_contract_usd=usual.fee_per_option_contract_usd * costs.times,
        fee_per_future_contract_usd=usual.fee_per_future_contract_usd * costs.times,
        fee_per_share_usd=usual.fee_per_share_usd * costs.times,
        max_quote_age_s=_QUOTE_AGE_S,
    )


async def _play(job: Job, say: Told) -> tuple[Played, Played]:
    """In a process of its own, which ends with whoever waits for it."""
    body = await asyncio.to_thread(pickle.dumps, job)
    process = await beside.start("bot.playing")
    assert process.stdin is not None  # noqa: S101 - made with pipes
    assert process.stdout is not None  # noqa: S101 - made with pipes
    try:
        process.stdin.write(body)
        await process.stdin.drain()
        process.stdin.close()
        while True:
            kind, size = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
            answer = await process.stdout.readexactly(size)
            if kind == AT:
                await say(f"played {int(answer) * 100 // (2 * len(job.messages))}%")
            elif kind == DONE:
                played: tuple[Played, Played] = await asyncio.to_thread(pickle.loads, answer)
                return played
            else:
                log.warning("a backtest failed: %s", answer.decode(errors="replace"))
                raise UserError("It could not be played (the log says why). Nothing was kept.")
    except (OSError, EOFError, asyncio.IncompleteReadError) as error:
        raise UserError(
            f"The play ended early ({type(error).__name__}). Nothing was kept."
        ) from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
