"""Settings that admins change while the desk runs: versions in the books, applied at once.

config.yaml stays what it is; the changes are a layer above it, judged by the same models, kept as
numbered documents and laid over the file again at every start.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot import config as configuration
from bot import connect, reconnect
from bot.config import adapters
from bot.settings import paths
from bot.settings.agreement import Agreement, must_be_admin
from bot.settings.versions import KIND, Step, Version, checksum, document_of, id_of, version_of
from engine.domain.desk import Document, Fact, Who
from engine.domain.errors import ConfigError, UserError

if TYPE_CHECKING:
    from bot.app import App
    from bot.config import AppConfig

_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_FACT, _NAMED = "settings", "settings.saved"


class Settings:
    """What admins have changed, and the one way to change it."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._base = app.config
        self.current: Mapping[str, Any] = {}
        """Path -> value, as of the newest version."""
        self.number = 0
        self.agreement = Agreement(app)

    # -- reading ----------------------------------------------------------------------------

    def values(self, under: str = "") -> dict[str, str]:
        """Path -> value in words, of everything at or below a path."""
        flat = paths.flat(self._app.config)
        return {p: paths.shown(v) for p, v in flat.items() if paths.is_below(p, under)}

    def source(self, path: str) -> str:
        """Where a value comes from: a version of ours, the environment, the file, or nowhere."""
        if any(paths.is_below(path, p) for p in self.current):
            return f"settings version {self.number}"
        for layer in self._base.layers[1:]:
            if paths.holds(layer.values, path):
                if layer.is_environment:
                    return "environment"
                return layer.prefix.rstrip(".") or "config.yaml"
        return "default"

    def known(self) -> list[str]:
        """Every path that can be changed, in order."""
        return sorted(p for p in paths.flat(self._app.config) if not self._refusal(p))

    async def version(self, number: int) -> Version:
        """One version.

        Raises:
            UserError: there is none of that number.
        """
        if number == 0:
            return Version(
                number=0,
                changes={},
                steps=(),
                by=0,
                name="config.yaml",
                why="as the file has it",
                at=self._app.started_at,
                checksum=checksum({}),
            )
        document = await self._app.desk.store.get(Document, id_of(number))
        if document is None:
            raise UserError(f"There is no version {number}. The newest is {self.number}.")
        return version_of(document)

    async def history(self, limit: int = 20) -> list[Version]:
        """Newest first."""
        found = await self._app.desk.store.find(
            Document, where={"kind": KIND}, newest_first=True, limit=limit
        )
        return [version_of(d) for d in found]

    # -- changing ---------------------------------------------------------------------------

    def steps(self, changes: Mapping[str, Any]) -> list[Step]:
        """What would change, judged; nothing is done.

        Args:
            changes: Path -> value of this step.

        Raises:
            UserError: a key that is not there or is the file's alone, a value that does not fit.
        """
        return self._steps_to({**self.current, **changes}, changes)

    async def apply(
        self, who: Who, changes: Mapping[str, Any], why: str, agreed: Sequence[Step] = ()
    ) -> Version:
        """Lay this step over what was changed before, for good; in force when it returns.

        Args:
            who: An admin.
            changes: Path -> value of this step.
            why: In his words.
            agreed: What he was shown and, where it loosens, a second admin let pass; empty: he
                was shown nothing, so nothing may loosen.

        Raises:
            NotAllowed: not an admin. UserError: as :meth:`steps`; or it would change something
                else than was agreed to. StoreUnavailable.
        """
        return await self._become(who, None, why, changes, agreed)

    async def roll_back(
        self, who: Who, number: int, why: str, agreed: Sequence[Step] = ()
    ) -> Version:
        """Everything as it was in an earlier version (0: as the file has it); a new version.

        Raises:
            NotAllowed, UserError, StoreUnavailable.
        """
        earlier = await self.version(number)
        return await self._become(who, earlier.changes, why or f"as version {number}", {}, agreed)

    def steps_back(self, earlier: Version) -> list[Step]:
        """What going back would change."""
        return self._steps_to(earlier.changes, {})

    async def replace(
        self, who: Who, changes: Mapping[str, Any], why: str, agreed: Sequence[Step] = ()
    ) -> Version:
        """Exactly these changes and no others: a file or a saved set.

        Raises:
            NotAllowed, UserError, StoreUnavailable.
        """
        return await self._become(who, changes, why, changes, agreed)

    def steps_to(self, changes: Mapping[str, Any]) -> list[Step]:
        """What exactly these changes and no others would change."""
        return self._steps_to(changes, changes)

    async def save_as(self, who: Who, name: str) -> None:
        """Keep what is in force under a name.

        Raises:
            NotAllowed, UserError, StoreUnavailable.
        """
        must_be_admin(who)
        if not _NAME.fullmatch(name):
            raise UserError("name: must be letters, digits, - or _. Nothing was saved.")
        desk, key = self._app.desk, f"{_NAMED}:{name}"
        known = await desk.store.get(Document, key)
        document = Document(
            version=known.version + 1 if known else 1,
            document_id=key,
            kind=_NAMED,
            subject=name,
            user_id=who.user_id,
            filed_at=desk.clock.now(),
            body=json.dumps(paths.plain(self.current)),
        )
        actor = f"user:{who.user_id}"
        await desk.commit(desk.event("settings.saved", "settings", document, actor=actor))

    async def saved(self, name: str) -> Mapping[str, Any]:
        """What was kept under a name.

        Raises:
            UserError: nothing; names what there is.
        """
        store = self._app.desk.store
        document = await store.get(Document, f"{_NAMED}:{name}")
        if document is None:
            there = await store.find(Document, where={"kind": _NAMED})
            known = ", ".join(sorted(d.subject for d in there)) or "none"
            raise UserError(
                f"No settings are saved as “{name}”. Nothing was changed. Saved: {known}."
            )
        found: dict[str, Any] = json.loads(document.body)
        return found

    async def agreed(self, who: Who, changes: Mapping[str, Any], why: str) -> tuple[Step, ...]:
        """What these changes would do, once he may make them; for those who ask no question.

        Raises:
            UserError: a second admin is asked; nothing was changed yet. NotAllowed.
        """
        steps = self.steps(changes)
        if self._app.config.discord.is_set_up:
            instead = await self.agreement.second(who, steps, why)
            if instead:
                raise UserError(instead)
        return tuple(steps)

    # -- the start --------------------------------------------------------------------------

    async def restore(self) -> None:
        """Lay the newest version over the file; call it once the store is open, before anything.

        A change that no longer fits the file is left out and the desk is halted until an admin
        has looked: a limit must not be lost in silence.
        """
        store = self._app.desk.store
        fact = await store.get(Fact, _FACT)
        if fact is None:
            return
        document = await store.get(Document, id_of(int(fact.value)))
        if document is None:
            raise ConfigError(f"settings: version {fact.value} is missing in the books")
        self.number = int(fact.value)
        kept = dict(version_of(document).changes)
        lost = []
        while True:
            try:
                fitting = configuration.with_changes(self._base, paths.nested(kept))
                break
            except ConfigError as error:
                wrong = [p for p in kept if paths.is_blamed(p, str(error))] or list(kept)
                lost += [f"{p} ({str(error).splitlines()[0]})" for p in wrong]
                kept = {p: v for p, v in kept.items() if p not in wrong}
        self.current = kept
        for name in self._other_terms(fitting):  # not connected yet
            self._app.use_broker(name, connect.broker(fitting, name, self._app.clock))
        self._app.use_config(fitting)
        if lost:
            said = f"settings that no longer fit config.yaml: {'; '.join(lost)}"
            self._app.desk.is_halting = said[:400]  # stored by the next sweep

    # -- inside -----------------------------------------------------------------------------

    def _refusal(self, path: str) -> str:
        section, name, key = [*path.split(".", 2), "", ""][:3]
        terms = self._app.config.brokers.get(name) if section == "brokers" else None
        is_offered = terms is not None and key in adapters.offered(terms)
        return "" if is_offered else paths.refusal(path)

    def _other_terms(self, fresh: "AppConfig") -> list[str]:
        """Outside brokers whose connection goes by other terms under this configuration."""
        was, will = self._app.config.brokers, fresh.brokers
        in_use = self._app.desk.brokers
        return [n for n in in_use if n != adapters.PAPER and was.get(n) != will.get(n)]

    def _steps_to(self, state: Mapping[str, Any], named: Mapping[str, Any]) -> list[Step]:
        for path in named:
            why = self._refusal(path)
            if why:
                raise UserError(f"{path}: {why}. Nothing was changed.")
        fresh = self._checked(state)
        was, will = paths.flat(self._app.config), paths.flat(fresh)
        for path in named:
            if not any(paths.is_below(p, path) for p in (*was, *will)):
                raise UserError(f"{path}: unknown key. Nothing was changed.")
            paths.check_figures(path, named[path], paths.at(fresh, path))
        return [
            Step(
                path=path,
                old=paths.shown(was[path]) if path in was else "not set",
                new=paths.shown(will[path]) if path in will else "gone",
                is_loosening=paths.is_loosening(path, was.get(path), will.get(path)),
            )
            for path in sorted({*was, *will})
            if was.get(path) != will.get(path) or (path in was) != (path in will)
        ]

    def _checked(self, state: Mapping[str, Any]) -> "AppConfig":
        try:
            return configuration.with_changes(self._base, paths.nested(state))
        except ConfigError as error:
            raise UserError(f"{error}. Nothing was changed.") from None

    async def _become(
        self,
        who: Who,
        state: Mapping[str, Any] | None,
        why: str,
        named: Mapping[str, Any],
        agreed: Sequence[Step],
    ) -> Version:
        """``state``: all that differs from the file afterwards; None: what is named, over now."""
        must_be_admin(who)
        app, desk = self._app, self._app.desk
        wanted = {**self.current, **named} if state is None else state
        self._steps_to(wanted, named)  # nobody is asked at terms that may not be
        trial = self._checked(wanted)
        for name in self._other_terms(trial):
            await reconnect.tried(app, trial, name)
        async with AsyncExitStack() as held:
            # No decision of any account sees half of it.
            for name in ("settings", *sorted(desk.settings.accounts)):
                await held.enter_async_context(desk.lock(name))
            if state is None:
                state = {**self.current, **named}
            steps = self._steps_to(state, named)
            if not steps:
                raise UserError("It is so already. Nothing was changed.")
            self.agreement.check(steps, agreed)
            fresh = self._checked(state)
            version = Version(
                number=self.number + 1,
                changes=paths.plain(state),
                steps=tuple(steps),
                by=who.user_id,
                name=who.name,
                why=why,
                at=desk.clock.now(),
                checksum=checksum(state),
            )
            said = "; ".join(f"{s.path}: {s.old} → {s.new}" for s in steps[:8])
            await desk.commit(
                desk.event(
                    "settings.changed",
                    "settings",
                    document_of(version),
                    desk.fact(_FACT, str(version.number)),
                    desk.note(
                        "admin", f"⚙ Settings version {version.number} by {who.name}: {said}"
                    ),
                    actor=f"user:{who.user_id}",
                    version=version.number,
                    why=why,
                    changed=said[:500],
                )
            )
            self.number, self.current = version.number, dict(state)
            others = self._other_terms(fresh)
            app.use_config(fresh)
        then = [await reconnect.renewed(app, fresh, name, who) for name in others]
        return replace(version, then=" ".join(then))
