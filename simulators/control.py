"""The control interface of a simulator, under `/_control`: faults, clock, truth, settings, the simulated customer."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from simulators import pages
from simulators.gateway import Gateway
from simulators.store import Transaction

RESULTS = {"succeed": True, "fail": False}
ENDINGS = {"won": True, "lost": False}


class Control:
    """Routes that act on one gateway's simulator."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._gateway = gateway
        self._simulator = gateway.simulator
        self._name = name

    def routes(self) -> list[Route]:
        """The routes, relative to `/_control`."""
        return [
            Route("/health", self._health),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/faults", self._add_fault, methods=["POST"]),
            Route("/faults", self._clear_faults, methods=["DELETE"]),
            Route("/clock", self._read_clock),
            Route("/clock", self._move_clock, methods=["POST"]),
            Route("/truth", self._truth),
            Route("/settings", self._read_settings),
            Route("/settings", self._change_settings, methods=["POST"]),
            Route("/webhooks", self._list_webhooks),
            Route("/webhooks/{event_id}", self._deliver_webhook, methods=["POST"]),
            Route("/webhooks/{event_id}", self._discard_webhook, methods=["DELETE"]),
            Route("/reversals/{payment_id}", self._reverse, methods=["POST"]),
            Route("/disputes/{payment_id}", self._dispute, methods=["POST"]),
            Route("/disputes/{dispute_id}/{ending}", self._close_dispute, methods=["POST"]),
            Route("/refunds/{payment_id}", self._refund_by_hand, methods=["POST"]),
            Route("/cards/{token}", self._make_card, methods=["POST"]),
            Route("/cards/{token}", self._remove_card, methods=["DELETE"]),
            Route("/authentications/{payment_id}", self._show_authentication),
            Route("/authentications/{payment_id}", self._authenticate, methods=["POST"]),
            Route("/setups/{setup_id}", self._show_setup),
            Route("/setups/{setup_id}", self._complete_setup, methods=["POST"]),
            Route("/returned", self._returned),
        ]

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _reset(self, _request: Request) -> Response:
        self._simulator.reset()
        return JSONResponse({})

    async def _add_fault(self, request: Request) -> Response:
        try:
            return JSONResponse({"fault_id": self._simulator.faults.add(await _document(request))})
        except ValueError as error:
            return _refusal(error)

    async def _clear_faults(self, _request: Request) -> Response:
        self._simulator.faults.clear()
        return JSONResponse({})

    async def _read_clock(self, _request: Request) -> Response:
        return JSONResponse({"now": self._simulator.clock.now()})

    async def _move_clock(self, request: Request) -> Response:
        try:
            seconds = (await _document(request)).get("advance_seconds")
            if not isinstance(seconds, int | float) or isinstance(seconds, bool):
                return _refusal(ValueError("give advance_seconds as a number"))
            self._simulator.clock.advance(seconds)
        except ValueError as error:
            return _refusal(error)
        self._simulator.agenda.run_due(self._simulator.clock.now())
        return await self._read_clock(request)

    async def _truth(self, _request: Request) -> Response:
        return JSONResponse(self._simulator.truth.read())

    async def _read_settings(self, _request: Request) -> Response:
        return JSONResponse(self._simulator.settings.all())

    async def _change_settings(self, request: Request) -> Response:
        try:
            self._simulator.settings.change(await _document(request))
        except ValueError as error:
            return _refusal(error)
        return await self._read_settings(request)

    async def _list_webhooks(self, _request: Request) -> Response:
        webhooks = self._simulator.webhooks
        return JSONResponse({"waiting": webhooks.waiting(), "events": webhooks.listing()})

    async def _deliver_webhook(self, request: Request) -> Response:
        try:
            asked = await _document(request)
            times, at_once = asked.get("times", 1), asked.get("at_once", False)
            if type(times) is not int or not isinstance(at_once, bool):
                return _refusal(ValueError("give times as a whole number, and at_once as true or false"))
            statuses = await self._simulator.webhooks.deliver_now(
                request.path_params["event_id"], times, at_once=at_once
            )
        except (ValueError, LookupError) as error:
            return _refusal(error)
        return JSONResponse({"statuses": statuses})

    async def _discard_webhook(self, request: Request) -> Response:
        try:
            self._simulator.webhooks.discard(request.path_params["event_id"])
        except LookupError as error:
            return _refusal(error)
        return JSONResponse({})

    async def _reverse(self, request: Request) -> Response:
        return await self._act_on_payment(request, self._gateway.reverse)

    async def _dispute(self, request: Request) -> Response:
        return await self._act_on_payment(request, self._gateway.open_dispute)

    async def _refund_by_hand(self, request: Request) -> Response:
        return await self._act_on_payment(request, self._gateway.refund_by_hand)

    async def _act_on_payment(self, request: Request, act: Callable[[Transaction, str, int | None], str]) -> Response:
        try:
            amount_minor = _whole_number(await _document(request), "amount_minor")
            with self._simulator.transaction() as transaction:
                made = act(transaction, request.path_params["payment_id"], amount_minor)
        except (ValueError, LookupError) as error:
            return _refusal(error)
        return JSONResponse({"object_id": made})

    async def _close_dispute(self, request: Request) -> Response:
        dispute_id, ending = request.path_params["dispute_id"], request.path_params["ending"]
        try:
            if ending not in ENDINGS:
                return _refusal(LookupError(f"a dispute is won or lost, not {ending}"))
            returned_minor = _whole_number(await _document(request), "returned_minor")
            with self._simulator.transaction() as transaction:
                self._gateway.close_dispute(transaction, dispute_id, won=ENDINGS[ending], returned_minor=returned_minor)
        except (ValueError, LookupError) as error:
            return _refusal(error)
        return JSONResponse({"object_id": dispute_id})

    async def _make_card(self, request: Request) -> Response:
        token = request.path_params["token"]
        try:
            asked = await _document(request)
            with self._simulator.transaction() as transaction:
                self._gateway.make_card(transaction, token, asked)
        except ValueError as error:
            return _refusal(error)
        return JSONResponse({"object_id": token})

    async def _remove_card(self, request: Request) -> Response:
        token = request.path_params["token"]
        try:
            with self._simulator.transaction() as transaction:
                self._gateway.remove_card(transaction, token)
        except LookupError as error:
            return _refusal(error)
        return JSONResponse({"object_id": token})

    async def _show_authentication(self, request: Request) -> Response:
        with self._simulator.transaction() as transaction:
            what = self._gateway.describe_authentication(transaction, request.path_params["payment_id"])
        if what is None:
            return HTMLResponse(pages.nothing_to_do(), status_code=404)
        return HTMLResponse(pages.authentication(self._name, what))

    async def _authenticate(self, request: Request) -> Response:
        from_page = "form" in request.headers.get("content-type", "")
        try:
            result = await _result(request, from_page=from_page)
            with self._simulator.transaction() as transaction:
                destination = self._gateway.authenticate(
                    transaction, request.path_params["payment_id"], succeed=RESULTS[result]
                )
        except ValueError as error:
            return _refusal(error)
        except LookupError as error:
            return HTMLResponse(pages.nothing_to_do(), status_code=404) if from_page else _refusal(error)
        if not from_page:
            return JSONResponse({"result": result, "return_url": destination})
        if destination is None:
            return HTMLResponse(pages.result(succeeded=RESULTS[result]))
        return RedirectResponse(destination, status_code=303)

    async def _show_setup(self, request: Request) -> Response:
        with self._simulator.transaction() as transaction:
            offered = self._gateway.offered_for_setup(transaction, request.path_params["setup_id"])
        if offered is None:
            return HTMLResponse(pages.nothing_to_do(), status_code=404)
        return HTMLResponse(pages.setup(self._name, offered))

    async def _complete_setup(self, request: Request) -> Response:
        from_page = "form" in request.headers.get("content-type", "")
        setup_id = request.path_params["setup_id"]
        try:
            given = await _field(request, "given", from_page=from_page) or None
            with self._simulator.transaction() as transaction:
                destination = self._gateway.complete_setup(transaction, setup_id, given)
                offered = self._gateway.offered_for_setup(transaction, setup_id)
        except ValueError as error:
            return _refusal(error)
        except LookupError as error:
            return HTMLResponse(pages.nothing_to_do(), status_code=404) if from_page else _refusal(error)
        if not from_page:
            return JSONResponse({"given": given, "return_url": destination})
        if destination is None:
            return HTMLResponse(pages.setup(self._name, offered or {}, declined=given is not None))
        return RedirectResponse(destination, status_code=303)

    async def _returned(self, _request: Request) -> Response:
        return HTMLResponse(pages.returned())


async def _document(request: Request) -> dict[str, Any]:
    match json.loads(await request.body() or b"{}"):
        case dict() as document:
            return document
        case _:
            raise ValueError("send a JSON object")


def _whole_number(document: dict[str, Any], name: str) -> int | None:
    number = document.get(name)
    if number is not None and type(number) is not int:
        raise ValueError(f"give {name} as a whole number, or leave it out")
    return number


async def _result(request: Request, *, from_page: bool) -> str:
    result = await _field(request, "result", from_page=from_page)
    if result not in RESULTS:
        raise ValueError("result must be succeed or fail")
    return result


async def _field(request: Request, name: str, *, from_page: bool) -> str:
    if from_page:
        return parse_qs((await request.body()).decode()).get(name, [""])[0]
    return str((await _document(request)).get(name) or "")


def _refusal(error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=404 if isinstance(error, LookupError) else 400)
