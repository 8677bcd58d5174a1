"""What the process of dunning and its books say to each other: what is to be done now, and what was done.

Times are aware of their zone; amounts are minor units of `currency`.
"""

from enum import StrEnum

from pydantic import AwareDatetime

from billing.dunning.decision import Need, Purpose, Reason, WaitingFor
from billing.dunning.entitlement import Access
from billing.dunning.history import EventKind
from billing.dunning.notice_ladder import Channel, Template
from ledger.charges import ChargeRequest
from ledger.money import Money
from ledger.record import Identifier, Record


class Moment(Record):
    """An invoice at a time by the clock of its process."""

    invoice_id: str
    now: AwareDatetime


class NextKind(StrEnum):
    """What comes next, if nothing else happens."""

    TRY = "try"
    ASK_CUSTOMER = "ask_customer"
    WAIT = "wait"
    GIVE_UP = "give_up"
    """Nothing more is tried: what the policy has for the end is to be carried out."""
    OVER = "over"
    """It was carried out."""


class Next(Record):
    """What `decide` says, in a form that can be sent."""

    kind: NextKind
    at: AwareDatetime
    """When it is done, or until when it lasts."""
    why: str
    method: str | None = None
    purpose: Purpose | None = None
    need: Need | None = None
    waiting_for: WaitingFor | None = None
    reason: Reason | None = None

    @property
    def words(self) -> str:
        """Say it in a few words, for lists."""
        match self.kind:
            case NextKind.TRY:
                return f"try {self.method}"
            case NextKind.ASK_CUSTOMER:
                return f"customer: {self.need}"
            case NextKind.WAIT:
                return f"wait: {self.waiting_for}"
            case NextKind.GIVE_UP | NextKind.OVER:
                return f"ended: {self.reason}"


class NoticeToSend(Record):
    """A notice that is due; its key names the step of the ladder within the invoice."""

    invoice_id: str
    key: str
    template: Template
    channel: Channel
    due_at: AwareDatetime
    why: str


class Surplus(Record):
    """What a try of ours collected beyond what was still owed."""

    charge_id: str
    money: Money


class DunningView(Record):
    """Where an unpaid invoice stands, as people see it."""

    invoice_id: str
    customer_id: str
    policy: str
    """`version/name`."""
    due: Money
    access: Access | None = None
    tries: int = 0
    """With the first failure."""
    declined: str | None = None
    """What the newest decline meant, and the code of it."""
    deadline: AwareDatetime | None = None
    next: Next | None = None
    commanded: str | None = None
    """What a person said last, and who it was."""


class Outlook(Record):
    """All that there is to do now, and when to look again."""

    view: DunningView
    next: Next
    notices: tuple[NoticeToSend, ...] = ()
    access: Access | None = None
    """What the customer may use from now on, where that was not told yet."""
    surplus: Surplus | None = None
    open_try: str | None = None
    """The charge of a try that is not decided."""
    next_number: int = 1
    """Of the next try."""
    wake_at: AwareDatetime | None = None
    """The next moment at which something is due by itself; None where nothing ever is."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        is_done = self.access is None and self.surplus is None and not self.notices
        return self.next.kind is NextKind.OVER and self.wake_at is None and is_done


class BeginTry(Record):
    """The wish to try; `number` counts the invoice's tries, so that it is the same one when it is asked for again."""

    invoice_id: str
    number: int
    method_id: str
    purpose: Purpose
    now: AwareDatetime


class TryBegun(Record):
    """The charge to be started, or why there is none and when to look again."""

    charge: ChargeRequest | None = None
    look_again_at: AwareDatetime | None = None
    why: str = ""


class WithdrawTry(Record):
    """The charge of a try never came to be: nothing was written and no gateway has heard of it."""

    charge_id: str
    because: str


class EndDunning(Record):
    """Nothing more is tried."""

    invoice_id: str
    reason: Reason
    why: str
    now: AwareDatetime


class NoteEvent(Record):
    """What a person said."""

    invoice_id: str
    kind: EventKind
    now: AwareDatetime
    by: str
    because: str
    until: AwareDatetime | None = None
    policy: str | None = None
    method: Identifier | None = None
