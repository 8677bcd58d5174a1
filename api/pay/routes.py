"""The routes under `/pay`: the page of a link, what a customer does there, and where they come back to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.pay import rendering, visitors
from api.pay.giving import Giving
from api.pay.rendering import House, Visit, now
from api.pay.visitors import Busy, Visits
from api.pay.words import language_asked_for
from api.posting_answers import AWAY
from billing import link_standing, links
from billing.errors import ChangeRefused, LinkOver
from billing.link_standing import Stage
from gateways.errors import GatewayError
from gateways.setups import SetupGateway
from ledger.database import Database, outage_reason
from ledger.protection.gate import Gate

log = structlog.get_logger()

ANSWER_SECONDS: Final = 45.0
"""How long an answer may take, a gateway's included."""
RETRY_SECONDS: Final = "60"
STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
RETURNED: Final = "?returned"
"""On the address of a page that a customer comes back to from their bank: they are not sent there again at once."""


def pay_routes(
    house: House | None, database: Database, gate: Gate, gateways: Mapping[str, SetupGateway]
) -> list[Route]:
    """Make the routes; none where no link can be signed."""
    if house is None:
        return []
    pages = PayPages(house, database, gate, gateways)
    return [
        Route("/pay/style.css", pages.style, methods=["GET"]),
        Route("/pay/returned", pages.returned, methods=["GET"]),
        Route("/pay/{token}", pages.show, methods=["GET"]),
        Route("/pay/{token}/back", pages.back, methods=["GET"]),
        Route("/pay/{token}/pay", pages.pay, methods=["POST"]),
        Route("/pay/{token}/method", pages.give, methods=["POST"]),
        Route("/pay/{token}/again", pages.again, methods=["POST"]),
    ]


class PayPages:
    """The pages of links."""

    def __init__(self, house: House, database: Database, gate: Gate, gateways: Mapping[str, SetupGateway]) -> None:
        self._house = house
        self._database = database
        self._gate = gate
        self._gateways = gateways
        self._giving = Giving(house, database, gateways)
        self._visits = Visits()

    async def style(self, _request: Request) -> Response:
        """Answer `GET /pay/style.css`."""
        return Response(STYLE, media_type="text/css", headers={"cache-control": "public, max-age=3600"})

    async def returned(self, request: Request) -> Response:
        """Answer `GET /pay/returned`, where `RETURN_URL` may lead: back to the link that this browser acted by."""
        link_id = self._house.keys.opened_by(request.cookies.get(visitors.COOKIE, ""))
        if link_id is None:
            return self._told(request, "returned", 200)
        return _sent_to(self._house.address(link_id, RETURNED))

    async def show(self, request: Request) -> Response:
        """Answer `GET /pay/{token}`: what is owed, and what may be done; it uses nothing up."""
        return await self._answered(request, lambda link_id: self._page(request, link_id))

    async def back(self, request: Request) -> Response:
        """Answer `GET /pay/{token}/back`: the customer comes from a gateway's page."""

        async def kept(link_id: str) -> Response:
            if await self._giving.finish(link_id, now()):
                return _sent_to(self._house.address(link_id))
            return await self._page(request, link_id, topic="nothing_given")

        return await self._answered(request, kept)

    async def pay(self, request: Request) -> Response:
        """Answer `POST /pay/{token}/pay`: with a method on file, now, with the customer there."""

        async def wished(link_id: str, form: Mapping[str, str]) -> Response:
            async with self._database.begin() as connection:
                used = await links.pay(connection, link_id, form.get("method", ""), now=now())
            log.info("pay_link.used", invoice_id=used.invoice_id, used_for=used.used_for)
            return _sent_to(self._house.address(link_id))

        return await self._acted(request, wished)

    async def give(self, request: Request) -> Response:
        """Answer `POST /pay/{token}/method`: to the gateway's page on which another method is given."""

        async def begun(link_id: str, form: Mapping[str, str]) -> Response:
            gateway = form.get("gateway", "")
            if gateway not in self._gateways:
                raise ChangeRefused("gateway", "of the form", "it has no page here")
            page = await self._giving.begin(link_id, gateway, now())
            return _sent_to(page or self._house.address(link_id))

        return await self._acted(request, begun)

    async def again(self, request: Request) -> Response:
        """Answer `POST /pay/{token}/again`: the browser whose payment was declined gets the link that follows."""

        async def followed(link_id: str, _form: Mapping[str, str]) -> Response:
            if not visitors.has_opened(request, self._house.keys, link_id):
                async with self._database.connect() as connection:
                    link = await links.look(connection, link_id)
                raise LinkOver(link.invoice_id if link else "unknown", "was used")
            async with self._database.begin() as connection:
                following = await links.again(connection, link_id, now=now())
            return _sent_to(self._house.address(following.link_id))

        return await self._acted(request, followed)

    async def _acted(self, request: Request, act: Callable[[str, Mapping[str, str]], Awaitable[Response]]) -> Response:
        if not visitors.is_of_our_page(request.headers, self._house.base_url):
            return self._told(request, "foreign", 403)
        form = await visitors.form(request)
        return await self._answered(request, lambda link_id: act(link_id, form), acts=True)

    async def _answered(
        self, request: Request, answer: Callable[[str], Awaitable[Response]], *, acts: bool = False
    ) -> Response:
        """Answer for the link of the address; whoever has no token of ours is told nothing."""
        link_id = self._house.keys.link_id(request.path_params["token"])
        if link_id is None:
            return self._told(request, "unknown", 404)
        try:
            self._visits.count(link_id, acts=acts)
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._gate.passed()
                return await self._or_how_it_stands(request, link_id, answer)
        except Busy:
            return self._told(request, "busy", 429, **{"retry-after": RETRY_SECONDS})
        except GatewayError as error:
            log.warning("pay_link.gateway_away", gateway=error.gateway, reason=str(error)[:500])
        except AWAY as error:
            log.error("pay_link.unavailable", reason=outage_reason(error))  # noqa: TRY400 # an outage is no defect
        back = self._house.address(link_id)
        return self._told(request, "away", 503, back=back, **{"retry-after": RETRY_SECONDS})

    async def _or_how_it_stands(
        self, request: Request, link_id: str, answer: Callable[[str], Awaitable[Response]]
    ) -> Response:
        try:
            return await answer(link_id)
        except LinkOver:
            return await self._page(request, link_id, topic="used", status=410)
        except ChangeRefused as error:
            log.info("pay_link.refused", reason=error.why)
            return await self._page(request, link_id, topic="refused", status=409)

    async def _page(self, request: Request, link_id: str, *, topic: str | None = None, status: int = 200) -> Response:
        read_at = now()
        async with self._database.connect() as connection:
            link = await links.look(connection, link_id)
            if link is None:
                return self._told(request, "unknown", 404)
            if link.is_past(read_at):
                return self._told(request, "lapsed", 410, title="gone_title")
            standing = await link_standing.standing_of(connection, link.invoice_id, link.use, now=read_at)
        visit = Visit(link, visitors.has_opened(request, self._house.keys, link_id), read_at)
        if self._is_to_confirm(request, visit, standing.stage) and standing.action_url and topic is None:
            return _sent_to(standing.action_url)
        page = rendering.invoice(self._house, visit, standing, list(self._gateways), topic=topic, status=status)
        if link.use is None:
            visitors.remember(page, self._house.keys, link_id, base_url=self._house.base_url)
        return page

    def _is_to_confirm(self, request: Request, visit: Visit, stage: Stage) -> bool:
        return stage is Stage.CONFIRM and visit.has_opened and "returned" not in request.query_params

    def _told(
        self,
        request: Request,
        topic: str,
        status: int,
        *,
        back: str | None = None,
        title: str | None = None,
        **headers: str,
    ) -> Response:
        language = language_asked_for(request.headers.get("accept-language", ""))
        return rendering.told(self._house, language, topic, status, back=back, title=title, **headers)


def _sent_to(address: str) -> Response:
    return RedirectResponse(address, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
