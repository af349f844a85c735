"""The signature that Webull wants with every request: over path, query, headers and exact body."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

from engine.brokers._wire.percent import percent

ALGORITHM, VERSION = "HMAC-SHA256", "1.0"


def signature(
    secret: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
) -> str:
    """Base64 of the keyed hash; ``headers``: those that are signed, ``host`` among them."""
    said = dict(headers)
    for name, value in query.items():
        said[name] = f"{said[name]}&{value}" if name in said else value
    parts = [path, *(f"{name}={said[name]}" for name in sorted(said))]
    if body:
        parts.append(hashlib.sha256(body).hexdigest().upper())
    text = percent("&".join(parts))
    digest = hmac.digest(f"{secret}&".encode(), text.encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def signed_headers(app_key: str, host: str, nonce: str, now: datetime) -> dict[str, str]:
    """What goes into the signature beside path, query and body."""
    return {
        "host": host,
        "x-app-key": app_key,
        "x-signature-algorithm": ALGORITHM,
        "x-signature-nonce": nonce,
        "x-signature-version": VERSION,
        "x-timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
