"""Facts that other services tell, booked by the posting rules: conversions, and credits that are bought and spent.

Each is one transaction under the exchange's lock, and posted once for its id: the same again returns its entry.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from api import json_bodies, posting_answers, service_entrance
from api.posting_answers import AWAY
from api.postings import ANSWER_SECONDS
from ledger import account_standing, charges, credit_posting, exchange
from ledger.accounts import AccountCode, wallet
from ledger.conversion import Conversion
from ledger.credit_posting import CollectedPurchase
from ledger.credits import Spending
from ledger.database import Connection, Database
from ledger.errors import LedgerError
from ledger.fee_rules import FeeRules
from ledger.journal import PostedEntry
from ledger.money import UnitCode
from ledger.protection.gate import Gate
from ledger.record import Identifier
from ledger.rivalry import repeated
from ledger.rounding import Rounding
from ledger.service import FactKind, Service, Services
from ledger.written_entries import WrittenAmount, WrittenLine


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event_at: AwareDatetime


class ConversionRequest(_Request):
    """An amount is to be converted at the rate of the moment when it happened."""

    conversion_id: Identifier
    given: WrittenLine
    receiver: AccountCode
    unit: UnitCode
    rounding: Rounding = Rounding.HALF_EVEN


class PurchaseRequest(_Request):
    """A customer gets credits for what a charge collected."""

    charge_id: Identifier
    credits: WrittenAmount


class SpendingRequest(_Request):
    """A customer spent credits."""

    spending_id: Identifier
    customer: Identifier
    credits: WrittenAmount


class Booking(NamedTuple):
    """How facts are booked."""

    functional: str
    """The currency that gains and losses are counted in."""
    fee_rules: FeeRules | None


Step = Callable[[Connection], Awaitable[PostedEntry]]


class FactIntake:
    """Takes facts of services."""

    def __init__(self, services: Services | None, database: Database, gate: Gate, booking: Booking) -> None:
        self._services = services
        self._database = database
        self._gate = gate
        self._booking = booking

    async def convert(self, request: Request) -> Response:
        """Answer `POST /ledger/conversions`."""
        service = self._service(request, FactKind.CONVERSIONS)
        asked = await json_bodies.read(request, ConversionRequest)
        service_entrance.require_id(service, "conversion_id", asked.conversion_id)
        named = {asked.given.account, asked.receiver}
        service_entrance.require_accounts(service, named)
        json_bodies.money(asked.given)

        async def step(connection: Connection) -> PostedEntry:
            charted = {code: await account_standing.charted(connection, code) for code in named}
            wish = json_bodies.made(
                Conversion,
                conversion_id=asked.conversion_id,
                given=asked.given.line(charted),
                receiver=charted[asked.receiver],
                unit=asked.unit,
                event_at=asked.event_at,
                actor=service.actor,
                rounding=asked.rounding,
            )
            return await exchange.convert(connection, wish, self._booking.functional)

        return await self._answer(step, f"conversion:{asked.conversion_id}")

    async def buy(self, request: Request) -> Response:
        """Answer `POST /ledger/credit-purchases`."""
        service = self._service(request, FactKind.CREDIT_PURCHASES)
        asked = await json_bodies.read(request, PurchaseRequest)
        wish = json_bodies.made(
            CollectedPurchase,
            charge_id=asked.charge_id,
            credits=json_bodies.money(asked.credits),
            event_at=asked.event_at,
            actor=service.actor,
        )

        async def step(connection: Connection) -> PostedEntry:
            charge = await charges.known(connection, asked.charge_id)
            service_entrance.require_accounts(service, {wallet(charge.customer).code})
            return await credit_posting.buy(connection, wish, self._booking.functional, self._booking.fee_rules)

        return await self._answer(step, f"purchase:{asked.charge_id}")

    async def spend(self, request: Request) -> Response:
        """Answer `POST /ledger/credit-spendings`."""
        service = self._service(request, FactKind.CREDIT_SPENDINGS)
        asked = await json_bodies.read(request, SpendingRequest)
        service_entrance.require_id(service, "spending_id", asked.spending_id)
        service_entrance.require_accounts(service, {wallet(asked.customer).code})
        spending = json_bodies.made(
            Spending,
            spending_id=asked.spending_id,
            customer=asked.customer,
            credits=json_bodies.money(asked.credits),
            event_at=asked.event_at,
            actor=service.actor,
        )

        async def step(connection: Connection) -> PostedEntry:
            return await credit_posting.spend(connection, spending, self._booking.functional)

        return await self._answer(step, f"spending:{asked.spending_id}")

    def _service(self, request: Request, kind: FactKind) -> Service:
        service = service_entrance.service_of(request, self._services)
        service_entrance.require_fact(service, kind)
        return service

    async def _answer(self, step: Step, reference: str) -> Response:
        """Take the step in a transaction of its own, and say what came of it."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._gate.passed()
                return posting_answers.of_entries([await repeated(self._database, step)])
        except AWAY as error:
            return posting_answers.of_outage(error)
        except LedgerError as refusal:
            return posting_answers.of_refusal(reference, refusal)
