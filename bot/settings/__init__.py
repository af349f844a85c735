"""Settings that admins change while the desk runs: versions in the books, applied at once.

config.yaml stays what it is; the changes are a layer above it, judged by the same models, kept as
numbered documents and laid over the file again at every start.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot import config as configuration
from bot.settings import paths
from engine.domain.desk import Document, Fact, Who
from engine.domain.errors import ConfigError, NotAllowed, UserError

if TYPE_CHECKING:
    from bot.app import App
    from bot.config import AppConfig

log = logging.getLogger(__name__)

SECOND_WITHIN = timedelta(minutes=15)
"""How long the first admin's word waits for the second's."""
_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_FACT, _KIND, _NAMED = "settings", "settings", "settings.saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One key that changes."""

    path: str
    old: str
    new: str
    is_loosening: bool
    """A limit that would let more through: two admins have to say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A loosening that one admin wants and a second has not confirmed yet."""

    steps: tuple[Step, ...]
    user_id: int
    name: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One state of everything that admins have changed."""

    number: int
    changes: Mapping[str, Any]
    """Path -> value of all that differs from the file, not of this step alone."""
    steps: tuple[Step, ...]
    by: int
    name: str
    why: str
    at: datetime
    checksum: str
    """SHA-256 of ``changes``."""


class Settings:
    """What admins have changed, and the one way to change it."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._base = app.config
        self.current: Mapping[str, Any] = {}
        """Path -> value, as of the newest version."""
        self.number = 0
        self._asked: Asked | None = None

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
        return sorted(p for p in paths.flat(self._app.config) if not paths.refusal(p))

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
                checksum=_checksum({}),
            )
        document = await self._app.desk.store.get(Document, _id(number))
        if document is None:
            raise UserError(f"There is no version {number}. The newest is {self.number}.")
        return _version(document)

    async def history(self, limit: int = 20) -> list[Version]:
        """Newest first."""
        found = await self._app.desk.store.find(
            Document, where={"kind": _KIND}, newest_first=True, limit=limit
        )
        return [_version(d) for d in found]

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
            agreed: What he was shown and, where it loosens, :meth:`second` let pass; empty: he
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
        _must_be_admin(who)
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
            instead = await self.second(who, steps, why)
            if instead:
                raise UserError(instead)
        return tuple(steps)

    async def second(self, who: Who, steps: list[Step], why: str) -> str:
        """Whether these steps may be made now: nothing has to be asked, or a second admin agrees.

        Returns:
            Empty when they may; otherwise what was said to whom instead. Forgotten by a restart.

        Raises:
            NotAllowed: not an admin. StoreUnavailable.
        """
        _must_be_admin(who)
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
        document = await store.get(Document, _id(int(fact.value)))
        if document is None:
            raise ConfigError(f"settings: version {fact.value} is missing in the books")
        self.number = int(fact.value)
        kept = dict(_version(document).changes)
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
        self._app.use_config(fitting)
        if lost:
            said = f"settings that no longer fit config.yaml: {'; '.join(lost)}"
            self._app.desk.is_halting = said[:400]  # stored by the next sweep

    # -- inside -----------------------------------------------------------------------------

    def _steps_to(self, state: Mapping[str, Any], named: Mapping[str, Any]) -> list[Step]:
        for path in named:
            why = paths.refusal(path)
            if why:
                raise UserError(f"{path}: {why}. Nothing was changed.")
        fresh = self._checked(state)
        was, will = paths.flat(self._app.config), paths.flat(fresh)
        for path in named:
            if not any(paths.is_below(p, path) for p in (*was, *will)):
                raise UserError(f"{path}: unknown key. Nothing was changed.")
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
        _must_be_admin(who)
        app, desk = self._app, self._app.desk
        async with AsyncExitStack() as held:
            # No decision of any account sees half of it.
            for name in ("settings", *sorted(desk.settings.accounts)):
                await held.enter_async_context(desk.lock(name))
            if state is None:
                state = {**self.current, **named}
            steps = self._steps_to(state, named)
            if not steps:
                raise UserError("It is so already. Nothing was changed.")
            self._check_agreed(steps, agreed)
            fresh = self._checked(state)
            version = Version(
                number=self.number + 1,
                changes=paths.plain(state),
                steps=tuple(steps),
                by=who.user_id,
                name=who.name,
                why=why,
                at=desk.clock.now(),
                checksum=_checksum(state),
            )
            said = "; ".join(f"{s.path}: {s.old} → {s.new}" for s in steps[:8])
            await desk.commit(
                desk.event(
                    "settings.changed",
                    "settings",
                    _document(version),
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
            app.use_config(fresh)
        return version

    def _check_agreed(self, steps: Sequence[Step], agreed: Sequence[Step]) -> None:
        """Raise UserError when this is not what was shown and agreed to.

        Until the desk has an admin there is no second one to ask.
        """
        if agreed and tuple(steps) != tuple(agreed):
            raise UserError("It stands otherwise by now. Nothing was changed; ask again.")
        is_alone = not self._app.config.discord.is_set_up
        loose = next((s for s in steps if s.is_loosening and s not in agreed), None)
        if loose is not None and not is_alone:
            raise UserError(f"{loose.path}: needs a second admin. Nothing was changed.")


def _must_be_admin(who: Who) -> None:
    if not who.may_admin:
        raise NotAllowed("Only an admin may change settings. Nothing was changed.")


def _id(number: int) -> str:
    return f"settings:{number:06}"


def _checksum(changes: Mapping[str, Any]) -> str:
    text = json.dumps(paths.plain(changes), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _document(version: Version) -> Document:
    body = {
        "changes": dict(version.changes),
        "steps": [[s.path, s.old, s.new, s.is_loosening] for s in version.steps],
        "name": version.name,
        "why": version.why,
        "checksum": version.checksum,
    }
    return Document(
        document_id=_id(version.number),
        kind=_KIND,
        subject=str(version.number),
        user_id=version.by,
        filed_at=version.at,
        body=json.dumps(body),
    )


def _version(document: Document) -> Version:
    body = json.loads(document.body)
    return Version(
        number=int(document.subject),
        changes=body["changes"],
        steps=tuple(_steps(body["steps"])),
        by=document.user_id or 0,
        name=body["name"],
        why=body["why"],
        at=document.filed_at,
        checksum=body["checksum"],
    )


def _steps(rows: list[list[Any]]) -> Iterator[Step]:
    for path, old, new, is_loosening in rows:
        yield Step(path=path, old=old, new=new, is_loosening=is_loosening)
