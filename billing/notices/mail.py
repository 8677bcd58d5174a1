"""A notice becomes a message of RFC 5322: plain text with HTML beside it, an id of its own, and a word that no person wrote it."""

import hashlib
import re
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import NamedTuple

from billing.notices.errors import AddressFault
from billing.notices.rendering import Rendered

_NAMED = re.compile(r"(?P<name>[^<>\x00-\x1f]*)<(?P<address>[^<>]+)>")

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


class Sender(NamedTuple):
    """By whom notices are sent."""

    name: str
    """As customers know the merchant."""
    address: Address
    reply_to: str | None

    @property
    def merchant(self) -> str:
        """How it is called in the text."""
        return self.name or self.address.domain


def sender_of(text: str, reply_to: str | None = None) -> Sender:
    """Read a sender such as `Example Shop <billing@example.com>`; raises AddressFault."""
    found = _NAMED.fullmatch(text.strip())
    name = found["name"].strip(' "') if found else ""
    return Sender(name, _address(found["address"] if found else text.strip(), name), _reply_to(reply_to))


def message_id(key: str, sender: Sender) -> str:
    """Return the id of a message, the same for the same notice; `key` names it among all."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.address.domain}>"


def message_of(
    rendered: Rendered, sender: Sender, *, to: str, to_name: str | None, key: str, at: datetime
) -> EmailMessage:
    """Make the message; raises AddressFault for an address that mail knows no way to."""
    recipient = _address(to, to_name or "")
    is_ascii = recipient.username.isascii() and sender.address.username.isascii()
    message = EmailMessage(policy=SMTP if is_ascii else SMTPUTF8)
    message["From"] = sender.address
    message["To"] = recipient
    if sender.reply_to:
        message["Reply-To"] = sender.reply_to
    message["Subject"] = rendered.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = message_id(key, sender)
    # RFC 3834: nobody's holiday notice answers it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rendered.text)
    if rendered.html is not None:
        message.add_alternative(rendered.html, subtype="html")
    # Last: what is set of the content before goes down into its first part.
    message["Content-Language"] = rendered.language
    return message


def _reply_to(text: str | None) -> str | None:
    return str(_address(text.strip())) if text else None


def _address(text: str, name: str = "") -> Address:
    """Read an address; a domain in other letters is written in those of DNS."""
    local, _, domain = text.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
        # Letters beyond ASCII have their own form of mail (RFC 6531), of which the parser knows nothing.
        read = Address(addr_spec=f"{_BEYOND_ASCII.sub('x', local)}@{domain}")
    except (ValueError, IndexError, MessageError):
        raise AddressFault from None
    if not read.username or not read.domain:
        raise AddressFault
    return Address(name, read.username if local.isascii() else local, read.domain)
