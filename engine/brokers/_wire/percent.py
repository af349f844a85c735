"""Percent-encoding as signatures want it: RFC 3986, of the text's UTF-8."""

import string

_PLAIN = frozenset(f"{string.ascii_letters}{string.digits}-._~".encode())
_WRITTEN = [chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in range(256)]


def percent(text: str) -> str:
    """Letters, digits and ``-._~`` as they are, each other byte as ``%XX``."""
    return text.encode().decode("latin-1").translate(_WRITTEN)
