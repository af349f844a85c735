"""The kinds of values that sections are made of."""

from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_address
from types import MappingProxyType
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from bot.config.plugins import check_plain_numbers


def _whole(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError("must be a whole number")
    return value


Snowflake = Annotated[int, BeforeValidator(_whole), Field(gt=0, lt=2**63)]
"""A Discord id. Never read from a float, which would round it to somebody else's."""
Count = Annotated[int, Field(ge=0)]
Usd = Annotated[Decimal, Field(ge=0)]
Pct = Annotated[Decimal, Field(ge=0, le=100)]
Ratio = Annotated[Decimal, Field(ge=0, le=1)]
Positive = Annotated[Decimal, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""A key that people choose; lower case, so that an environment variable can name it too."""

Symbol = Annotated[str, StringConstraints(pattern=r"^/?[A-Z0-9]{1,6}([./-][A-Z]{1,4})?$")]
"""``SPY``, ``BRK.B``, ``BTC/USD``, ``/MES``."""

V = TypeVar("V")
NamedMap = Annotated[Mapping[Name, V], AfterValidator(lambda read: MappingProxyType(dict(read)))]
"""A read-only mapping from chosen names."""


class Section(BaseModel):
    """Base of every section: read-only, unknown keys refused, no ``true`` where a number stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: Any) -> Any:
        check_plain_numbers(cls, values)
        return values


def is_loopback(address: str) -> bool:
    """Whether a URL's host is this machine, by number or as ``localhost``."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
