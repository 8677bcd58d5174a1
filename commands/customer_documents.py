"""The documents of the `customers` and `methods` commands with `--json`."""

from datetime import date, datetime

from billing.customers import Contact, Customer, CustomerType
from billing.methods import Method
from commands.documents import Document


class CustomerDocument(Document):
    """A customer; nothing of it names anybody."""

    customer_id: str
    currency: str
    time_zone: str
    locale: str
    type: CustomerType
    country: str | None
    created_at: datetime
    created_by: str


class CustomerSheetDocument(CustomerDocument):
    """A customer with its contact, and what is owed."""

    name: str | None
    email: str | None
    owed_minor: int
    credit_minor: int


class MethodDocument(Document):
    """A payment method; its token is not shown."""

    method_id: str
    customer_id: str
    gateway: str
    brand: str | None
    country: str | None
    funding: str | None
    expires_on: date | None
    fingerprint: str | None
    card: str
    preference: int
    is_usable: bool
    added_at: datetime
    added_by: str
    replaced_at: datetime | None
    replaced_by: str | None
    removed_at: datetime | None
    removed_by: str | None
    removed_because: str | None
    renewed_at: datetime | None
    renewed_by: str | None
    never_at: datetime | None
    never_because: str | None


def of_customer(customer: Customer) -> CustomerDocument:
    """Show a customer."""
    return CustomerDocument(**{name: getattr(customer, name) for name in CustomerDocument.model_fields})


def of_sheet(
    customer: Customer, contact: Contact | None, *, owed_minor: int, credit_minor: int
) -> CustomerSheetDocument:
    """Show a customer whole."""
    known = contact or Contact()
    return CustomerSheetDocument(
        **of_customer(customer).model_dump(), **known.model_dump(), owed_minor=owed_minor, credit_minor=credit_minor
    )


def of_method(method: Method) -> MethodDocument:
    """Show a payment method."""
    return MethodDocument(**{name: getattr(method, name) for name in MethodDocument.model_fields})
