"""A customer with an unpaid invoice and a card that expires, and the steps that write to them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.dunning_messages import NoticeToSend
from activities.notices import LinkFor, Notices
from activities.post import Post, post_of
from billing import customers, dunning_books, methods, notice_books, plan_books, subscription_books
from billing.customers import Contact
from billing.dunning import policy_file
from billing.dunning.notice_ladder import Channel, Template
from billing.methods import MethodRequest
from billing.notice_books import NoticeRow, NoticeStanding
from billing.notices.rendering import Templates
from billing.plans import PlanTerms
from billing.subscriptions import SubscriptionRequest
from tests.activities.mail_server import MailServer
from tests.billing.books import Books, customer_request
from tests.billing.owed_samples import ALICE, usd

Result = TypeVar("Result")
FAILED_AT = datetime(2031, 11, 26, 9, tzinfo=UTC)
DUE_AT = datetime(2031, 12, 3, 9, tzinfo=UTC)
"""Of the first reminder."""
KEY = "reminder.days_after_failure.7"
EMAIL = "ada@example.org"
SENDER = "Example Shop <billing@example.com>"
POLICIES = policy_file.read()


def post_to(server: MailServer) -> Post:
    """What hands mail to this server."""
    post = post_of(server.url, SENDER, None)
    assert post is not None
    return post


def reminder(**changes: Any) -> NoticeToSend:
    """The first reminder."""
    fields: dict[str, Any] = {"invoice_id": "in_1", "key": KEY, "template": Template.REMINDER, "due_at": DUE_AT}
    return NoticeToSend(**fields | {"channel": Channel.EMAIL, "why": "7 days after the failure"} | changes)


class Told(Books):
    """Steps against one database, and what customers are told."""

    async def owing(self, *, email: str | None = EMAIL, locale: str = "en", expires_on: date | None = None) -> None:
        """Let a customer owe 19.00, whose payment failed."""
        request = customer_request(locale=locale, time_zone="UTC")
        contact = None if email is None else Contact(name="Ada", email=email)
        await self.step(lambda books: customers.add(books, request, contact))
        await self.card("pm_1", expires_on)
        await self.issue("in_1")
        edition = POLICIES.at(FAILED_AT)
        await self.step(
            lambda books: dunning_books.begin(
                books, "in_1", edition, failed_at=FAILED_AT, now=FAILED_AT, actor="process:test"
            )
        )

    async def card(self, method_id: str, expires_on: date | None) -> None:
        """Give the customer a card."""
        fields = {"method_id": method_id, "customer_id": "cus_1", "gateway": "stripe", "token": f"tok_{method_id}"}
        request = MethodRequest(**fields, brand="visa", expires_on=expires_on, actor=ALICE)
        await self.step(lambda books: methods.add(books, request))

    async def subscribe(self, subscription_id: str = "sub_1", starts_on: str = "2031-11-26") -> None:
        """Subscribe the customer to a plan."""
        plan = {"plan_id": "pro", "name": "Pro", "amount": usd(1900), "interval": {"unit": "month"}, "actor": ALICE}
        asked = {"subscription_id": subscription_id, "customer_id": "cus_1", "plan_id": "pro", "starts_on": starts_on}
        await self.step(lambda books: plan_books.add(books, PlanTerms.model_validate(plan)))
        request = SubscriptionRequest.model_validate(asked | {"actor": ALICE})
        await self.step(lambda books: subscription_books.start(books, request))

    def notices(
        self, post: Post | None, link_for: LinkFor | None = None, templates: Templates | None = None
    ) -> Notices:
        """The steps."""
        return Notices(self.engine, templates or Templates(), POLICIES, post, link_for)

    async def send(
        self, notices: Notices, notice: NoticeToSend | None = None, at: datetime = DUE_AT + timedelta(minutes=1)
    ) -> tuple[str, str | None]:
        """Send a notice as a process does; what became of it, and why."""
        result = await run_at(at, notices.send_notice, notice or reminder())
        return str(result.outcome), result.why

    async def row(self, row: NoticeRow | None = None) -> NoticeStanding | None:
        """How a notice stands."""
        asked = row or notice_books.of_invoice("in_1", KEY)
        return await self.step(lambda books: notice_books.standing_of(books, asked))

    async def told(self) -> Sequence[tuple[str, dict[str, Any]]]:
        """What merchants' systems are told of notices."""
        query = text("SELECT kind, body FROM events WHERE kind LIKE 'notice.%' ORDER BY event_id")
        return [(kind, body) for kind, body in await self.step(lambda books: books.execute(query))]


async def run_at(at: datetime, step: Any, *given: Any) -> Any:
    """Run an activity at a moment of the process's clock."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, started_time=at)
    return await environment.run(step, *given)
