"""How a customer gives a payment method: sent to the gateway's page, and what they gave there is kept when they come back.

The gateway is asked outside of any transaction. Whatever happens in between, the next request finds the same setup.
"""

import calendar
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import structlog

from api.pay.rendering import House
from billing import link_setups, links, methods
from billing.errors import ChangeRefused, LinkOver
from billing.link_setups import Setup
from billing.links import CUSTOMER, Situation
from billing.methods import MethodRequest
from gateways.errors import OutcomeUnknown
from gateways.setups import SetupDone, SetupFailed, SetupGateway, SetupOpen, SetupRequest
from ledger.database import Connection, Database

log = structlog.get_logger()

ROUNDS: Final = 2
"""A setup that has lapsed is followed by one other in the same request."""
_BRAND: Final = re.compile(r"[a-z][a-z0-9_]{1,31}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_FUNDING: Final = re.compile(r"credit|debit|prepaid")
_MONTH: Final = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class Giving:
    """Setups of links at the gateways."""

    def __init__(self, house: House, database: Database, gateways: Mapping[str, SetupGateway]) -> None:
        self._house = house
        self._database = database
        self._gateways = gateways

    async def begin(self, link_id: str, gateway: str, now: datetime) -> str | None:
        """Return the gateway's page on which the customer gives a method; None where they have given it already.

        Raises LinkOver, ChangeRefused, GatewayError.
        """
        for _ in range(ROUNDS):
            async with self._database.begin() as connection:
                found = await links.usable(connection, link_id, now=now)
                setup = await link_setups.present(connection, found, gateway, now=now)
                request = await self._request(connection, found, setup)
            page = setup.page or await self._started(setup, request, now)
            if page is not None and (setup.page is None or await self._still_waits(setup, now)):
                return page
            if await self._is_given(link_id, setup):
                return None
        raise OutcomeUnknown(gateway, "begins no setup: each one failed")

    async def finish(self, link_id: str, now: datetime) -> bool:
        """Keep what the customer gave, if they did; tells whether.

        Raises LinkOver where something else was done by the link meanwhile, GatewayError.
        """
        async with self._database.connect() as connection:
            waiting = await link_setups.open_of(connection, link_id)
        for setup in waiting:
            if not await self._still_waits(setup, now) and await self._is_given(link_id, setup):
                return True
        return False

    async def _started(self, setup: Setup, request: SetupRequest, now: datetime) -> str | None:
        made = await self._gateways[setup.gateway].start_setup(request)
        async with self._database.begin() as connection:
            if isinstance(made, SetupFailed):
                log.warning("pay_link.setup_failed", gateway=setup.gateway, reason=made.reason)
                await link_setups.failed(connection, setup.setup_id, because=made.reason, now=now)
                return None
            await link_setups.started(connection, setup.setup_id, reference=made.reference, page=made.url)
        return made.url

    async def _still_waits(self, setup: Setup, now: datetime) -> bool:
        """Whether the page of a setup that was started waits for the customer; what became of it otherwise is kept."""
        gateway = self._gateways.get(setup.gateway)
        if setup.reference is None or gateway is None:
            return True
        outcome = await gateway.finish_setup(setup.reference)
        match outcome:
            case SetupOpen():
                return True
            case SetupFailed():
                await self._failed(setup, outcome.reason, now)
            case SetupDone():
                try:
                    await self._kept(setup, outcome, now)
                except ChangeRefused as error:
                    await self._failed(setup, error.why, now)
                except LinkOver as error:
                    # A second look at the same setup comes here too, and finds its method kept.
                    log.info("pay_link.setup_late", invoice_id=error.invoice_id, why=error.why)
        return False

    async def _failed(self, setup: Setup, because: str, now: datetime) -> None:
        log.warning("pay_link.setup_failed", gateway=setup.gateway, reason=because)
        async with self._database.begin() as connection:
            await link_setups.failed(connection, setup.setup_id, because=because, now=now)

    async def _kept(self, setup: Setup, done: SetupDone, now: datetime) -> None:
        async with self._database.begin() as connection:
            found = await links.usable(connection, setup.link_id, now=now, grace=links.FINISHING)
            given = method_of(setup, done, found.customer.customer_id)
            used = await links.give(connection, setup.link_id, given, now=now)
            await link_setups.done(connection, setup.setup_id, now=now)
        log.info("pay_link.used", invoice_id=used.invoice_id, used_for=used.used_for, gateway=setup.gateway)

    async def _is_given(self, link_id: str, setup: Setup) -> bool:
        """Whether the link was used for what this setup brought; raises LinkOver where it was used for something else."""
        async with self._database.connect() as connection:
            link = await links.look(connection, link_id)
            still = await link_setups.open_of(connection, link_id)
        if link is None or link.used_at is None:
            return False
        if any(each.setup_id == setup.setup_id for each in still):
            raise LinkOver(link.invoice_id, "was used")
        return True

    async def _request(self, connection: Connection, found: Situation, setup: Setup) -> SetupRequest:
        customer_id = found.customer.customer_id
        of_gateway = [
            method.gateway_customer
            for method in await methods.of_customer(connection, customer_id, gone=True)
            if method.gateway == setup.gateway and method.gateway_customer is not None
        ]
        return SetupRequest(
            setup_id=setup.setup_id,
            customer=customer_id,
            currency=found.invoice.currency,
            gateway_customer=of_gateway[0] if of_gateway else None,
            return_url=self._house.address(setup.link_id, "/back"),
        )


def method_of(setup: Setup, done: SetupDone, customer_id: str) -> MethodRequest:
    """Return what a customer gave as billing keeps it; what a gateway tells in a form that nobody knows is left out."""
    card = done.card
    return MethodRequest(
        method_id=setup.setup_id,
        customer_id=customer_id,
        gateway=setup.gateway,
        token=done.token,
        gateway_customer=done.gateway_customer,
        brand=_in_form(_BRAND, card.brand) if card else None,
        country=_in_form(_COUNTRY, card.country) if card else None,
        funding=_in_form(_FUNDING, card.funding) if card else None,
        expires_on=_last_day(card.expires) if card else None,
        fingerprint=card.fingerprint if card else None,
        mandate_reference=done.mandate,
        actor=CUSTOMER,
    )


def _in_form(form: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and form.fullmatch(text) else None


def _last_day(month: str | None) -> date | None:
    read = _MONTH.fullmatch(month or "")
    if read is None:
        return None
    year, number = int(read[1]), int(read[2])
    return date(year, number, calendar.monthrange(year, number)[1])
