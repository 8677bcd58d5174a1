"""Reads splits from the books: PostgreSQL is the authority, also when Temporal has forgotten the process."""

from commands import connections, split_documents
from commands.errors import AnswerIsNo, WrongUse
from commands.split_documents import SplitDocument
from ledger import split_legs, splits
from ledger.errors import SplitConflict, UnknownSplit
from ledger.split_legs import Leg
from ledger.splits import Split, SplitRequest
from settings import Settings
from workflows.split import workflow_id


async def known(settings: Settings, split_id: str) -> tuple[Split, list[Leg]]:
    """Read a split that must exist, with its legs; raises WrongUse."""
    async with connections.books(settings) as connection:
        try:
            split = await splits.known(connection, split_id)
        except UnknownSplit as error:
            raise WrongUse(str(error)) from None
        return split, await split_legs.of_split(connection, split_id, split.request.charges)


async def whole(settings: Settings, split_id: str) -> SplitDocument:
    """Read a split as it is shown; raises WrongUse where there is none."""
    split, legs = await known(settings, split_id)
    return split_documents.of_split(split, legs, web_ui(settings, split_id))


async def same(settings: Settings, request: SplitRequest) -> Split | None:
    """Read the split of this id, if there is one; raises AnswerIsNo where it has other content."""
    async with connections.books(settings) as connection:
        split = await splits.get(connection, request.split_id)
    if split is not None and split.request_hash != request.content_hash():
        raise AnswerIsNo(str(SplitConflict(request.split_id)))
    return split


def web_ui(settings: Settings, split_id: str) -> str:
    """Return the address of a split's process in the Temporal Web UI."""
    return connections.web_ui(settings, workflow_id(split_id))
