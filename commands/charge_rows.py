"""Reads charges from the books: PostgreSQL is the authority, also when Temporal has forgotten the process."""

from collections.abc import Sequence
from datetime import datetime

from commands import charge_documents, connections
from commands.charge_documents import ChargeDocument, ChargeSummary
from commands.errors import AnswerIsNo, WrongUse
from ledger import charges, operations, reports, withdrawals
from ledger.charges import Charge, ChargeRequest, ChargeStatus
from ledger.errors import ChargeConflict, UnknownCharge
from settings import Settings
from workflows.charge import workflow_id


async def known(settings: Settings, charge_id: str) -> Charge:
    """Read the row of a charge that must exist; raises WrongUse."""
    async with connections.books(settings) as connection:
        try:
            return await charges.known(connection, charge_id)
        except UnknownCharge as error:
            raise WrongUse(str(error)) from None


async def whole(settings: Settings, charge_id: str) -> ChargeDocument:
    """Read a charge with all that happened to it; raises WrongUse where there is none."""
    async with connections.books(settings) as connection:
        try:
            charge = await charges.known(connection, charge_id)
        except UnknownCharge as error:
            raise WrongUse(str(error)) from None
        return charge_documents.of_charge(
            charge,
            await operations.of_charge(connection, charge_id),
            await withdrawals.of_charge(connection, charge_id),
            await reports.entries(connection, charge_id=charge_id, limit=reports.MAX_LISTED),
            web_ui(settings, charge_id),
        )


async def same(settings: Settings, request: ChargeRequest) -> Charge | None:
    """Read the charge of this id, if there is one; raises AnswerIsNo where it has other content."""
    async with connections.books(settings) as connection:
        charge = await charges.get(connection, request.charge_id)
    if charge is not None and charge.request_hash != request.content_hash():
        raise AnswerIsNo(str(ChargeConflict(request.charge_id)))
    return charge


async def listed(
    settings: Settings,
    *,
    status: ChargeStatus | None,
    customer: str | None,
    since: datetime | None,
    limit: int,
) -> Sequence[ChargeSummary]:
    """List charges, newest first."""
    async with connections.books(settings) as connection:
        found = await charges.find(connection, status=status, customer=customer, since=since, limit=limit)
    return [charge_documents.summary(charge, web_ui(settings, charge.charge_id)) for charge in found]


def web_ui(settings: Settings, charge_id: str) -> str:
    """Return the address of a charge's process in the Temporal Web UI."""
    return connections.web_ui(settings, workflow_id(charge_id))
