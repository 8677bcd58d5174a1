"""A dunning policy: the tries, the notices and the access of one segment of invoices; editions by date."""

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field, model_validator

from billing.dunning.decline_classes import DeclineClass
from billing.dunning.errors import DunningPolicyFault
from billing.dunning.history import Customer, Invoice
from billing.dunning.notice_ladder import Notices
from billing.dunning.schedules import MAX_DAYS, Schedule
from billing.dunning.segments import Segment
from billing.dunning.zones import Zone
from ledger.editions import Moment, Version, in_force
from ledger.record import Record

MAX_POLICIES = 100
MAX_EDITIONS = 50
MAX_TRIES = 40


class Backups(StrEnum):
    """When a method that is not the customer's first is tried."""

    AT_ONCE = "at_once"
    """After the first decline of the one before it."""
    WHEN_UNUSABLE = "when_unusable"
    """Only when those before it cannot be tried any more."""
    NEVER = "never"
    """Only the first is tried, and what is put in its place."""


class SubscriptionEnd(StrEnum):
    """What becomes of the subscription."""

    CANCEL = "cancel"
    MARK_UNPAID = "mark_unpaid"
    KEEP_PAST_DUE = "keep_past_due"
    PAUSE = "pause"


class InvoiceEnd(StrEnum):
    """What becomes of the invoice."""

    KEEP_OPEN = "keep_open"
    WRITE_OFF = "write_off"
    VOID = "void"


class Schedules(Record):
    """By class; a class that only the customer can help has none."""

    wait_for_funds: Schedule
    generic: Schedule
    """Unknown codes too."""
    technical: Schedule
    """Where the issuer or the network failed: the try counts at the network."""
    unreachable: Schedule | None = None
    """Where the gateway could not be reached, which nobody counts; as technical where it is left out."""


class Access(Record):
    """The clock of the entitlement: what the customer may use, in days after the failure."""

    limited_after_days: int | None = Field(default=None, ge=0, le=MAX_DAYS)
    """Until then it is the grace period, in which nothing changes; None leaves this state out."""
    suspended_after_days: int | None = Field(default=None, ge=0, le=MAX_DAYS)


class End(Record):
    """What happens when nothing more is tried and it was not recovered."""

    subscription: SubscriptionEnd
    invoice: InvoiceEnd


class Outages(Record):
    """What happens after a gateway was down for everybody."""

    spread_minutes: int = Field(default=120, ge=1, le=1440)
    """The tries that waited for its end are spread over this time, by lot."""


class Policy(Record):
    """What is done about the invoices of one segment."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    when: Segment | None = None
    """None in the last one, which is for all others."""
    most_tries: int = Field(ge=0, le=MAX_TRIES)
    """Rungs; technical failures, a person's commands and cards just renewed use up none."""
    deadline_days: int = Field(ge=1, le=MAX_DAYS)
    """After the failure; when nothing helped by then, the end is carried out."""
    days_after_hold: int = Field(default=3, ge=1, le=30)
    """The least that is left to the deadline after a pause, a promise or another hold."""
    zone: Zone = "UTC"
    """Of customers whose zone is not known."""
    schedules: Schedules
    backups: Backups = Backups.AT_ONCE
    notices: Notices
    access: Access
    end: End
    outages: Outages = Outages()

    @model_validator(mode="after")
    def _is_compiled(self) -> "Policy":
        _ = self.by_class
        return self

    @cached_property
    def by_class(self) -> dict[DeclineClass, Schedule]:
        """The schedule of each class that has one."""
        return {
            DeclineClass.WAIT_FOR_FUNDS: self.schedules.wait_for_funds,
            DeclineClass.GENERIC: self.schedules.generic,
            DeclineClass.UNKNOWN: self.schedules.generic,
        }

    def technical_minutes(self, *, at_network: bool) -> tuple[int, ...]:
        """Return the minutes after each technical failure in a row, of the kind that the last one was."""
        schedules = self.schedules
        chosen = schedules.technical if at_network or schedules.unreachable is None else schedules.unreachable
        return chosen.after_minutes or ()

    def zone_of(self, customer: Customer) -> str:
        """Return the customer's zone, or the policy's."""
        return customer.zone or self.zone


class Edition(Record):
    """The policies in force from one moment on."""

    version: Version
    effective_from: Moment
    policies: tuple[Policy, ...] = Field(min_length=1, max_length=MAX_POLICIES)
    """Their segments do not overlap; the last one is for all that are in none."""

    def policy_for(self, invoice: Invoice, customer: Customer) -> Policy:
        """Return the policy of the invoice's segment."""
        for policy in self.policies:
            if policy.when is not None and policy.when.holds(invoice, customer):
                return policy
        return self.policies[-1]


class Policies(Record):
    """The editions of a file, the oldest first."""

    editions: Annotated[tuple[Edition, ...], Field(min_length=1, max_length=MAX_EDITIONS)]

    def at(self, moment: datetime) -> Edition:
        """Return the edition in force; raises DunningPolicyFault before the first."""
        edition = in_force(self.editions, moment)
        if edition is None:
            first = self.editions[0]
            raise DunningPolicyFault(
                f"no edition of the dunning policy is in force at {moment:%Y-%m-%d %H:%M} UTC: the first one, "
                f"{first.version}, begins at {first.effective_from:%Y-%m-%d %H:%M} UTC; date it earlier"
            )
        return edition

    def named(self, version: str, name: str) -> Policy:
        """Return a policy by its edition and name, as a running process keeps them; raises DunningPolicyFault."""
        for edition in self.editions:
            for policy in edition.policies:
                if (edition.version, policy.name) == (version, name):
                    return policy
        known = ", ".join(
            f"{edition.version}/{policy.name}" for edition in self.editions for policy in edition.policies
        )
        raise DunningPolicyFault(f"there is no dunning policy {version}/{name}: use one of {known}")
