"""Mail over SMTP: what is taken, refused, put off, and not known; a text that was handed over is never sent twice."""

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from activities import mailer
from activities.mailer import (
    Mailer,
    MailRefused,
    MailSent,
    MailServerAway,
    MailUnknown,
    SmtpServer,
    SmtpUrlFault,
    server_of,
)
from billing.notices.mail import message_of, sender_of
from billing.notices.rendering import Rendered
from local.ports import free_port
from tests.activities.mail_server import PASSWORD, USER, MailServer, mail_server

SENDER = sender_of("Example Shop <billing@example.com>")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A server that takes everything."""
    async with mail_server() as running:
        yield running


def message(to: str = "ada@example.org") -> EmailMessage:
    """A notice."""
    rendered = Rendered("Subject ü", "Text ü\n.\nafter the dot\n", "<p>HTML ü</p>", "en")
    return message_of(rendered, SENDER, to=to, to_name="Ada", key="in_1/reminder", at=datetime(2027, 1, 4, tzinfo=UTC))


async def test_a_message_arrives_as_it_was_written(server: MailServer) -> None:
    """Text, HTML, a line with a lone dot and letters beyond ASCII come through, to the one recipient."""
    assert await Mailer(server_of(server.url)).send(message()) == MailSent()
    [taken] = server.messages
    assert server.envelopes == [("billing@example.com", ["ada@example.org"])]
    assert (taken["Subject"], taken["To"]) == ("Subject ü", "Ada <ada@example.org>")
    text, html = (taken.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == ["Text ü", ".", "after the dot"]
    assert html.get_content().strip() == "<p>HTML ü</p>"
    assert taken["Auto-Submitted"] == "auto-generated"


async def test_an_address_in_other_letters_is_reached(server: MailServer) -> None:
    """Local parts beyond ASCII go by SMTPUTF8, domains by the letters of DNS."""
    assert await Mailer(server_of(server.url)).send(message("ädä@exämple.org")) == MailSent()
    assert server.envelopes == [("billing@example.com", ["ädä@xn--exmple-cua.org"])]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_refusal_for_good_is_final(server: MailServer, step: str) -> None:
    """A 5xx is never tried again, and what is kept of it does not name the customer."""
    server.answers[step] = "550 5.1.1 <ada@example.org> is not known here"
    refused = await Mailer(server_of(server.url)).send(message())
    assert refused == MailRefused(f"the mail server 127.0.0.1:{server.port} refused it (550 5.1.1)")
    assert server.messages == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_refusal_for_now_may_be_tried_again(server: MailServer, step: str) -> None:
    """A 4xx says that nothing was taken, also after the text."""
    server.answers[step] = "451 4.3.0 ask ada@example.org later"
    with pytest.raises(MailServerAway, match=r"does not take it now \(451 4\.3\.0\)$"):
        await Mailer(server_of(server.url)).send(message())


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
async def test_who_hangs_up_before_the_text_has_nothing(server: MailServer, step: str) -> None:
    """Nothing has left the house, so that it may be sent again."""
    server.hangs_up_at = step
    with pytest.raises(MailServerAway, match="fell silent"):
        await Mailer(server_of(server.url)).send(message())


@pytest.mark.parametrize("step", ["TEXT", "DATA"])
async def test_who_hangs_up_in_the_text_may_have_it(server: MailServer, step: str) -> None:
    """Whether the server took it is not known: it is not sent again, so that the customer never gets it twice."""
    server.hangs_up_at = step
    found = await Mailer(server_of(server.url)).send(message())
    assert isinstance(found, MailUnknown)
    assert found.why.endswith("after it was given the message, which may have gone out")


async def test_nobody_at_the_address_is_an_outage() -> None:
    """A server that is not there says nothing of the message."""
    port = free_port()
    with pytest.raises(MailServerAway, match=f"127.0.0.1:{port} fell silent"):
        await Mailer(SmtpServer("127.0.0.1", port, "none")).send(message())


async def test_a_server_that_never_answers_is_left(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No message waits without end; after the text its fate is not known."""
    monkeypatch.setattr(mailer, "SENDING_SECONDS", 0.3)
    server.pause.clear()
    assert isinstance(await Mailer(server_of(server.url)).send(message()), MailUnknown)
    server.pause.set()


def certificate(directory: Path) -> Path:
    """A key with a certificate of its own for 127.0.0.1."""
    from ipaddress import ip_address  # noqa: PLC0415 # two tests need it

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


async def test_a_login_goes_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a user the connection is encrypted by STARTTLS, and the server's certificate has to be one that is trusted."""
    file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    async with mail_server(tls=context, asks_who=True) as server:
        url = f"smtp://{USER}:s3cret%2F%40%3A@127.0.0.1:{server.port}?tls=starttls"
        assert server_of(url).password == PASSWORD
        with pytest.raises(MailServerAway):
            await Mailer(server_of(url)).send(message())
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
        assert await Mailer(server_of(url)).send(message()) == MailSent()
        with pytest.raises(MailServerAway, match=r"lets nobody in \(535 5\.7\.8\): see SMTP_URL"):
            await Mailer(server_of(url.replace("s3cret", "other"))).send(message())


async def test_tls_is_not_given_up_where_the_server_has_none(server: MailServer) -> None:
    """A server, or somebody on the way, that does not offer STARTTLS gets no message."""
    with pytest.raises(MailServerAway):
        await Mailer(server_of(server.url.replace("none", "starttls"))).send(message())
    assert server.messages == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 587, "starttls")),
        ("smtp://mail.example.com?tls=none", ("mail.example.com", 25, "none")),
        ("smtp://mail.example.com:2525?tls=implicit", ("mail.example.com", 2525, "implicit")),
        ("smtps://u:p@mail.example.com", ("mail.example.com", 465, "implicit")),
    ],
)
def test_the_address_of_a_server_says_how_it_is_spoken_to(url: str, expected: tuple[str, int, str]) -> None:
    """Encrypted, where nobody says otherwise."""
    assert server_of(url)[:3] == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:99999",
        "smtp://mail.example.com/inbox",
        "smtp://mail.example.com?tls=maybe",
        "smtp://mail.example.com?tls",
        "smtp://mail.example.com?timeout=5",
        "smtps://mail.example.com?tls=none",
        "smtp://user@mail.example.com",
        "smtp://user:hunter2@mail.example.com?tls=none",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    """A password is never sent in clear, nor shown."""
    with pytest.raises(SmtpUrlFault) as fault:
        server_of(url)
    assert "hunter2" not in str(fault.value)
