"""Looks at every rule once a second, tells what has begun to hold, and gets it to people."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace as plainly
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot import reply, text
from bot.config.values import is_loopback
from bot.notify import Rule, Severity, in_room, kinds, loaded, role_channel, rule_name, rules
from bot.sending import Sending, send_outside
from bot.told import KIND, Told, told
from engine.domain.desk import AlertRecord, Document, Notice, Who
from engine.domain.errors import Conflict, NotAllowed, TradeStreamError, UserError
from engine.domain.record import Event, changed

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

EVERY_S = 1.0
DEDUPE = timedelta(minutes=15)
"""A rule that holds, lets go and holds again is told once in so long."""
_PAUSES_S = (5.0, 30.0)
"""Before the second and the third try of one delivery."""
_AFRESH = timedelta(minutes=15)
"""What could not be delivered before a restart is tried again while it is not older."""
MOST_RULES = 25
"""Per person."""


class Notifier:
    """All rules of this desk."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._heard: list[AlertRecord] = []
        self._news: dict[str, list[AlertRecord]] = {}
        self._looking = asyncio.Lock()
        app.desk.bus.listen(self._hear)

    def _hear(self, events: Iterable[Event]) -> None:
        for event in events:
            self._heard += [put for put in event.puts if isinstance(put, AlertRecord)]

    # -- rules ------------------------------------------------------------------------------

    async def add(
        self,
        who: Who,
        *,
        kind: str,
        symbol: str,
        condition: str,
        severity: Severity = "info",
        channels: tuple[str, ...] = ("discord",),
    ) -> Rule:
        """Make a rule.

        Raises:
            NotAllowed: not a trader. UserError: names what does not fit. StoreUnavailable.
        """
        if not who.may_trade:
            raise NotAllowed("Rules are for traders. Nothing was changed.")
        app = self._app
        if sum(r.user_id == who.user_id for r in rules(app)) >= MOST_RULES:
            raise UserError(f"You have {MOST_RULES} rules already. Nothing was changed.")
        rule = Rule(
            rule_id=app.ids.new("R"),
            kind=kind,
            symbol=symbol.strip().upper().lstrip("$"),
            condition=" ".join(condition.split()),
            severity=severity,
            channels=channels,
            user_id=who.user_id,
            name=who.name,
        )
        rule = self._read(rule)
        await self._keep("notify.rule_added", who, rule)
        await self._watch(rule)
        return rule

    async def edit(self, who: Who, rule_id: str, **changes: Any) -> Rule:
        """Another condition, severity or other channels.

        Raises:
            NotAllowed, UserError, StoreUnavailable.
        """
        rule = plainly(self._own(who, rule_id), **changes, is_on=False, snoozed_until=None)
        rule = self._read(rule)
        await self._keep("notify.rule_changed", who, rule)
        return rule

    async def remove(self, who: Who, rule_id: str) -> Rule:
        """It tells nothing any more.

        Raises:
            NotAllowed, UserError, StoreUnavailable.
        """
        rule = self._own(who, rule_id)
        desk = self._app.desk
        gone = desk.fact(rule_name(rule_id), "")
        actor = f"user:{who.user_id}"
        await desk.commit(desk.event("notify.rule_removed", rule_id, gone, actor=actor))
        return rule

    def channels(self) -> list[str]:
        """Where rules may be told, roles of the server apart."""
        return ["discord", "dm", *sorted(self._app.config.secrets.notify)]

    def pingable(self) -> dict[str, str]:
        """Roles that may be pinged by a rule, as everybody may ping them: channel -> name."""
        guild = self._app.bot.get_guild(self._app.config.discord.guild_id or 0)
        found = () if guild is None else guild.roles
        return {f"role:{r.id}": r.name for r in found if r.mentionable and not r.is_default()}

    def _own(self, who: Who, rule_id: str) -> Rule:
        fact = self._app.desk.book.facts.get(rule_name(rule_id.strip().upper()))
        if fact is None or not fact.value:
            raise UserError(f"There is no rule {rule_id[:20]}. Nothing was changed.")
        rule = loaded(fact.value)
        if rule.user_id != who.user_id and not who.may_admin:
            raise NotAllowed("Only its owner or an admin may change a rule. Nothing was changed.")
        return rule

    def _read(self, rule: Rule) -> Rule:
        """The rule as it is kept.

        Raises:
            UserError: names what does not fit.
        """
        kind = kinds().get(rule.kind)
        if kind is None:
            raise UserError(f"type: must be {', '.join(kinds())}. Nothing was changed.")
        symbol, condition = kind.parted(self._app, rule.symbol, rule.condition)
        channels = tuple(dict.fromkeys(role_channel(c) for c in rule.channels))
        rule = plainly(rule, symbol=symbol, condition=condition, channels=channels)
        if kind.needs_symbol and not symbol:
            raise UserError(f"symbol: a {rule.kind} rule needs one. Nothing was changed.")
        kind.check(self._app, condition)
        kind.watches(self._app, rule)
        known, pingable = self.channels(), self.pingable()
        for channel in channels:
            if channel.startswith("role:") and channel not in pingable:
                raise UserError(
                    "channels: a role must be one of this server that everybody may mention "
                    "(Server Settings, Roles). Nothing was changed."
                )
            if channel not in (*known, *pingable):
                there = ", ".join(known)
                raise UserError(
                    f"channels: there is no {channel[:20]}; there are {there}, and roles as "
                    "@Role. Nothing was changed."
                )
        return rule

    async def _keep(self, what: str, who: Who, rule: Rule) -> None:
        desk = self._app.desk
        fact = desk.fact(rule_name(rule.rule_id), rule.dumped())
        actor = f"user:{who.user_id}"
        await desk.commit(desk.event(what, rule.rule_id, fact, actor=actor, rule=rule.words))

    # -- looking ----------------------------------------------------------------------------

    async def begin(self) -> None:
        """After a start: ask for the quotes that rules need, deliver what was cut off."""
        for rule in rules(self._app):
            await self._watch(rule)
        since = self._app.clock.now() - _AFRESH
        for document in await self._app.desk.store.find(
            Document, where={"kind": KIND}, since=("filed_at", since)
        ):
            self._deliver_later(told(document))

    async def look(self) -> None:
        """Every rule once.

        Raises:
            StoreUnavailable: the rules that were not told yet are told by a later look.
        """
        async with self._looking:
            now, due = self._app.clock.now(), rules(self._app)
            self._hand_out(due)
            for rule in due:
                said = await self._met(rule)
                fact = self._app.desk.book.facts.get(rule_name(rule.rule_id))
                if fact is None or fact.value != rule.dumped():
                    continue  # changed or removed while others were told
                with suppress(Conflict):  # just now: the next look knows
                    await self._judged(rule, said, now)
                    self._news.pop(rule.rule_id, None)

    def news(self, rule: Rule) -> list[AlertRecord]:
        """Alerts that advanced since this rule was judged last."""
        return self._news.get(rule.rule_id, [])

    def _hand_out(self, due: list[Rule]) -> None:
        """Each rule has its own news: a look that breaks off loses none of another's."""
        heard, self._heard = self._heard, []
        events = [r.rule_id for r in due if kinds()[r.kind].is_event]
        self._news = {i: self._news.get(i, []) + heard for i in events}

    async def _judged(self, rule: Rule, said: str, now: datetime) -> None:
        is_event = kinds()[rule.kind].is_event
        if not said:
            if rule.is_on and not is_event:
                await self._remember(plainly(rule, is_on=False))
            return
        if not is_event and (rule.is_on or _is_recent(rule, now)):
            return
        if rule.snoozed_until is not None and now < rule.snoozed_until:
            return
        await self._fire(rule, said, now)

    async def _met(self, rule: Rule) -> str:
        part, health = f"rule {rule.rule_id}", self._app.desk.health
        try:
            said = await kinds()[rule.kind].met(self._app, rule)
        except Exception as error:  # one rule must not silence the others
            if part not in health:
                log.exception("rule %s failed", rule.rule_id)
            health[part] = f"{rule.words}: {type(error).__name__}"
            return ""
        health.pop(part, None)
        return said

    async def _remember(self, rule: Rule) -> None:
        desk = self._app.desk
        fact = desk.fact(rule_name(rule.rule_id), rule.dumped())
        await desk.commit(desk.event("notify.let_go", rule.rule_id, fact))

    async def _fire(self, rule: Rule, said: str, now: datetime) -> None:
        desk = self._app.desk
        fresh = Told(
            notification_id=self._app.ids.new("M"),
            rule_id=rule.rule_id,
            text=said,
            severity=rule.severity,
            channels=rule.channels,
            at=now,
            user_id=rule.user_id,
            delivered=dict.fromkeys(sorted(in_room(rule.channels)), "sent"),
        )
        fired = plainly(rule, is_on=True, fired_at=now)
        puts = [desk.fact(rule_name(rule.rule_id), fired.dumped()), fresh.document()]
        shown = [self._notice(fresh)] if in_room(rule.channels) else []
        await desk.commit(desk.event("notify.fired", rule.rule_id, *puts, *shown, told=said))
        self._deliver_later(fresh)

    def _notice(self, fresh: Told) -> Notice:
        return Notice(
            notice_id=f"notification:{fresh.notification_id}",
            kind="notification",
            subject_id=fresh.notification_id,
            channel="activity",
            created_at=fresh.at,
        )

    async def _watch(self, rule: Rule) -> None:
        instrument = kinds()[rule.kind].watches(self._app, rule)
        if instrument is not None and self._app.feed is not None:
            await self._app.feed.watch([instrument])

    # -- seen, snoozed ----------------------------------------------------------------------

    async def find(self, notification_id: str) -> Told:
        """One notification.

        Raises:
            UserError: there is none of that id.
        """
        document = await self._app.desk.store.get(Document, notification_id.strip().upper())
        if document is None or document.kind != KIND:
            raise UserError(
                f"There is no notification {notification_id[:20]}. Nothing was changed."
            )
        return told(document)

    async def history(self, limit: int = 15) -> list[Told]:
        """Newest first."""
        found = await self._app.desk.store.find(
            Document, where={"kind": KIND}, newest_first=True, limit=limit
        )
        return [told(d) for d in found]

    async def seen(self, who: Who, notification_id: str) -> str:
        """Somebody has taken note; what to say.

        Raises:
            UserError, StoreUnavailable.
        """
        found = await self.find(notification_id)
        if found.seen_by:
            return f"{found.seen_by} has seen it already."
        await self._change(plainly(found, seen_by=who.name), who, "notify.seen")
        return "Noted."

    async def snooze(self, who: Who, notification_id: str, minutes: int) -> str:
        """Its rule tells nothing for a while; what to say.

        Raises:
            UserError: nothing of that id, or its rule is gone. StoreUnavailable.
        """
        found = await self.find(notification_id)
        fact = self._app.desk.book.facts.get(rule_name(found.rule_id))
        if fact is None or not fact.value:
            raise UserError("Its rule was removed. Nothing was changed.")
        until = self._app.clock.now() + timedelta(minutes=minutes)
        desk = self._app.desk
        rule = plainly(loaded(fact.value), snoozed_until=until, is_on=False)
        put = desk.fact(rule_name(rule.rule_id), rule.dumped())
        actor = f"user:{who.user_id}"
        await desk.commit(
            desk.event("notify.snoozed", rule.rule_id, put, actor=actor, minutes=minutes)
        )
        return f"{rule.words}: quiet for {text.span(timedelta(minutes=minutes))}."

    async def _change(self, fresh: Told, who: Who | None, what: str) -> None:
        desk = self._app.desk
        old = await desk.store.get(Document, fresh.notification_id)
        if old is None:
            return
        puts: list[Any] = [changed(old, body=fresh.body())]
        notice = desk.book.notices.get(f"notification:{fresh.notification_id}")
        if notice is not None and who is not None:
            puts.append(changed(notice))
        actor = f"user:{who.user_id}" if who is not None else "desk"
        await desk.commit(desk.event(what, fresh.rule_id, *puts, actor=actor))

    # -- delivery ---------------------------------------------------------------------------

    def _deliver_later(self, fresh: Told) -> None:
        todo = [c for c in fresh.channels if c not in fresh.delivered]
        if todo:
            self._app.desk.spawn(self._deliver(fresh, todo), f"deliver {fresh.notification_id}")

    async def _deliver(self, fresh: Told, todo: list[str]) -> None:
        ends = await asyncio.gather(*(self._tried(self._send(fresh, c)) for c in todo))
        delivered = {**fresh.delivered, **dict(zip(todo, ends, strict=True))}
        failed = {c: e for c, e in zip(todo, ends, strict=True) if e.startswith("failed")}
        await self._change(plainly(fresh, delivered=delivered), None, "notify.delivered")
        if failed:
            desk = self._app.desk
            why = "; ".join(f"{c} {e}" for c, e in failed.items())
            note = desk.note("admin", f"⚠ “{fresh.text[:100]}” was not delivered: {why}.")
            await desk.commit(desk.event("notify.undelivered", fresh.rule_id, note))

    async def _tried(self, sending: Sending) -> str:
        """Three tries; what became of it."""
        why = ""
        for pause in (0.0, *_PAUSES_S):
            if pause:
                await self._app.clock.sleep(pause)
            try:
                return await sending.once()
            except (*reply.UNWELL, TradeStreamError) as error:
                why = str(error) or type(error).__name__
        return f"failed ({why[:80]})"

    def _send(self, fresh: Told, channel: str) -> Sending:
        return Sending(self._app, fresh, channel)

    async def test(self, channel: str) -> str:
        """Send one word there; what became of it.

        Raises:
            UserError: there is no such channel.
        """
        if channel not in self.channels() or channel in ("discord", "dm"):
            outside = ", ".join(self.channels()[2:]) or "none is configured"
            raise UserError(
                f"channel: must be one of TS_NOTIFY_<NAME>: {outside}. Nothing was sent."
            )
        try:
            await self.outside(channel, "A test of TradeStream's notifications")
        except (OSError, TradeStreamError) as error:
            return f"✗ {channel}: {error}"
        return f"✓ {channel}: sent"

    async def outside(self, channel: str, words: str) -> None:
        """Through the address that a secret holds.

        Raises:
            OSError: it was not taken. UserError: not allowed in a test.
        """
        secret = self._app.config.secrets.notify.get(channel)
        if secret is None:
            raise OSError(f"TS_NOTIFY_{channel.upper()} is not set")
        url = secret.get_secret_value()
        if self._app.config.test_mode and not is_loopback(url):
            raise UserError("test_mode: nothing goes to an outside address")
        await send_outside(url, words)


def _is_recent(rule: Rule, now: datetime) -> bool:
    return rule.fired_at is not None and now - rule.fired_at < DEDUPE
