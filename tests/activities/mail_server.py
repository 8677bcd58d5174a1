"""A real SMTP server on loopback, which can be told to refuse, and to hang up."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "quittance", "s3cret/@:"


class MailServer:
    """What it took, and what it answers."""

    def __init__(self) -> None:
        self.port = 0
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.connections = 0
        self.answers: dict[str, str] = {}
        """By the step, `MAIL`, `RCPT` or `DATA`: what is answered instead of yes."""
        self.hangs_up_at: str | None = None
        """The step at which the connection is cut; `DATA` when the text has come, `TEXT` as soon as it may begin."""
        self.pauses_at = "DATA"
        self.pause = asyncio.Event()
        """Cleared, the answer to that step waits for it."""
        self.pause.set()
        self.has_paused = asyncio.Event()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    async def handle_MAIL(  # noqa: N802 # as the library calls it
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return await self._answer("MAIL", server)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._answer("RCPT", server)

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await self._answer("DATA", server)
        if answer.startswith("250"):
            message = message_from_bytes(cast("bytes", envelope.original_content), policy=policy.default)
            self.messages.append(message)
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return answer

    async def _answer(self, step: str, server: SMTP) -> str:
        if self.pauses_at == step and not self.pause.is_set():
            self.has_paused.set()
            await self.pause.wait()
        if self.hangs_up_at == step:
            cast("asyncio.Transport", server.transport).abort()
        return self.answers.get(step, "250 OK")


class _Protocol(SMTP):
    """The library's server, which can hang up where the text begins."""

    def __init__(self, owner: MailServer, **options: Any) -> None:
        super().__init__(owner, hostname="mail.test", **options)
        self._owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.connections += 1
        super().connection_made(transport)

    async def push(self, status: Any) -> None:
        await super().push(status)
        if self._owner.hangs_up_at == "TEXT" and str(status).startswith("354"):
            cast("asyncio.Transport", self.transport).abort()


def _authenticated(_server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    known = mechanism in {"LOGIN", "PLAIN"} and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@asynccontextmanager
async def mail_server(*, tls: ssl.SSLContext | None = None, asks_who: bool = False) -> AsyncIterator[MailServer]:
    """Run one; with `tls` it offers STARTTLS, and `asks_who` lets in only who logs in over it."""
    owner = MailServer()
    options: dict[str, Any] = {"enable_SMTPUTF8": True, "loop": asyncio.get_running_loop(), "tls_context": tls}
    if asks_who:
        options |= {"authenticator": _authenticated, "auth_required": True, "require_starttls": True}
    server = await asyncio.get_running_loop().create_server(lambda: _Protocol(owner, **options), "127.0.0.1", 0)
    owner.port = server.sockets[0].getsockname()[1]
    try:
        yield owner
    finally:
        server.close()
        await server.wait_closed()
