"""A notice becomes a message that mail servers take: addresses, an id of its own, and a word that no person wrote it."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from billing.notices.errors import AddressFault
from billing.notices.mail import Sender, message_id, message_of, sender_of
from billing.notices.rendering import Rendered

AT = datetime(2027, 1, 4, 9, tzinfo=UTC)
SENDER = sender_of("Example Shop <billing@example.com>", "help@example.com")


def made(
    to: str = "ada@example.org", name: str | None = "Ada", html: str | None = "<p>ü</p>", key: str = "k"
) -> EmailMessage:
    """A message, as it comes out of its bytes again."""
    rendered = Rendered("Subject ü", "Text ü\n", html, "de")
    sent = message_of(rendered, SENDER, to=to, to_name=name, key=key, at=AT)
    return message_from_bytes(sent.as_bytes(), policy=policy.default)


def test_the_headers_say_who_what_and_that_no_person_wrote_it() -> None:
    """No holiday notice answers it, and answers go where the merchant reads them."""
    message = made()
    assert message["From"] == "Example Shop <billing@example.com>"
    assert message["To"] == "Ada <ada@example.org>"
    assert message["Reply-To"] == "help@example.com"
    assert message["Date"] == "Mon, 04 Jan 2027 09:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "de"
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert [part.get_content_type() for part in made(html=None).walk()] == ["text/plain"]


def test_the_id_follows_from_the_notice() -> None:
    """The same notice has the same id, so that a mailbox that got it twice would show it once; it names nobody."""
    assert made(key="notice/invoice/in_1:reminder")["Message-ID"] == message_id("notice/invoice/in_1:reminder", SENDER)
    assert made(key="a")["Message-ID"] != made(key="b")["Message-ID"]
    assert "in_1" not in message_id("notice/invoice/in_1:reminder", SENDER)


@pytest.mark.parametrize("name", ['Ada, "Countess" <x@evil.example>', "Adä Ö", "Ada\tB", None])
def test_a_name_is_a_name_and_no_address(name: str | None) -> None:
    """Whatever a customer is called, there is one recipient."""
    [address] = made(name=name)["To"].addresses
    assert (address.addr_spec, address.display_name.replace("\t", " ")) == (
        "ada@example.org",
        (name or "").replace("\t", " "),
    )


def test_a_domain_in_other_letters_is_written_in_those_of_dns() -> None:
    """Customers type what they read."""
    assert made(to="ada@exämple.org")["To"].addresses[0].addr_spec == "ada@xn--exmple-cua.org"


@pytest.mark.parametrize(
    "address",
    ["a..b@c.de", "a,b@c.de", "@c.de", "a@", "a b@c.de", "a@b@c.de", f"a@{'x' * 70}.de", "a@b..c", "<a@b.de>", "a", ""],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str) -> None:
    """No server is asked, and no log has it."""
    with pytest.raises(AddressFault) as fault:
        made(to=address)
    assert str(fault.value) == "the customer's address is none that mail can be sent to: give another one"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("billing@example.com", "example.com", "billing@example.com"),
        ("Example, Shop <billing@example.com>", "Example, Shop", "billing@example.com"),
        ('"Example Shop" <billing@example.com>', "Example Shop", "billing@example.com"),
        ("<billing@exämple.com>", "xn--exmple-cua.com", "billing@xn--exmple-cua.com"),
    ],
)
def test_a_sender_is_read(text: str, name: str, address: str) -> None:
    """The name is what customers know the merchant by; without one it is the domain."""
    sender = sender_of(text)
    assert (sender.merchant, sender.address.addr_spec, sender.reply_to) == (name, address, None)
    assert isinstance(sender, Sender)


@pytest.mark.parametrize("text", ["", "Example Shop", "a@b <c@d> e", "Shop\r\nBcc: x@y.example <a@b.example>"])
def test_a_sender_that_is_none_is_refused(text: str) -> None:
    """No header is written by a setting."""
    with pytest.raises(AddressFault):
        sender_of(text)
