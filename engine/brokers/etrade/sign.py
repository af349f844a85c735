"""OAuth 1 (RFC 5849) as far as E*TRADE asks for it: HMAC-SHA1, in a header."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from engine.brokers._wire.percent import percent

_USUAL_PORTS = {"http": ":80", "https": ":443"}


def authorization(
    method: str, url: str, said: Mapping[str, str], secret: str, token_secret: str = ""
) -> str:
    """The ``Authorization`` of one request; ``said``: every ``oauth_`` field but the signature."""
    fields = {**said, "oauth_signature": signature(method, url, said, secret, token_secret)}
    return "OAuth " + ", ".join([f'{name}="{percent(text)}"' for name, text in fields.items()])


def signature(
    method: str, url: str, said: Mapping[str, str], secret: str, token_secret: str = ""
) -> str:
    """Base64 of the keyed hash over method, address, query and ``said`` (RFC 5849, 3.4)."""
    at = urlsplit(url)
    host = at.netloc.lower().removesuffix(_USUAL_PORTS.get(at.scheme, ""))
    pairs = [*said.items(), *parse_qsl(at.query, keep_blank_values=True)]
    written = sorted([(percent(name), percent(text)) for name, text in pairs])
    listed = "&".join([f"{name}={text}" for name, text in written])
    text = "&".join((method, percent(f"{at.scheme}://{host}{at.path or '/'}"), percent(listed)))
    key = f"{percent(secret)}&{percent(token_secret)}"
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), hashlib.sha1)).decode()
