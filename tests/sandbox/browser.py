"""A tiny driver for headless Chromium over the DevTools protocol: no Selenium, no downloads."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

_PHONE = 600
"""Narrower than this, the screen is a phone's."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.errors: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            data = await asyncio.wait_for(self._socket.receive_json(), 20)
            if data.get("id") == self._last:
                if "error" in data:
                    raise RuntimeError(f"{method}: {data['error']}")
                result: dict[str, Any] = data["result"]
                return result
            self._note(data)

    def _note(self, data: dict[str, Any]) -> None:
        if data.get("method") == "Runtime.exceptionThrown":
            details = data["params"]["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif data.get("method") == "Log.entryAdded" and data["params"]["entry"]["level"] == "error":
            entry = data["params"]["entry"]
            self.errors.append(f"{entry['text']} {entry.get('url', '')}")

    async def open(self, url: str) -> None:
        await self.call("Page.enable")
        await self.call("Runtime.enable")
        await self.call("Log.enable")
        await self.call("Page.navigate", url=url)

    async def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=mobile,
        )  # fmt: skip

    async def js(self, code: str) -> Any:
        answer = await self.call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"])[:600])
        return answer["result"].get("value")

    async def until(self, code: str, timeout_s: float = 30.0) -> Any:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while loop.time() < deadline:
            value = await self.js(f"(v => v instanceof Node ? true : v)({code})")
            if value:
                return value
            await asyncio.sleep(0.03)
        raise TimeoutError(code)

    async def click(self, selector: str) -> None:
        """Click the middle of an element with the real mouse, once it stands still and on top."""
        look = (
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return 0;"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const r = e.getBoundingClientRect();"
            " const x = r.x + r.width / 2, y = r.y + r.height / 2;"
            " const top = document.elementFromPoint(x, y);"
            " return top && (e === top || e.contains(top)) && !e.disabled ? [x, y] : 0; })()"
        )
        box, before = await self.until(look), None
        while box != before:
            await asyncio.sleep(0.05)
            box, before = await self.until(look), box
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent",
                type=kind, x=box[0], y=box[1], button="left", clickCount=1,
            )  # fmt: skip

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        codes = {"Enter": 13, "ArrowDown": 40, "Escape": 27, "Tab": 9}
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key],
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )  # fmt: skip

    async def shot(self) -> bytes:
        answer = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])


@contextlib.asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Page]:
    """Run a headless Chromium with one tab."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        port = await _port(profile)
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/json") as answer:
                tabs = await answer.json()
            address = next(t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page")
            async with client.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                yield page
                await page.call("Browser.close")
    finally:
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _port(profile: Path) -> int:
    for _ in range(600):
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int((profile / "DevToolsActivePort").read_text().split()[0])
        await asyncio.sleep(0.05)
    raise TimeoutError("chromium did not start")


async def photographs(page: Page, url: str, ids: Sequence[int], width: int) -> list[bytes]:
    """PNG of each of these messages, as a screen of that width shows the channel at ``url``."""
    wanted = json.dumps([str(i) for i in ids])
    found = f'{wanted}.map(i => document.querySelector(`article[data-id="${{i}}"]`))'
    await page.size(width, 1000, mobile=width < _PHONE)
    await page.open(url)
    await page.until(f"{found}.every(Boolean)", 20)
    tall = await page.js(
        "(() => { const log = document.getElementById('log');"
        " return innerHeight - log.clientHeight + log.scrollHeight; })()"
    )
    await page.size(width, tall, mobile=width < _PHONE)
    await page.until("[...document.images].every(i => i.complete)", 20)
    boxes = await page.js(
        f"{found}.map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])"
    )
    whole = Image.open(io.BytesIO(await page.shot()))
    return [_png(whole.crop((x, y - 4, x1, y1 + 4))) for x, y, x1, y1 in boxes]


def _png(image: Image.Image) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()
