"""The one writer: a thread that takes waiting commits together and makes them durable at once.

Callers hand over work that is already encoded and wait for a future. Whatever waits when the
thread is free goes into one transaction with one fsync (group commit). A commit that conflicts
does not harm the others: the transaction is done again, each caller behind a savepoint.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from engine.clock import Clock
from engine.domain.errors import Conflict, StoreUnavailable
from storage.chain import GENESIS, Head, Sealer
from storage.codec import Put
from storage.columns import Statements
from storage.database import Database, Mark, Step
from storage.job import Job, deliver
from storage.plan import Plan, conflict

MAX_BATCH = 256
"""Callers per transaction: bounds how long the first of them waits for the last."""
IDLE_S = 0.01
"""Quiet for so long, the writer has time for the log. A commit that meets the folding waits for it:
what follows at once, a story's next commit or the next alert, comes within this; a broker answers
later, when the folding is done."""
PROBE_S = 1.0
"""How often a database that refused to write is tried again while nobody commits."""

PROBE_KEY = ""
"""Entry of the paper book that a probe writes; never part of the book."""
PROBE_BYTES = 1 << 16

Done = Callable[[Sequence[Put] | None], None]
"""Hears what was committed; None: the journal grew without us knowing by what."""


class OutcomeUnknown(StoreUnavailable):
    """The connection died during COMMIT and the answer could not be had in time.

    Nothing may be sent on the strength of it. It was either written whole or not at all; the
    next successful commit or restart shows which.
    """


class Writer:
    """Owns the write connection, the end of the chain and the thread that uses them."""

    def __init__(
        self, database: Database, sealer: Sealer, clock: Clock, on_commit: Done | None = None
    ) -> None:
        self._db = database
        self._gone: tuple[type[Exception], ...] = (StoreUnavailable, *database.failures)
        self._sealer = sealer
        self._clock = clock
        self._on_commit = on_commit
        self._sql = Statements(database.dialect)
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._opened: Future[None] = Future()
        self._is_running = False
        self._mac = GENESIS
        self.seq = 0
        self.trouble = ""
        """Why the last attempt to write failed; empty once writing works."""
        self.last_commit_at: datetime | None = None

    # --- for the event loop

    async def open(self) -> None:
        """Start the thread and let it prepare the database.

        Raises:
            StoreUnavailable: see :meth:`engine.store.Store.open`.
        """
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(self._opened)
        except BaseException:
            await self.close()
            raise
        self._is_running = True

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._is_running = False
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(thread.join)

    async def write(self, job: Job) -> int:
        """Hand over and wait until it is durable; last place in the journal.

        Raises:
            Conflict, StoreUnavailable.
        """
        if not self._is_running:
            raise StoreUnavailable("the store is not open")
        self._queue.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            await job.settled()
            raise

    @property
    def n_waiting(self) -> int:
        """Callers in the queue."""
        return self._queue.qsize()

    # --- the thread

    def _run(self) -> None:
        try:
            self._db.prepare()
            self._read_head(is_first=True)
        except BaseException as error:  # noqa: BLE001 - the opener gets it
            self._db.close()
            self._opened.set_exception(_as_unavailable(error))
            return
        self._opened.set_result(None)
        is_over = False
        while not is_over:
            jobs, is_over = self._take()
            if jobs:
                self._serve(jobs)
                deliver(jobs)
                self._db.tidy(is_idle=False)
            elif not is_over and self.trouble:
                self._probe()
            elif not is_over:
                self._db.tidy(is_idle=True)
        self._db.close()

    def _take(self) -> tuple[list[Job], bool]:
        """Whatever waits; empty when it is time for a probe or for tidying up."""
        jobs: list[Job] = []
        wait_s = PROBE_S if self.trouble else IDLE_S if self._db.is_untidy() else None
        try:
            job = self._queue.get(timeout=wait_s)
            while job is not None:
                jobs.append(job)
                if len(jobs) == MAX_BATCH:
                    return jobs, False
                job = self._queue.get_nowait()
        except queue.Empty:
            return jobs, False
        return jobs, True

    def _probe(self) -> None:
        """Write some space full and free it again, so that health recovers by itself."""
        with contextlib.suppress(*self._gone):
            self._ready()
            for step in (
                Step(self._sql.paper_put, [(PROBE_KEY, "." * PROBE_BYTES)], None),
                Step(self._sql.paper_delete, [(PROBE_KEY,)], None),
            ):
                self._db.begin()
                self._db.run([step])
                self._db.commit()
            self.trouble = ""
        self._db.rollback()

    def _serve(self, jobs: list[Job]) -> None:
        """Make them durable, or give each its error; never leaves anybody waiting."""
        try:
            if not self._attempt(jobs):
                self._attempt(jobs, is_last=True)
        except StoreUnavailable as error:
            self._failed(jobs, error)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not leave callers hanging
            self._failed(jobs, StoreUnavailable(f"not stored: {error!r}"))

    def _attempt(self, jobs: list[Job], *, is_last: bool = False) -> bool:
        """One transaction; False when the connection was lost before COMMIT was sent.

        Raises:
            StoreUnavailable: nothing was written, or (OutcomeUnknown) nobody can tell.
        """
        try:
            self._ready()
            plan = self._transaction(jobs)
            if plan is None:
                return True
        except self._db.failures as error:
            self._db.rollback()
            if is_last or self._db.is_connected:
                raise _as_unavailable(error) from error
            return False
        try:
            self._db.commit()
        except self._db.failures as error:
            was_lost = not self._db.is_connected
            if not self._is_there(plan):
                if was_lost and not is_last:
                    return False
                raise _as_unavailable(error) from error
        self._committed(plan)
        return True

    def _ready(self) -> None:
        if not self._db.is_connected:
            self._db.connect(is_patient=not self.trouble)
            self._read_head()

    def _transaction(self, jobs: list[Job]) -> Plan | None:
        """Everything but COMMIT; None when nothing is left to commit.

        Jobs that conflict have got their error; the others are in the plan.
        """
        self._db.begin()
        plan = Plan(self._sealer, self.seq, self._mac)
        try:
            for job in jobs:
                job.error = None
                job.seq = plan.add(job.entries)
            self._apply(plan, [put for job in jobs for put in job.paper])
        except Conflict as error:
            self._db.rollback()
            if len(jobs) == 1:
                jobs[0].error = error
                return None
            self._db.begin()
            return self._one_by_one(jobs)
        return plan

    def _one_by_one(self, jobs: list[Job]) -> Plan:
        """The same with a savepoint for each, once it is known that somebody conflicts."""
        whole = Plan(self._sealer, self.seq, self._mac)
        for job in jobs:
            self._db.savepoint()
            mine = Plan(self._sealer, whole.seq, whole.mac)
            try:
                job.seq = mine.add(job.entries)
                self._apply(mine, job.paper)
            except Conflict as error:
                self._db.undo_to_savepoint()
                job.error = error
                continue
            job.error = None
            whole.take(mine)
        return whole

    def _apply(self, plan: Plan, paper: Sequence[tuple[str, str | None]]) -> None:
        """Send the plan's rows; one statement per table.

        Raises:
            Conflict: a record is not at the version that the plan replaces.
        """
        steps = self._record_steps(plan)
        if plan.rows:
            steps.append(Step(self._sql.append, plan.rows, None))
            steps.append(self._head_step(plan.seq, plan.mac, plan.seq - len(plan.rows)))
        steps += self._paper_steps(paper)
        touched = self._db.run(steps)
        for step, n_rows in zip(steps, touched, strict=True):
            if step.expected is not None and n_rows != step.expected:
                if step.sql is self._sql.head:
                    raise StoreUnavailable("somebody else wrote to the journal: stop them first")
                raise self._who_conflicts(plan)

    def _record_steps(self, plan: Plan) -> list[Step]:
        new: dict[str, list[tuple[Any, ...]]] = {}
        changed: dict[str, list[tuple[Any, ...]]] = {}
        for (table, key), (prior, put, seq, born) in plan.changes.items():
            if prior == 0:
                row = (born, key, put.version, seq, *put.cells, put.doc)
                new.setdefault(table, []).append(row)
            else:
                row = (put.version, seq, *put.cells, put.doc, key, prior)
                changed.setdefault(table, []).append(row)
        steps = [Step(self._sql.add(table), rows, len(rows)) for table, rows in new.items()]
        steps += [Step(self._sql.change(table), rows, len(rows)) for table, rows in changed.items()]
        return steps

    def _head_step(self, seq: int, mac: str, before: int | None = None) -> Step:
        head = self._sealer.head(seq, mac)
        return Step(self._sql.head, [(*head, 1, seq if before is None else before)], 1)

    def _paper_steps(self, paper: Sequence[tuple[str, str | None]]) -> list[Step]:
        book = dict(paper)
        puts = [(key, body) for key, body in book.items() if body is not None]
        gone = [(key,) for key, body in book.items() if body is None]
        steps = [Step(self._sql.paper_put, puts, None)] if puts else []
        if gone:
            steps.append(Step(self._sql.paper_delete, gone, None))
        return steps

    def _who_conflicts(self, plan: Plan) -> Conflict:
        """Name the record; asked within the transaction, in which the others are changed."""
        for (table, key), change in plan.changes.items():
            found = self._db.query(self._sql.version_of(table), (key,))
            version, seq = found[0] if found else (0, 0)
            if (version, seq) != (change.put.version, change.seq):
                return conflict(table, key, wanted=change.prior + 1, stored=version)
        return Conflict("a record changed meanwhile")

    # --- outcomes

    def _committed(self, plan: Plan) -> None:
        self.seq, self._mac = plan.seq, plan.mac
        if plan.rows:
            self.last_commit_at = self._clock.now()
        self._db.acknowledged(Mark(plan.seq, plan.mac), len(plan.rows) + len(plan.changes))
        self.trouble = ""
        if self._on_commit is not None:
            self._on_commit([change.put for change in plan.changes.values()])

    def _failed(self, jobs: list[Job], error: StoreUnavailable) -> None:
        self.trouble = str(error)
        with contextlib.suppress(*self._db.failures):
            self._db.rollback()
        for job in jobs:
            job.error = error

    def _is_there(self, plan: Plan) -> bool:
        """After a COMMIT without an answer: look for our own row, never send it again on a guess.

        Work that has no row is the paper book's: doing it twice is doing it once.

        Raises:
            OutcomeUnknown: the database cannot be asked.
        """
        try:
            self._db.rollback()
            if not self._db.is_connected:
                self._db.connect()
            found = self._db.query(self._sql.read_mac, (plan.seq,))
        except self._gone as error:
            raise OutcomeUnknown(f"the database went away during a commit: {error}") from error
        return bool(plan.rows) and found == [(plan.mac,)]

    def _read_head(self, *, is_first: bool = False) -> None:
        """Learn where the journal ends, and that it ends where it was left.

        Raises:
            StoreUnavailable: the end is not the one that we sealed.
        """
        rows = self._db.query(self._sql.read_head)
        if not rows and is_first:
            rows = [self._start_journal()]
        if not rows:
            raise StoreUnavailable(
                "the journal's sealed head is gone: run tradestream audit verify"
            )
        head = Head(int(rows[0][0]), *map(str, rows[0][1:]))
        last = self._db.query(self._sql.read_mac, (head.seq,))
        is_whole = last == [(head.mac,)] if head.seq else head.mac == GENESIS
        if not is_whole or not self._sealer.is_ours(head):
            raise StoreUnavailable(
                "the journal does not end where it was sealed (edited, cut, or sealed with another "
                "audit key): run tradestream audit verify"
            )
        self._check_mark(head)
        if self._on_commit is not None and self.seq != head.seq:
            self._on_commit(None)
        self.seq, self._mac = head.seq, head.mac

    def _start_journal(self) -> Head:
        """Seal the empty journal of a new database."""
        if self._db.query(self._sql.read_mac, (1,)):
            raise StoreUnavailable(
                "the journal's sealed head is gone: run tradestream audit verify"
            )
        head = self._sealer.head(0, GENESIS)
        self._db.begin()
        self._db.run([Step(self._sql.first_head, [(1, *head)], 1)])
        self._db.commit()
        return head

    def _check_mark(self, head: Head) -> None:
        mark = self._db.last_mark()
        if mark is None or mark.seq == 0:
            return
        found = self._db.query(self._sql.read_mac, (mark.seq,))
        if head.seq < mark.seq or not found or found[0][0] != mark.mac:
            raise StoreUnavailable(
                f"the database ends at event {head.seq}, but event {mark.seq} was acknowledged: it "
                "was cut or replaced by an older copy. Restore a backup (tradestream db restore)"
            )


def _as_unavailable(error: BaseException) -> StoreUnavailable:
    if isinstance(error, StoreUnavailable):
        return error
    made = StoreUnavailable(f"not stored: {error}")
    made.__cause__ = error
    return made
