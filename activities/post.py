"""By what mail to customers goes out: a server, and who writes; as the settings name both."""

from typing import NamedTuple

from activities.mailer import Mailer, SmtpUrlFault, server_of
from billing.notices.errors import AddressFault
from billing.notices.mail import Sender, sender_of

ADDRESSES = (
    "NOTICE_FROM, NOTICE_REPLY_TO: must be addresses like Example Shop <billing@example.com>, since SMTP_URL is set"
)


class PostFault(ValueError):
    """The settings name no mail server, or no sender, that can be used."""


class Post(NamedTuple):
    """What hands it over, and by whom it is written."""

    mailer: Mailer
    sender: Sender


def post_of(smtp_url: str | None, notice_from: str | None, reply_to: str | None) -> Post | None:
    """Read the settings; None where no mail is to go out. Raises PostFault."""
    if not smtp_url:
        return None
    try:
        server = server_of(smtp_url)
    except SmtpUrlFault as error:
        raise PostFault(f"SMTP_URL: {error}") from None
    try:
        return Post(Mailer(server), sender_of(notice_from or "", reply_to))
    except AddressFault:
        raise PostFault(ADDRESSES) from None
