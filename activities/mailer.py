"""Sends mail by SMTP, one message over one connection, and says what became of it.

Until its text was handed over nothing has left the house, and it may be sent again. A server that falls silent after that may
have taken it: such a message is never sent a second time. What servers say is kept as its code only, since it repeats addresses.
"""

import asyncio
import re
from email.message import EmailMessage
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from aiosmtplib import SMTP, SMTPDataError, SMTPException, SMTPResponseException

ANSWER_SECONDS = 20.0
"""How long a server may take for each answer."""
SENDING_SECONDS = 60.0
"""How long the whole of it may take."""
PORTS = {"starttls": 587, "implicit": 465, "none": 25}
EXAMPLE = "smtp://user:password@mail.example.com:587?tls=starttls"
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")


class SmtpServer(NamedTuple):
    """Where mail is handed over."""

    host: str
    port: int
    tls: str
    """`starttls`, `implicit` or `none`."""
    user: str | None = None
    password: str | None = None

    @property
    def place(self) -> str:
        """Where it is, for people; without the password."""
        return f"{self.host}:{self.port}"


class MailSent(NamedTuple):
    """The server took it."""


class MailRefused(NamedTuple):
    """The server will never take it."""

    why: str


class MailUnknown(NamedTuple):
    """The server may have taken it."""

    why: str


class MailServerAway(Exception):
    """It could not be handed over now; nothing has left the house."""


class SmtpUrlFault(ValueError):
    """An address of a mail server that cannot be used; the message does not repeat it, since it may hold a password."""


def server_of(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:587?tls=starttls`; `smtps` is TLS from the first byte. Raises SmtpUrlFault."""
    try:
        parts = urlsplit(url)
        port, query = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise SmtpUrlFault(f"must be an address like {EXAMPLE}") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path.strip("/") or port == 0:
        raise SmtpUrlFault(f"must be an address like {EXAMPLE}")
    tls = query.pop("tls", "implicit" if parts.scheme == "smtps" else "starttls")
    if query or tls not in PORTS or (parts.scheme == "smtps" and tls != "implicit"):
        raise SmtpUrlFault(f"has nothing after it but tls, which is {', '.join(PORTS)}, as in {EXAMPLE}")
    user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
    if (user is None) != (password is None):
        raise SmtpUrlFault(f"must have a user and a password, or neither, as in {EXAMPLE}")
    if tls == "none" and password is not None:
        raise SmtpUrlFault("must not send a password that anybody can read: use tls=starttls")
    return SmtpServer(parts.hostname, port or PORTS[tls], tls, user, password)


class Mailer:
    """Hands messages to one server."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    async def send(self, message: EmailMessage) -> MailSent | MailRefused | MailUnknown:
        """Send a message to its one recipient; raises MailServerAway."""
        is_handed_over = False
        client = self._client()
        try:
            async with asyncio.timeout(SENDING_SECONDS):
                await self._greet(client)
                refused = await self._envelope(client, message)
                if refused is not None:
                    return refused
                is_handed_over = True
                await client.data(message.as_bytes())
                return MailSent()
        except SMTPDataError as error:
            return self._answered(error)
        except (SMTPException, OSError, TimeoutError) as error:
            what = f"the mail server {self._server.place} fell silent ({type(error).__name__})"
            if is_handed_over:
                return MailUnknown(f"{what} after it was given the message, which may have gone out")
            raise MailServerAway(f"{what}: start it, or correct SMTP_URL") from None
        finally:
            client.close()

    def _client(self) -> SMTP:
        server = self._server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            local_hostname="localhost",
            timeout=ANSWER_SECONDS,
        )

    async def _greet(self, client: SMTP) -> None:
        """Connect, encrypt and log in; whatever is wrong here is wrong with the server or the settings, and not with the message."""
        try:
            await client.connect()
            await client.ehlo()
        except SMTPResponseException as error:
            raise MailServerAway(
                f"the mail server {self._server.place} lets nobody in ({_code(error)}): see SMTP_URL"
            ) from None

    async def _envelope(self, client: SMTP, message: EmailMessage) -> MailRefused | None:
        sender, recipient = (_addr_spec(message, name) for name in ("From", "To"))
        options = []
        if not (sender + recipient).isascii():
            if not client.supports_extension("smtputf8"):
                return MailRefused(f"the mail server {self._server.place} knows no addresses in letters beyond ASCII")
            options.append("SMTPUTF8")
        try:
            await client.mail(sender, options=options, encoding="utf-8" if options else "ascii")
            await client.rcpt(recipient, encoding="utf-8" if options else "ascii")
        except SMTPResponseException as error:
            found = self._answered(error)
            return found if isinstance(found, MailRefused) else None
        return None

    def _answered(self, error: SMTPResponseException) -> MailRefused:
        """Return what a refusal means; raises MailServerAway where it is for now only."""
        if 400 <= error.code < 500:
            raise MailServerAway(
                f"the mail server {self._server.place} does not take it now ({_code(error)})"
            ) from None
        return MailRefused(f"the mail server {self._server.place} refused it ({_code(error)})")


def _addr_spec(message: EmailMessage, header: str) -> str:
    return str(message[header].addresses[0].addr_spec)


def _code(error: SMTPResponseException) -> str:
    """Return the codes of an answer, and nothing of its words."""
    status = _STATUS.match(error.message)
    return f"{error.code} {status[1]}" if status else str(error.code)
