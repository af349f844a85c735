"""Outside addresses as the configuration gives them: the broker's own, or one that is named."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OPEN, _SEALED = frozenset({"http", "ws"}), frozenset({"https", "wss"})


def is_loopback(url: str) -> bool:
    """Whether it leads to this machine."""
    return urlsplit(url).hostname in LOOPBACK


def _checked(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in _OPEN | _SEALED or not parts.hostname or parts.username:
        raise ValueError("must be an http, https, ws or wss address without a user name")
    if parts.scheme in _OPEN and not is_loopback(url):
        raise ValueError("keys and orders leave this machine by https or wss only")
    return url.rstrip("/")


Address = Annotated[str, AfterValidator(_checked)]
"""Empty for the broker's own; without encryption on this machine only."""
