"""Records of the desk itself: messages taken in, alert cards, approvals, notices, facts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from engine.domain.alert import Parsed, RawAlert
from engine.domain.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake(Record):
    """One delivery of one message (or one edit of it): what came in, and what we made of it."""

    TABLE: ClassVar[str] = "intake"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "source",
        "channel_id",
        "message_id",
        "edit_no",
        "received_at",
    )

    source: str
    """Name of the source profile; empty for a channel that is only mirrored."""
    message: RawAlert
    content_hash: str
    verdict: str
    """One line for the mirror: ``alert``, ``asked``, ``ignored: recap`` ..."""
    alert_id: str = ""

    @property
    def key(self) -> str:
        """Channel, message and edit number."""
        m = self.message
        return f"{m.channel_id}:{m.message_id}:{m.edit_no}"

    @property
    def channel_id(self) -> int:
        """Channel that the message came from."""
        return self.message.channel_id

    @property
    def message_id(self) -> int:
        """Discord's id of the message."""
        return self.message.message_id

    @property
    def edit_no(self) -> int:
        """0 for the original."""
        return self.message.edit_no

    @property
    def received_at(self) -> datetime:
        """When it reached us."""
        return self.message.received_at


class AlertState(StrEnum):
    """How far an alert has come; the card shows it."""

    RECEIVED = "RECEIVED"
    PARSED = "PARSED"
    REJECTED = "REJECTED"
    HELD = "HELD"
    """Waits for a person."""
    RISK_REJECTED = "RISK_REJECTED"
    ROUTED = "ROUTED"
    ORDERED = "ORDERED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    MANAGED = "MANAGED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"
    """Deleted, cancelled or replaced by its author before anything was filled."""
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord(Record):
    """One alert (a message that asks for trades) and how far it has come."""

    TABLE: ClassVar[str] = "alerts"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "source",
        "author_id",
        "symbol",
        "state",
        "message_id",
        "received_at",
    )

    alert_id: str
    source: str
    author_id: int
    author_name: str
    channel_id: int
    message_id: int
    edit_no: int = 0
    text: str
    """Latest text."""
    earlier_texts: tuple[str, ...] = ()
    parsed: Parsed
    symbol: str = ""
    state: AlertState = AlertState.RECEIVED
    reason: str = ""
    """Why it stands where it stands, in one plain sentence."""
    n_judged: int = 0
    """How many of its signals were decided; fewer than it has: interrupted by a crash."""
    by_account: tuple[tuple[str, str], ...] = ()
    """Account and its verdict in one sentence, where the alert went to several."""
    trade_ids: tuple[str, ...] = ()
    approval_ids: tuple[str, ...] = ()
    is_caught_up: bool = False
    posted_at: datetime
    received_at: datetime

    @property
    def key(self) -> str:
        """The alert's id: the correlation id of its whole story."""
        return self.alert_id


class ApprovalState(StrEnum):
    """An approval is used at most once."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One possible answer to a question: a trade that the alert may have meant."""

    trade_id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval(Record):
    """A question to a person: may this be sent, or what was meant? Answered at most once.

    ``kind`` entry: approve or reject ``intent_id``. ``which``: choose one of ``candidates``.
    ``fix``: the alert cannot be read safely; a person writes it anew.
    """

    TABLE: ClassVar[str] = "approvals"
    COLUMNS: ClassVar[tuple[str, ...]] = ("alert_id", "trade_id", "state", "expires_at")

    approval_id: str
    kind: Literal["entry", "which", "fix"]
    alert_id: str
    account: str
    signal_no: int = 0
    """Which signal of the alert it is about."""
    intent_id: str = ""
    order_id: str = ""
    trade_id: str = ""
    question: str
    candidates: tuple[Candidate, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    waits_for_quote: bool = False
    """Only a first quote is missing: when it comes in time and is good, the source's auto rule
    sends the entry without a person."""
    proposer_id: int | None = None
    """Discord user who proposed it by command or modal; None when an alert did."""
    notional_usd: Decimal | None = None
    decided_by: int | None = None
    decided_at: datetime | None = None
    decision: str = ""
    """What was decided, for the card: ``approved half``, ``rejected``, ``expired`` ..."""
    expires_at: datetime
    created_at: datetime

    @property
    def key(self) -> str:
        """The approval's id."""
        return self.approval_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Record):
    """A card that people should see: the outbox. Written with the event that it tells of.

    ``notice_id`` names the card for ever (``alert:<id>``, ``approval:<id>``, ``trade:<id>``,
    ``mirror:<key>``, ``note:<id>``): posted once, then edited in place whenever its version is
    newer than what :class:`Posted` says was shown.
    """

    TABLE: ClassVar[str] = "outbox"
    COLUMNS: ClassVar[tuple[str, ...]] = ("channel", "created_at")

    notice_id: str
    kind: Literal["alert", "approval", "trade", "mirror", "chart", "note", "notification"]
    subject_id: str
    """Id of what it shows; a ``note`` carries its own text instead."""
    channel: str
    """Purpose of the channel: trade_alerts, all_messages, approvals, orders, activity, admin."""
    text: str = ""
    created_at: datetime

    @property
    def key(self) -> str:
        """The card's name."""
        return self.notice_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Record):
    """Where a notice stands in Discord and which version of it people see there."""

    TABLE: ClassVar[str] = "posted"
    COLUMNS: ClassVar[tuple[str, ...]] = ("posted_at",)

    notice_id: str
    channel_id: int
    message_id: int
    shown_version: int
    posted_at: datetime

    @property
    def key(self) -> str:
        """The card's name."""
        return self.notice_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """The person behind a click or command, with what they may do at this very moment."""

    user_id: int
    name: str
    may_trade: bool = False
    may_approve: bool = False
    may_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(Record):
    """One named value of the desk that must survive a restart (halt, watermark, cool-downs)."""

    TABLE: ClassVar[str] = "facts"
    COLUMNS: ClassVar[tuple[str, ...]] = ()

    name: str
    value: str

    @property
    def key(self) -> str:
        """The fact's name."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Record):
    """What the desk keeps for people rather than for trading: a note, an answer, a setting.

    Read from the store when somebody asks; never held in memory.
    """

    TABLE: ClassVar[str] = "documents"
    COLUMNS: ClassVar[tuple[str, ...]] = ("kind", "subject", "user_id", "filed_at")

    document_id: str
    kind: str
    """``journal``, ``answer``, ``recommendation``, ``settings``, ``notification``, ``usage`` ..."""
    subject: str = ""
    """What it is about: a trade's id, a symbol, a rule's id."""
    user_id: int | None = None
    """Discord user it belongs to; None: the desk's own."""
    filed_at: datetime
    body: str
    """JSON of its kind; money and prices as text."""

    @property
    def key(self) -> str:
        """The document's id."""
        return self.document_id
