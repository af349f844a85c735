"""Rate-limit buckets: the headers on every answer, and 429 for clients that ignore them."""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from dataclasses import dataclass, field

_EASY = (1000, 1.0)
_REAL: dict[tuple[str, str], tuple[int, float]] = {
    ("POST", "/channels/{channel_id}/messages"): (5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): (5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): (5, 1.0),
    ("PATCH", "/channels/{channel_id}"): (2, 600.0),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me"): (1, 0.25),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}"): (5, 2.0),
}
_OLD_EDITS = (3, 6.0)
_GLOBAL = (50, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Headers for the answer, and how long to wait when the bucket is empty."""

    headers: dict[str, str]
    retry_after_s: float | None = None
    is_global: bool = False


@dataclass(slots=True)
class Limits:
    """Counts requests. `realistic` uses Discord's figures; otherwise buckets are wide."""

    realistic: bool = False
    _hits: dict[str, deque[float]] = field(default_factory=dict)

    def count(self, method: str, template: str, major: str, *, is_exempt: bool) -> Verdict:
        """Count one request against its bucket and, unless exempt, the global one."""
        now = asyncio.get_running_loop().time()
        limit, window = self._size(method, template)
        key = f"{method} {template} {major}"
        hits = self._recent(key, now, window)
        if self.realistic and not is_exempt:
            everyone = self._recent("global", now, _GLOBAL[1])
            if len(everyone) >= _GLOBAL[0]:
                return Verdict(
                    headers={}, retry_after_s=everyone[0] + _GLOBAL[1] - now, is_global=True
                )
            everyone.append(now)
        full = len(hits) >= limit
        if not full:
            hits.append(now)
        reset_after = max(hits[0] + window - now, 0.001)
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - len(hits)),
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": f"{zlib.crc32(f'{method} {template}'.encode()):08x}",
        }
        return Verdict(headers=headers, retry_after_s=reset_after if full else None)

    def old_edit(self, channel: str) -> bool:
        """Count an edit of a message older than an hour; False when there were too many."""
        if not self.realistic:
            return True
        now = asyncio.get_running_loop().time()
        hits = self._recent(f"old {channel}", now, _OLD_EDITS[1])
        if len(hits) >= _OLD_EDITS[0]:
            return False
        hits.append(now)
        return True

    def _size(self, method: str, template: str) -> tuple[int, float]:
        return _REAL.get((method, template), _EASY) if self.realistic else _EASY

    def _recent(self, key: str, now: float, window: float) -> deque[float]:
        hits = self._hits.setdefault(key, deque())
        while hits and hits[0] <= now - window:
            hits.popleft()
        return hits
