"""`POST /ledger/postings`: entries that another service posts, all or none or each by itself; answered once they are committed.

All requests of a process share a group commit, so that many at once cost few commits.
"""

import asyncio
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api import json_bodies, posting_answers, service_entrance
from api.posting_answers import AWAY, Result
from ledger.charted_accounts import ChartedAccounts
from ledger.database import Database
from ledger.entries import Entry, Reference, Rule, Text
from ledger.errors import AccountConflict, AccountNotInChart, InvalidEntry, LedgerError
from ledger.group_commit import MAX_ENTRIES, GroupCommit
from ledger.money import MoneyError
from ledger.protection.gate import Gate
from ledger.service import Service, Services
from ledger.written_entries import WrittenEntry

ANSWER_SECONDS = 20.0
"""How long a service waits at most; what is posted later is posted once, however often it asks again."""


class ServiceEntry(WrittenEntry):
    """An entry as a service sends it; who sends it is the actor."""

    entry_reference: Reference
    rule: Rule = "posted"
    description: Text
    event_at: AwareDatetime


class PostingRequest(BaseModel):
    """Entries that are to be posted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    together: Annotated[bool, Field(strict=True)] = True
    """All or none; otherwise each by itself."""
    entries: Annotated[tuple[ServiceEntry, ...], Field(min_length=1, max_length=MAX_ENTRIES)]


class PostingIntake:
    """Takes postings of services."""

    def __init__(self, services: Services | None, database: Database, gate: Gate) -> None:
        self._services = services
        self._gate = gate
        self._group = GroupCommit(database)
        self._charted = ChartedAccounts(database)

    async def take(self, request: Request) -> Response:
        """Answer a request: what became of its entries; 503 or 429 where it has to be sent again."""
        service = service_entrance.service_of(request, self._services)
        asked = await json_bodies.read(request, PostingRequest)
        _require_its_own(service, asked)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._gate.passed()
                made = await self._made(service, asked)
                return await (self._together(made) if asked.together else self._each(asked, made))
        except AWAY as error:
            return posting_answers.of_outage(error)

    async def _together(self, made: list[Entry | LedgerError]) -> Response:
        refused = next((each for each in made if isinstance(each, LedgerError)), None)
        if refused is not None:
            return posting_answers.of_refusal(_reference(refused), refused)
        try:
            return posting_answers.of_entries(
                await self._group.post([each for each in made if isinstance(each, Entry)])
            )
        except AWAY:
            raise
        except LedgerError as error:
            self._look_again(error)
            return posting_answers.of_refusal(_reference(error), error)

    async def _each(self, asked: PostingRequest, made: list[Entry | LedgerError]) -> Response:
        results = await asyncio.gather(*(self._alone(each) for each in made))
        return posting_answers.of_each([entry.entry_reference for entry in asked.entries], results)

    async def _alone(self, made: Entry | LedgerError) -> Result:
        if isinstance(made, LedgerError):
            return made
        try:
            return await self._group.post([made])
        except (*AWAY, LedgerError) as error:
            self._look_again(error)
            return error

    async def _made(self, service: Service, asked: PostingRequest) -> list[Entry | LedgerError]:
        """Make the entries, each or the reason why it cannot be."""
        charted = await self._charted.of(code for entry in asked.entries for code in entry.accounts)

        def made(written: ServiceEntry) -> Entry | LedgerError:
            reference = written.entry_reference
            unknown = sorted(written.accounts - charted.keys())
            if unknown:
                return AccountNotInChart(reference, f"there is no account {unknown[0]} in the chart")
            try:
                return written.entry(charted, reference=reference, actor=service.actor, event_at=written.event_at)
            except MoneyError as error:
                return InvalidEntry(reference, str(error))
            except LedgerError as refusal:
                return refusal

        return [made(entry) for entry in asked.entries]

    def _look_again(self, error: Exception) -> None:
        if isinstance(error, AccountConflict | AccountNotInChart):
            self._charted.forget()


def _require_its_own(service: Service, asked: PostingRequest) -> None:
    for entry in asked.entries:
        service_entrance.require_accounts(service, entry.accounts)
        for reference in (entry.entry_reference, entry.reverses):
            if reference is not None:
                service_entrance.require_reference(service, reference)


def _reference(refusal: LedgerError) -> str | None:
    """Name the entry that was refused, where the database does."""
    reference = getattr(refusal, "reference", None)
    return reference if reference and " " not in reference else None
