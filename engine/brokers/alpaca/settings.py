"""What Alpaca is told once: which side, which addresses, how many requests; and what it can do."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from engine.brokers import Adapter, BrokerCaps, Caps
from engine.brokers._wire.address import Address
from engine.brokers._wire.lanes import Lane, entries_per_min
from engine.domain.order import OrderType, Tif

_PAPER, _LIVE = "paper-api.alpaca.markets", "api.alpaca.markets"
_DATA = "https://data.alpaca.markets"

_DAY = frozenset({Tif.DAY})
_PLAIN = frozenset({OrderType.MARKET, OrderType.LIMIT})
_STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})


class Settings(Adapter.Settings):
    """Terms and addresses of one Alpaca login."""

    rest_url: Address = ""
    """Trading interface, without the version."""
    stream_url: Address = ""
    """Trade updates."""
    quotes_url: Address = ""
    """Market data, for trying the connection out."""
    requests_per_min: int = Field(
        default=190, ge=30, description="Of what Alpaca allows this login: 200 unless it was raised"
    )
    """A little less than Alpaca allows a login: 200, unless it was raised. With less than 30 a
    stop and what must follow it would find no room beside looks and comparisons."""

    @property
    def rest(self) -> str:
        """Where orders go."""
        host = _PAPER if self.environment == "paper" else _LIVE
        return (self.rest_url or f"https://{host}").removesuffix("/v2")

    @property
    def stream(self) -> str:
        """Where trade updates come from; the library wants the whole address."""
        host = _PAPER if self.environment == "paper" else _LIVE
        url = self.stream_url or f"wss://{host}/stream"
        return url if urlsplit(url).path else f"{url}/stream"

    @property
    def quotes(self) -> str:
        """Where a price can be asked."""
        return self.quotes_url or _DATA

    @property
    def lanes(self) -> dict[Lane, tuple[float, float]]:
        """Calls and seconds; one for all, so that no entry takes what its own stop needs."""
        return {"all": (self.requests_per_min, 60)}


def mixed_up(settings: Settings, secrets: Mapping[str, SecretStr]) -> str:
    """How addresses and keys mix paper and live, as far as they tell by themselves."""
    wrong = {"paper": ("AK", _LIVE), "live": ("PK", _PAPER)}[settings.environment]
    key = secrets.get("key")
    if key is not None and key.get_secret_value().startswith(wrong[0]):
        other = "live" if settings.environment == "paper" else "paper"
        return f"key: is one of a {other} account, but environment is {settings.environment}"
    for name in ("rest_url", "stream_url"):
        if urlsplit(getattr(settings, name)).hostname == wrong[1]:
            return f"{name}: leads to {wrong[1]}, but environment is {settings.environment}"
    return ""


def caps_of(settings: Settings) -> BrokerCaps:
    """What can be asked of it."""
    return BrokerCaps(
        by_kind={
            "stock": Caps(
                order_types=frozenset(OrderType),
                tifs=frozenset(Tif),
                has_oco_pairs=True,
                has_brackets=True,
                waits_for_whole=True,
                locks_units=True,
                is_fractional=True,
            ),
            "option": Caps(order_types=_PLAIN | _STOPS, tifs=_DAY, locks_units=True),
            "spread": Caps(order_types=_PLAIN, tifs=_DAY, max_legs=4, locks_units=True),
            "crypto": Caps(
                order_types=_PLAIN | {OrderType.STOP_LIMIT},
                tifs=frozenset({Tif.GTC}),
                locks_units=True,
                is_fractional=True,
            ),
        },
        tells_fees=False,  # a day's sum comes at night, of no order
        is_paper=settings.environment == "paper",
        entries_per_min=entries_per_min(settings.lanes),
    )
