"""What people command of a dunning: each is a row with who and why, and one that contradicts how it stands is refused."""

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import dunning_books, dunning_history, events
from billing.dunning import commands
from billing.dunning.errors import DunningPolicyFault
from billing.dunning.history import Event, EventKind
from billing.dunning.policy import Policies, Policy
from billing.dunning_books import KIND, Dunning
from billing.dunning_events import Command, commands_of
from billing.dunning_tables import dunning_events, dunnings
from billing.errors import ChangeRefused
from billing.refusals import said_of


async def note(
    connection: AsyncConnection,
    invoice_id: str,
    event: Event,
    *,
    because: str,
    policies: Policies | None = None,
) -> Dunning:
    """Write a command down, or find that it was written before; its process is woken. `event` says who, when and what.

    `policies` are what MOVED_TO_POLICY chooses from, else those that dunnings went by. Raises UnknownId, and ChangeRefused for what contradicts how it stands, or comes after the end.
    """
    dunning = await dunning_books.known(connection, invoice_id, lock=True)
    earlier = await commands_of(connection, invoice_id)
    if any(_is_same(command, event, because) for command in earlier):
        return dunning
    if dunning.ended_at is not None:
        why = f"it ended at {dunning.ended_at:%Y-%m-%d %H:%M} UTC ({dunning.reason}), and takes no command any more"
        raise ChangeRefused(KIND, invoice_id, why)
    if event.by is None:
        raise ChangeRefused(KIND, invoice_id, f"nobody is named for {event.kind}: say whose command it is")
    policy = await dunning_books.policy_of(connection, dunning)
    why_not = commands.why_not(await dunning_history.history(connection, dunning), policy, event)
    if why_not is not None:
        raise ChangeRefused(KIND, invoice_id, why_not)
    if event.kind is EventKind.MOVED_TO_POLICY:
        dunning = await _move(connection, dunning, event, policies)
    command = await _write(connection, invoice_id, event, because)
    body: dict[str, object] = {"by": command.by, "because": because}
    body |= {"until": event.until.isoformat()} if event.until else {}
    body |= {"policy": event.policy} if event.policy else {}
    name = f"command:{command.event_seq}"
    await events.tell(connection, dunning_books.event_of(dunning, f"dunning.{event.kind}", name, event.at, body))
    return dunning


def _is_same(command: Command, event: Event, because: str) -> bool:
    """Whether it is the same command once more, after an answer that was lost."""
    return (command.as_event, command.because) == (event, because)


async def _write(connection: AsyncConnection, invoice_id: str, event: Event, because: str) -> Command:
    values = event.model_dump(exclude={"method"})
    values |= {"invoice_id": invoice_id, "because": because, "method_id": event.method}
    statement = insert(dunning_events).values(values).returning(dunning_events)
    with said_of(KIND, invoice_id):
        row = (await connection.execute(statement)).mappings().one()
    return Command.model_validate(dict(row))


async def _move(connection: AsyncConnection, dunning: Dunning, event: Event, policies: Policies | None) -> Dunning:
    """Let it go by another policy from now on."""
    version, _, name = (event.policy or "").partition("/")
    if (version, name) == (dunning.policy_version, dunning.policy_name):
        raise ChangeRefused(KIND, dunning.invoice_id, f"it goes by {event.policy} already: name another policy")
    policy = await _named(connection, dunning, version, name, policies)
    await dunning_books.keep_policy(connection, version, policy)
    values = {"policy_version": version, "policy_name": name}
    statement = update(dunnings).where(dunnings.c.invoice_id == dunning.invoice_id).values(values)
    with said_of(KIND, dunning.invoice_id):
        await connection.execute(statement)
    return await dunning_books.known(connection, dunning.invoice_id)


async def _named(
    connection: AsyncConnection, dunning: Dunning, version: str, name: str, policies: Policies | None
) -> Policy:
    kept = await dunning_books.kept_policy(connection, version, name)
    if policies is None and kept is not None:
        return kept
    if policies is None:
        raise ChangeRefused(
            KIND, dunning.invoice_id, f"no dunning goes by a policy {version}/{name}: name one as version/name"
        )
    try:
        return policies.named(version, name)
    except DunningPolicyFault as error:
        if kept is not None:
            return kept  # it is in the file no more, and dunnings go by it still
        raise ChangeRefused(KIND, dunning.invoice_id, str(error)) from None
