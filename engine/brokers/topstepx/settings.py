"""What the TopStepX connection is told once, and which of the login's accounts are ours."""

from decimal import Decimal

from pydantic import Field

from engine.brokers import Adapter, BrokerAccount
from engine.brokers._wire.address import Address
from engine.domain.errors import BrokerAuthError, ConfigError

REST = "https://api.topstepx.com"
USER_HUB = "https://rtc.topstepx.com/hubs/user"
MARKET_HUB = "https://rtc.topstepx.com/hubs/market"


class TopstepSettings(Adapter.Settings):
    """Terms and addresses of ``brokers: {topstepx: ...}``."""

    own_machine: bool = False
    """That this machine stands at the trader's own: the firm forbids servers, VPS and VPN."""
    rest_url: Address = ""
    user_hub_url: Address = ""
    live_data: bool = Field(
        default=False,
        description="Which contract list to ask; true: you pay the firm for live data",
    )
    """Which contract list to ask: true only with the firm's subscription of live data."""
    attended_min: Decimal | None = Field(
        None, gt=0, description="Minutes that /broker attend counts; empty: nobody need be present"
    )
    """Entries only so long after a person confirmed to be there; null: not asked for."""


def check_machine(key: str, *, is_own: bool) -> None:
    """The firm's rule about machines, confirmed by whoever configures this.

    Raises:
        ConfigError: it is not.
    """
    if not is_own:
        raise ConfigError(
            f"{key}.own_machine: must be true: the firm forbids to trade from servers, VPS and "
            "VPN; set it only where this runs on the trader's own machine"
        )


def account_of(
    broker: str, accounts: list[BrokerAccount], name: str, number: str | None
) -> BrokerAccount:
    """The account that one of ours is.

    Raises:
        BrokerAuthError: there is no such account, or more than one that could be meant.
    """
    if number is not None:
        found = [a for a in accounts if a.number == number]
    else:
        found = [a for a in accounts if a.may_trade]
    if len(found) == 1:
        return found[0]
    if number is None and found:
        raise BrokerAuthError(
            f"{broker}: the login reaches {len(found)} accounts; say which is {name} "
            f"(TS_ACCOUNT_{name.upper()})"
        )
    raise BrokerAuthError(f"{broker}: the login does not reach the account of {name}")
