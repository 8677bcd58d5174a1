"""The way of one request through a simulator: faults before the effect, the effect, faults after it, the answer.

A waiting fault blocks nobody else: it waits outside the transaction.
"""

import asyncio
import sys
import traceback
from dataclasses import replace

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from simulators.faults import Fault
from simulators.gateway import Answer, Call, Gateway
from simulators.late import LateSuccesses

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
MAX_BODY_BYTES = 1_000_000


class Exchange:
    """An ASGI application that answers every request with what the gateway says, or with a fault."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._simulator = gateway.simulator
        self._late = LateSuccesses(gateway)
        self._keys_under_way: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        key = headers.get(self._gateway.key_header) if request.method not in ("GET", "HEAD") else None
        call = Call(
            method=request.method,
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
            key=key,
        )
        answer = Answer(413, b"") if len(body) > MAX_BODY_BYTES else await self._answer(call)
        if answer is None:
            scope["hang_up"]()
            await asyncio.sleep(0.01)  # until the server has seen that the connection is gone
            return
        await _send(send, answer)

    async def _answer(self, call: Call) -> Answer | None:
        if call.key is not None and call.key in self._keys_under_way:
            return self._record(call, self._gateway.conflict(call))
        fault = self._simulator.faults.take(call.method, call.path, call.key)
        mark = self._simulator.webhooks.mark()
        if call.key is not None:
            self._keys_under_way.add(call.key)
        try:
            if fault is not None and fault.when == "before" and fault.action == "delay":
                await asyncio.sleep(fault.delay_seconds)
                fault = None
            if fault is not None and (fault.when == "before" or fault.action == "late_success"):
                answer = self._fail_before(call, fault)
            else:
                answer = self._execute(call, fault)
        finally:
            self._keys_under_way.discard(call.key or "")
        await self._simulator.webhooks.deliver_since(mark)
        if fault is not None and fault.action == "delay":
            await asyncio.sleep(fault.delay_seconds)
        return answer

    def _execute(self, call: Call, fault: Fault | None) -> Answer | None:
        """The effect, with what the caller is told of it; None is no answer at all."""
        told: Answer | None
        try:
            with self._simulator.transaction() as transaction:
                last_effect = self._simulator.truth.last_effect(transaction)
                answer = self._gateway.answer(transaction, call)
                told = answer if fault is None else self._spoil(call, fault, answer)
                if (
                    told is not None
                    and fault is not None
                    and not answer.replayed
                    and _is_stored(fault, after_effect=True)
                ):
                    self._gateway.remember(transaction, call, told)
                self._simulator.truth.request(
                    transaction,
                    method=call.method,
                    path=call.path,
                    idempotency_key=call.key,
                    status=None if told is None else told.status,
                    replayed=answer.replayed,
                    effect=self._simulator.truth.last_effect(transaction) > last_effect,
                )
        except Exception:  # noqa: BLE001 # a defect of the simulator: nothing happened, the caller gets a 500, we a trace
            traceback.print_exc(file=sys.stderr)
            return self._record(call, self._gateway.failure(call, 500))
        return told

    def _fail_before(self, call: Call, fault: Fault) -> Answer | None:
        is_stored = _is_stored(fault, after_effect=False)
        is_late = fault.action == "late_success"
        with self._simulator.transaction() as transaction:
            # An answer that is kept is the answer for good: nothing is kept in its place, nor done again.
            is_decided = (is_stored or is_late) and self._gateway.keeps(transaction, call)
            if not is_decided:
                if is_late:
                    told = self._late.refuse(transaction, call, fault)
                else:
                    told = self._spoil(call, fault, Answer(200, b'{"id": "'))
                if told is not None and is_stored:
                    self._gateway.remember(transaction, call, told)
        return self._execute(call, None) if is_decided else self._record(call, told)

    def _spoil(self, call: Call, fault: Fault, answer: Answer) -> Answer | None:
        """What the caller is told instead of the answer; None is no answer at all."""
        told: Answer | None = answer
        match fault.action:
            case "drop":
                told = None
            case "status":
                told = _with_retry_after(self._gateway.failure(call, fault.status), fault.retry_after)
            case "html":
                told = Answer(502, HTML, {"content-type": "text/html"})
            case "truncate":
                told = replace(answer, body=answer.body[: len(answer.body) // 2])
            case "conflict":
                told = self._gateway.conflict(call)
            case "rate_limit":
                told = _with_retry_after(self._gateway.rate_limited(call, fault.code), fault.retry_after)
        return told

    def _record(self, call: Call, told: Answer | None) -> Answer | None:
        with self._simulator.transaction() as transaction:
            self._simulator.truth.request(
                transaction,
                method=call.method,
                path=call.path,
                idempotency_key=call.key,
                status=None if told is None else told.status,
                replayed=False,
                effect=False,
            )
        return told


def _is_stored(fault: Fault, *, after_effect: bool) -> bool:
    stored = after_effect if fault.stored is None else fault.stored
    is_error = fault.action == "status" or (fault.action == "late_success" and fault.told == "status")
    return stored and is_error and fault.status >= 500


def _with_retry_after(answer: Answer, seconds: float | None) -> Answer:
    if seconds is None:
        return answer
    return replace(answer, headers={**answer.headers, "retry-after": f"{seconds:g}"})


async def _send(send: Send, answer: Answer) -> None:
    headers = {"content-type": "application/json", **answer.headers}
    if answer.status != 204:
        headers["content-length"] = str(len(answer.body))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})
