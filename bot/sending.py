"""E-mail, text message, webhook and the like, through the library that knows their addresses."""

import asyncio
import logging

_PATIENCE_S = 20.0


async def send_outside(url: str, words: str) -> None:
    """Send a few words to an address of apprise's form (``mailtos://``, ``json://`` ...).

    In a thread of its own: the library blocks, and importing it takes a second.

    Raises:
        OSError: it was not taken, or took longer than 20 s.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            is_sent = await asyncio.to_thread(_send, url, words)
    except TimeoutError:
        raise OSError("no answer within 20 s") from None
    if not is_sent:
        raise OSError("it was not taken")


def _send(url: str, words: str) -> bool:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses
    sender = apprise.Apprise()
    if not sender.add(url):
        raise OSError("its address cannot be read")
    return bool(sender.notify(body=words, title="TradeStream"))
