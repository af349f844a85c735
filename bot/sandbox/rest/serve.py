"""From an HTTP request to a handler and back: faults, token, checks, limits, answer."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from bot.sandbox.checks import Checks
from bot.sandbox.errors import ApiError, Flaw, Problem, invalid_form
from bot.sandbox.faults import Fault
from bot.sandbox.limits import Verdict
from bot.sandbox.message import Upload
from bot.sandbox.rest import Call, Route, find

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox

_log = logging.getLogger(__name__)
_MAX_FILE = 10 * 1024 * 1024
_MAX_REQUEST = 25 * 1024 * 1024
_NO_GLOBAL_LIMIT = ("/interactions/", "/webhooks/")


@dataclass(frozen=True, slots=True)
class Record:
    """One request that the bot made, with the status it got (0: connection cut)."""

    method: str
    path: str
    status: int
    body: Any


class Rest:
    """Serves `/api/v10/...`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._checks = Checks(sandbox.state, sandbox.setup.spec)
        self.records: deque[Record] = deque(maxlen=20_000)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or cut its connection when that was asked for."""
        path = "/" + request.match_info["tail"]
        try:
            body, files = await _read(request)
        except ApiError as error:
            return self._error(request.method, path, error, None)
        if self._sandbox.is_down:
            return self._cut(request, path, body)
        fault = self._sandbox.faults.take(request.method, path)
        if fault is not None:
            early = await self._strike(request, path, fault, body)
            if early is not None:
                return early
        if self._sandbox.gateway.latency_s:
            await asyncio.sleep(self._sandbox.gateway.latency_s)
        answer = self._answer(request, path, body, files)
        if fault is not None and fault.kind == "reset_after":
            return self._cut(request, path, body)
        if fault is not None and fault.kind == "delay_after":
            await asyncio.sleep(fault.delay_s)
        return answer

    async def _strike(
        self, request: web.Request, path: str, fault: Fault, body: Any
    ) -> web.Response | None:
        if fault.kind == "reset_before":
            return self._cut(request, path, body)
        if fault.kind == "delay":
            await asyncio.sleep(fault.delay_s)
            return None
        if fault.kind in ("429", "429-global"):
            return self._limited(
                request.method,
                path,
                Verdict(
                    headers={},
                    retry_after_s=fault.retry_after_s,
                    is_global=fault.kind == "429-global",
                ),
                body,
            )
        if fault.kind.isdigit():
            text = fault.message or f"{fault.kind}: sandbox fault"
            error = ApiError(int(fault.kind), fault.code, text)
            return self._error(request.method, path, error, body)
        return None

    def _answer(
        self, request: web.Request, path: str, body: Any, files: dict[int, Upload]
    ) -> web.Response:
        method = request.method
        found = find(method, path)
        if found is None:
            problem = Problem("route", f"{method} {path}", "the sandbox does not know this route")
            self._sandbox.problems.append(problem)
            return self._error(method, path, ApiError(404, 0, "404: Not Found"), body)
        known, params = found
        if known.needs_token and request.headers.get("Authorization") != self._authorization:
            return self._error(method, path, ApiError(401, 0, "401: Unauthorized"), body)
        verdict = self._sandbox.limits.count(
            method,
            known.template,
            _major(params),
            is_exempt=path.startswith(_NO_GLOBAL_LIMIT),
        )
        if verdict.retry_after_s is not None:
            return self._limited(method, path, verdict, body)
        call = Call(
            self._sandbox,
            method,
            path,
            known.template,
            params,
            dict(request.query),
            body,
            files,
            request.headers.get("X-Audit-Log-Reason"),
        )
        try:
            self._check(call)
            result = known.handler(call)
        except ApiError as error:
            if error.code == 50035:
                self._note(call, error)
            return self._error(method, path, error, body, verdict)
        except Exception as error:  # noqa: BLE001 - the edge: our own bug becomes a problem and a 500
            _log.exception("the sandbox failed on %s %s", method, path)
            self._sandbox.problems.append(Problem("sandbox", f"{method} {path}", repr(error)))
            return self._error(method, path, ApiError(500, 0, "sandbox failure"), body)
        self._check_answer(known, result)
        status = 204 if result is None else 200
        self.records.append(Record(method, path, status, body))
        return _json(status, result, verdict.headers)

    @property
    def _authorization(self) -> str:
        return f"Bot {self._sandbox.setup.token}"

    def _check(self, call: Call) -> None:
        flaws = self._checks.request(call)
        if flaws:
            raise invalid_form(*flaws)

    def _check_answer(self, known: Route, result: Any) -> None:
        if not self._sandbox.setup.check_answers or result is None:
            return
        for flaw in self._checks.answer(known.method, known.template, result):
            where = f"{known.method} {known.template}"
            self._sandbox.problems.append(Problem("answer", where, str(flaw)))

    def _note(self, call: Call, error: ApiError) -> None:
        detail = "; ".join(map(str, error.flaws)) or error.message
        self._sandbox.problems.append(Problem("request", f"{call.method} {call.path}", detail))

    def _cut(self, request: web.Request, path: str, body: Any) -> web.Response:
        self.records.append(Record(request.method, path, 0, body))
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    def _limited(self, method: str, path: str, verdict: Verdict, body: Any) -> web.Response:
        wait = verdict.retry_after_s or 0.0
        headers = verdict.headers | {
            "Via": "1.1 google",
            "Retry-After": str(max(1, round(wait))),
            "X-RateLimit-Scope": "global" if verdict.is_global else "user",
        }
        if verdict.is_global:
            headers["X-RateLimit-Global"] = "true"
        answer = {
            "message": "You are being rate limited.",
            "retry_after": round(wait, 3),
            "global": verdict.is_global,
        }
        self.records.append(Record(method, path, 429, body))
        return _json(429, answer, headers)

    def _error(
        self, method: str, path: str, error: ApiError, body: Any, verdict: Verdict | None = None
    ) -> web.Response:
        self.records.append(Record(method, path, error.status, body))
        headers = dict(verdict.headers) if verdict is not None else {}
        answer = error.body()
        if error.status == 429:
            headers["Via"] = "1.1 google"
            answer |= {"retry_after": 2.0, "global": False}
        return _json(error.status, answer, headers)


def _json(status: int, data: Any, headers: dict[str, str]) -> web.Response:
    if data is None:
        return web.Response(status=204, headers=headers)
    # Exactly this content type: discord.py takes any other, even with a charset, for text.
    full = headers | {"Content-Type": "application/json"}
    return web.Response(status=status, body=json.dumps(data).encode(), headers=full)


def _major(params: dict[str, str]) -> str:
    return params.get("channel_id") or params.get("webhook_id") or params.get("guild_id") or ""


async def _read(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    if not request.can_read_body:
        return None, {}
    if request.content_type == "multipart/form-data":
        return await _read_form(request)
    return _parse(await request.read()), {}


async def _read_form(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    files: dict[int, Upload] = {}
    body: Any = None
    total = 0
    reader = await request.multipart()
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            continue
        data = bytes(await part.read())
        total += len(data)
        name = part.name or ""
        if name == "payload_json":
            body = _parse(data)
        elif name.startswith("files[") and name.endswith("]"):
            if len(data) > _MAX_FILE:
                raise ApiError(413, 40005, "Request entity too large")
            files[int(name[6:-1])] = Upload(part.filename or "file", data)
    if total > _MAX_REQUEST:
        raise ApiError(413, 40005, "Request entity too large")
    return body, files


def _parse(data: bytes) -> Any:
    if not data:
        return None
    try:
        return json.loads(data)
    except ValueError:
        flaw = Flaw((), "JSON_DECODE", "The request body contains invalid JSON.")
        raise ApiError(
            400, 50109, "The request body contains invalid JSON.", flaws=(flaw,)
        ) from None
