"""What is not known for sure of orders, and since when; a restart asks anew."""

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from engine.asking import answered_within
from engine.brokers import BrokerOrder
from engine.domain.compared import PositionGap
from engine.domain.order import Purpose


@dataclass(slots=True)
class Doubts:
    """One desk's. Times are monotonic seconds; orders and brokers go by their ids and names."""

    absent: dict[str, float] = field(default_factory=dict)
    """Order -> when its broker first said that it has no such order, asked for it or for all."""
    used: set[str] = field(default_factory=set)
    """Orders whose id their broker refused as used: they are there, whatever its lists say."""
    failed: set[str] = field(default_factory=set)
    """Orders whose broker answered that it failed itself."""
    unread: set[str] = field(default_factory=set)
    """Orders whose broker did not answer the last look for them."""
    unclear: dict[str, tuple[BrokerOrder, ...]] = field(default_factory=dict)
    """Order -> the broker's orders that may be it."""
    lacking: dict[str, float] = field(default_factory=dict)
    """What counts only when it lasts (``account|instrument|...``, ``lone trade``) -> since when."""
    agreed: dict[str, Decimal] = field(default_factory=dict)
    """``account|instrument`` -> what the broker's positions last showed as the books have it."""
    fewer: dict[str, tuple[PositionGap, Decimal]] = field(default_factory=dict)
    """``account|instrument`` of which less is held there than booked, for long enough, with what
    exits had sold of it by then."""
    covers: dict[tuple[str, Purpose], tuple[Decimal, frozenset[str]]] = field(default_factory=dict)
    """Trade whose stop or close its broker ended -> units that exits which are none of ours may
    take in its place, and their numbers."""
    resized: dict[str, Decimal] = field(default_factory=dict)
    """Order that works for another quantity than we asked for -> that quantity."""
    cut: set[str] = field(default_factory=set)
    """Stops that work for less than we asked for, and than is held."""
    held: dict[str, frozenset[tuple[str, Decimal]]] = field(default_factory=dict)
    """Account -> instruments of which more is held than booked, or less, at the last look, and how
    many."""
    paid: set[str] = field(default_factory=set)
    """Entries without an answer whose price the market has paid since they left."""
    asked: dict[answered_within, str] = field(default_factory=dict)
    """Questions about orders that wait for their answer -> the broker that they are put to."""
    seen: dict[str, float] = field(default_factory=dict)
    """Entry -> when it was last reported, where nothing is told unasked."""
    looked: dict[str, float] = field(default_factory=dict)
    """Entry -> the first look that has not brought a report of it yet."""
    heard: dict[str, float] = field(default_factory=dict)
    """Order that is being cancelled -> when its broker last answered that, however."""
    blind: dict[str, float] = field(default_factory=dict)
    """Broker whose entries people were called about -> when there was last a cause."""
    shut_out: dict[str, bool] = field(default_factory=dict)
    """Broker that does not know us any more -> whether people were told so of this time."""
    just_shut_out: set[str] = field(default_factory=set)
    """Those of which people have just been told: they hear of its end too, however soon."""
    reached: set[str] = field(default_factory=set)
    """Entries people were called about at a price that the market pays."""
    below: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Account and limit that a leaping price has reached -> since when, and when last."""
    closing: dict[str, str] = field(default_factory=dict)
    """Spread with no whole unit that was to be closed with all else -> why: its legs are meant."""
    unpolled: set[str] = field(default_factory=set)
    """Brokers whose last poll had no turn, or who said what could not be read: looked at sooner,
    and not behind entries."""
    unread_since: dict[str, float] = field(default_factory=dict)
    """Broker -> monotonic time since which no look at its working orders was answered."""

    def settled(self, account: str, differing: Collection[str]) -> None:
        """Of no other holding of the account lacks anything: should it again, it begins anew."""
        for name in list(self.lacking):
            of, _, rest = name.partition("|")
            if of == account and rest.partition("|")[0] not in differing:
                del self.lacking[name]
