"""What billing refuses.

BillingError
|-- UnknownId       there is no customer, invoice, plan ... of this id
|-- IdConflict      the id stands for one with other content
|-- ChangeRefused   as it stands, it cannot be changed so
|-- CardRests       a card may not be tried yet, or never again
|-- LinkOver        a pay link that was used, or has lapsed
`-- CalendarFault   a zone or a date with which nothing can be computed
"""

from datetime import UTC, datetime, timedelta

COMMANDS = {
    "customer": "customers list",
    "payment method": "methods list",
    "card": "cards list",
    "plan": "plans list",
    "subscription": "subscriptions list",
    "invoice": "invoices list",
    "payment": "invoices payments",
    "charge": "charges",
    "event": "events list",
    "dunning": "dunning list",
    "try": "dunning show",
}
"""Where the ids of each kind are listed."""


class BillingError(Exception):
    """Billing refuses; the message says what, and what to do."""


class UnknownId(BillingError):
    """Nothing of this kind has the id."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"there is no {kind} {name}: check the id with `{COMMANDS[kind]}`")
        self.kind = kind
        self.name = name


class IdConflict(BillingError):
    """The id was used for other content."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} exists with other content: use another id for another {kind}")
        self.kind = kind
        self.name = name


class ChangeRefused(BillingError):
    """It stands so that this cannot be done with it; `why` says what is in the way."""

    def __init__(self, kind: str, name: str, why: str) -> None:
        super().__init__(f"{kind} {name}: {why}")
        self.kind = kind
        self.name = name
        self.why = why


class LinkOver(BillingError):
    """Nothing can be done by this link any more; `why` says whether it was used or has lapsed."""

    def __init__(self, invoice_id: str, why: str) -> None:
        super().__init__(f"a pay link of invoice {invoice_id} {why}: issue another with `invoices link {invoice_id}`")
        self.invoice_id = invoice_id
        self.why = why


class CardRests(BillingError):
    """A card may not be tried now; `next_at` says from when it may, and None that it may never again."""

    def __init__(self, method_id: str, next_at: datetime | None, why: str) -> None:
        until = (
            "never be tried again" if next_at is None else f"not be tried before {_minute(next_at):%Y-%m-%d %H:%M} UTC"
        )
        advice = "; ask for another card" if next_at is None else ""
        super().__init__(f"card of payment method {method_id} may {until}: {why}{advice}")
        self.method_id = method_id
        self.next_at = next_at
        self.why = why


class CalendarFault(BillingError, ValueError):
    """Nothing can be computed with this; the message says what to write instead."""


def _minute(moment: datetime) -> datetime:
    """The first whole minute that is not before it."""
    return (moment + timedelta(minutes=1, microseconds=-1)).astimezone(UTC)
