"""Customers: opaque ids with what policies ask for, and contacts apart from them, which may be erased.

Functions take a connection and never commit: the caller's transaction is the step. Whatever moves a customer's invoices or
payments locks the customer's row first, so that two such steps follow each other.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from sqlalchemy import RowMapping, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.calendar import Zone
from billing.errors import ChangeRefused, IdConflict, UnknownId
from billing.tables import customer_contacts, customers
from ledger.money import CurrencyCode
from ledger.record import Identifier, Record, Text, content_hash

MAX_LISTED = 1000
KIND = "customer"
EMAIL = r"^[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}$"
LOCALE = r"^[a-z]{2,3}(-[A-Z]{2})?$"
NAME = r"^[^\x00-\x1f\x7f]{1,200}$"


class CustomerType(StrEnum):
    """Whom we deal with; policies may ask."""

    PERSON = "person"
    COMPANY = "company"


class CustomerRequest(Record):
    """A new customer; the same id may come again with the same content only."""

    customer_id: Identifier
    currency: CurrencyCode
    """In which everything is billed and paid."""
    time_zone: Zone
    locale: str = Field(pattern=LOCALE)
    type: CustomerType = CustomerType.PERSON
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    actor: Annotated[Text, Field(min_length=1, max_length=200)]

    def content_hash(self) -> str:
        """Identify what is asked, whoever asks; contacts are no part of it, so that it says nothing of them."""
        return content_hash(self)


class Contact(Record):
    """How a customer is reached: nothing of it gets into the journal, an id, or a log."""

    name: Annotated[Text, Field(pattern=NAME)] | None = None
    email: Annotated[Text, Field(pattern=EMAIL)] | None = None


class Customer(Record):
    """A customer's row."""

    customer_id: str
    request_hash: str
    currency: str
    time_zone: str
    locale: str
    type: CustomerType
    country: str | None
    created_at: datetime
    created_by: str


async def add(
    connection: AsyncConnection, request: CustomerRequest, contact: Contact | None = None
) -> tuple[Customer, bool]:
    """Write a customer down, or return the one of this id and content, and whether it is new.

    Raises IdConflict where the id stands for other content, ChangeRefused where the contact is another, or was erased.
    """
    values = request.model_dump(exclude={"actor"}) | {
        "request_hash": request.content_hash(),
        "created_by": request.actor,
    }
    statement = insert(customers).values(values).on_conflict_do_nothing().returning(customers)
    row = (await connection.execute(statement)).mappings().first()
    customer = await known(connection, request.customer_id) if row is None else _customer(row)
    if customer.request_hash != request.content_hash():
        raise IdConflict(KIND, request.customer_id)
    if contact is not None:
        await _keep_contact(connection, request.customer_id, contact)
    return customer, row is not None


async def known(connection: AsyncConnection, customer_id: str, *, lock: bool = False) -> Customer:
    """Read a customer that must exist, with the row locked if asked; raises UnknownId."""
    statement = select(customers).where(customers.c.customer_id == customer_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    row = (await connection.execute(statement)).mappings().first()
    if row is None:
        raise UnknownId(KIND, customer_id)
    return _customer(row)


async def find(connection: AsyncConnection, *, limit: int = 100) -> Sequence[Customer]:
    """List customers, newest first; never more than 1,000."""
    order = customers.c.created_at.desc(), customers.c.customer_id
    statement = select(customers).order_by(*order).limit(min(limit, MAX_LISTED))
    return [_customer(row) for row in (await connection.execute(statement)).mappings()]


async def contact_of(connection: AsyncConnection, customer_id: str) -> Contact | None:
    """Read how a customer is reached; None where nothing is known, or it was erased."""
    statement = select(customer_contacts).where(customer_contacts.c.customer_id == customer_id)
    row = (await connection.execute(statement)).mappings().first()
    return None if row is None or row["erased_at"] else Contact(name=row["name"], email=row["email"])


async def erase_contact(connection: AsyncConnection, customer_id: str, *, actor: str) -> bool:
    """Forget how a customer is reached, for good, and tell whether anything was there to be forgotten.

    Everything else stays: it names nobody. A row is kept that says so, so that a repeated `add` brings nothing back.
    """
    await known(connection, customer_id, lock=True)
    await connection.execute(insert(customer_contacts).values(customer_id=customer_id).on_conflict_do_nothing())
    erased = (
        update(customer_contacts)
        .where(customer_contacts.c.customer_id == customer_id, customer_contacts.c.erased_at.is_(None))
        .values(name=None, email=None, erased_at=func.clock_timestamp(), erased_by=actor)
        .returning(customer_contacts.c.customer_id)
    )
    return (await connection.execute(erased)).first() is not None


async def _keep_contact(connection: AsyncConnection, customer_id: str, contact: Contact) -> None:
    values = {"customer_id": customer_id, **contact.model_dump()}
    await connection.execute(insert(customer_contacts).values(values).on_conflict_do_nothing())
    kept = await contact_of(connection, customer_id)
    if kept is None:
        raise ChangeRefused(KIND, customer_id, "its contact was erased, and stays so: add another customer")
    if kept != contact:
        raise ChangeRefused(KIND, customer_id, "it has another contact: erase that, and add another customer")


def _customer(row: RowMapping) -> Customer:
    return Customer.model_validate(dict(row))
