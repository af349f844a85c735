"""Webull's OpenAPI, version 3: our own client; every request signed, approved on the phone."""

from engine.brokers.webull.broker import Webull

__all__ = ["Webull"]
