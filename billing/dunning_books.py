"""Dunning in the database: which unpaid invoices are being recovered, since when, by which policy, and how it ended.

Functions take a connection and never commit: the caller's transaction is the step. `now` is the caller's. They lock the
customer's row first, as whatever moves the customer's money does.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing import customers, events, invoice_books, subscription_books
from billing.customers import Customer
from billing.dunning import history
from billing.dunning.decision import Reason
from billing.dunning.policy import Edition, Policy
from billing.dunning.recovery import RecoveredBy
from billing.dunning_tables import dunning_policies, dunnings
from billing.errors import ChangeRefused, UnknownId
from billing.events import Event
from billing.invoices import Invoice, InvoiceState
from billing.subscriptions import Subscription, SubscriptionState
from ledger.money import Money
from ledger.record import Record

KIND = "dunning"
MAX_LISTED = 10_000
PROCESS = "process:dunning"
"""Who acts, where no person does."""


class Dunning(Record):
    """A dunning's row; amounts in minor units of `currency`."""

    invoice_id: str
    customer_id: str
    subscription_id: str | None
    policy_version: str
    policy_name: str
    failed_at: datetime
    amount_minor: int
    """What was due when the payment failed."""
    currency: str
    began_at: datetime
    began_by: str
    recorded_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    reason: Reason | None
    recovered_by: RecoveredBy | None
    """Of one that was paid before its end."""

    @property
    def amount(self) -> Money:
        """What was due when the payment failed."""
        return Money(amount_minor=self.amount_minor, currency=self.currency)

    @property
    def policy(self) -> str:
        """The policy that it goes by: `version/name`."""
        return f"{self.policy_version}/{self.policy_name}"


async def begin(
    connection: AsyncConnection,
    invoice_id: str,
    edition: Edition,
    *,
    failed_at: datetime,
    now: datetime,
    actor: str,
    because: str | None = None,
) -> Dunning:
    """Begin to recover an open invoice by the policy of its segment, or return the dunning that it has.

    `because` is why a person began it; where a payment failed, nobody has to say. Its subscription stands past due from now on. Raises UnknownId, and ChangeRefused for an invoice that is not open.
    """
    invoice = await invoice_books.known(connection, invoice_id)
    customer = await customers.known(connection, invoice.customer_id, lock=True)
    present = await get(connection, invoice_id)
    if present is not None:
        return present
    invoice = await invoice_books.known(connection, invoice_id)
    if invoice.state is not InvoiceState.OPEN:
        why = f"invoice {invoice_id} is {invoice.state}, and only what is open and due is recovered"
        raise ChangeRefused(KIND, invoice_id, why)
    subscription = None
    if invoice.subscription_id is not None:
        subscription = await subscription_books.known(connection, invoice.subscription_id, lock=True)
    owed = history.Invoice(invoice_id=invoice_id, amount=invoice.due, failed_at=failed_at)
    policy = edition.policy_for(owed, debtor(customer, subscription))
    await keep_policy(connection, edition.version, policy)
    values = {
        "invoice_id": invoice_id,
        "customer_id": customer.customer_id,
        "subscription_id": invoice.subscription_id,
        "policy_version": edition.version,
        "policy_name": policy.name,
        "failed_at": failed_at,
        "amount_minor": invoice.due_minor,
        "currency": invoice.currency,
        "began_at": now,
        "began_by": actor,
    }
    row = (await connection.execute(insert(dunnings).values(values).returning(dunnings))).mappings().one()
    if subscription is not None and subscription.state is SubscriptionState.ACTIVE:
        why = f"invoice {invoice_id} could not be collected"
        past_due = SubscriptionState.PAST_DUE
        name = subscription.subscription_id
        await subscription_books.stand(connection, name, past_due, now=now, actor=actor, because=why)
    dunning = _dunning(row)
    told = {"amount_minor": invoice.due_minor, "currency": invoice.currency, "policy": dunning.policy, "by": actor}
    told |= {"failed_at": failed_at.isoformat()} | ({"because": because} if because is not None else {})
    await events.tell(connection, event_of(dunning, "dunning.began", "began", now, told))
    return dunning


async def get(connection: AsyncConnection, invoice_id: str) -> Dunning | None:
    """Read the dunning of an invoice, or None."""
    row = (await connection.execute(select(dunnings).where(dunnings.c.invoice_id == invoice_id))).mappings().first()
    return None if row is None else _dunning(row)


async def known(connection: AsyncConnection, invoice_id: str, *, lock: bool = False) -> Dunning:
    """Read a dunning that must exist, with its customer's row locked if asked; raises UnknownId."""
    dunning = await get(connection, invoice_id)
    if dunning is None:
        raise UnknownId(KIND, invoice_id)
    if not lock:
        return dunning
    await customers.known(connection, dunning.customer_id, lock=True)
    return await known(connection, invoice_id)


async def find(
    connection: AsyncConnection,
    *,
    customer_id: str | None = None,
    subscription_id: str | None = None,
    is_running: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Sequence[Dunning]:
    """List dunnings by when the payment failed, newest first, from `since` and before `until`; never more than 10,000."""
    statement = select(dunnings).order_by(dunnings.c.failed_at.desc(), dunnings.c.invoice_id)
    if customer_id is not None:
        statement = statement.where(dunnings.c.customer_id == customer_id)
    if subscription_id is not None:
        statement = statement.where(dunnings.c.subscription_id == subscription_id)
    if is_running is not None:
        statement = statement.where(dunnings.c.ended_at.is_(None) if is_running else dunnings.c.ended_at.is_not(None))
    if since is not None:
        statement = statement.where(dunnings.c.failed_at >= since)
    if until is not None:
        statement = statement.where(dunnings.c.failed_at < until)
    rows = (await connection.execute(statement.limit(min(limit, MAX_LISTED)))).mappings()
    return [_dunning(row) for row in rows]


async def policy_of(connection: AsyncConnection, dunning: Dunning) -> Policy:
    """Read the policy that a dunning goes by, as it was kept when the first one went by it."""
    policy = await kept_policy(connection, dunning.policy_version, dunning.policy_name)
    if policy is None:
        raise UnknownId(KIND, dunning.invoice_id)
    return policy


async def kept_policy(connection: AsyncConnection, version: str, name: str) -> Policy | None:
    """Read a policy that some dunning went by, or None."""
    table = dunning_policies
    statement = select(table.c.content).where(table.c.version == version, table.c.name == name)
    content = await connection.scalar(statement)
    return None if content is None else Policy.model_validate(content)


async def keep_policy(connection: AsyncConnection, version: str, policy: Policy) -> None:
    """Keep what dunnings go by, whatever becomes of the file; raises ChangeRefused where its content was another."""
    values = {"version": version, "name": policy.name, "content": policy.model_dump(mode="json")}
    await connection.execute(insert(dunning_policies).values(values).on_conflict_do_nothing())
    if await kept_policy(connection, version, policy.name) != policy:
        why = "dunnings go by it with other content: give the changed edition another version"
        raise ChangeRefused("dunning policy", f"{version}/{policy.name}", why)


async def debtor_of(connection: AsyncConnection, invoice: Invoice) -> history.Customer:
    """Read who owes an invoice, as policies ask for it."""
    customer = await customers.known(connection, invoice.customer_id)
    if invoice.subscription_id is None:
        return debtor(customer, None)
    return debtor(customer, await subscription_books.known(connection, invoice.subscription_id))


def debtor(customer: Customer, subscription: Subscription | None) -> history.Customer:
    """Return a customer as policies ask for it."""
    return history.Customer(
        customer_id=customer.customer_id,
        zone=customer.time_zone,
        country=customer.country,
        plan=subscription.plan_id if subscription else None,
        customer_type=customer.type,
        customer_since=customer.created_at,
    )


def event_of(dunning: Dunning, kind: str, name: str, at: datetime, body: dict[str, object]) -> Event:
    """Tell something of a dunning; `name` tells it from all else that is told of the same one."""
    return Event(
        key=f"dunning/{dunning.invoice_id}:{name}",
        kind=kind,
        subject=f"invoice/{dunning.invoice_id}",
        customer_id=dunning.customer_id,
        occurred_at=at,
        body={"invoice": dunning.invoice_id, "subscription": dunning.subscription_id, **body},
    )


def _dunning(row: RowMapping) -> Dunning:
    return Dunning.model_validate(dict(row))
