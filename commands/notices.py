"""`dunning notice`: what customers are told, as it will be written; and what is wrong with a merchant's own templates."""
# ruff: noqa: PLC0415 # heavy parts are imported when a command runs, so that --help is quick

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from commands import notice_options, options, output
from commands.errors import AnswerIsNo, WrongUse

if TYPE_CHECKING:
    from billing.dunning.notice_ladder import Template
    from billing.notices.facts import NoticeFacts
    from billing.notices.rendering import Rendered
    from commands.connections import Books
    from settings import Settings

app = typer.Typer(help="What customers are told: previews, and templates of one's own.")


@app.command()
def show(
    template: notice_options.Template,
    *,
    locale: notice_options.Locale = None,
    html: notice_options.Html = False,
    invoice_id: notice_options.Invoice = None,
    directory: notice_options.Templates = None,
    as_json: options.AsJson = False,
) -> None:
    """Show a notice with supposed facts, or as an invoice would have it now; nothing is sent."""
    from jinja2 import TemplateError

    from billing.notices.errors import TemplateFault
    from billing.notices.rendering import Templates
    from commands import connections, notice_documents

    settings = connections.load_settings()
    facts = _facts(template, invoice_id, locale, settings)
    given = directory or settings.notice_templates
    if given is not None:
        _checked(given)
    try:
        rendered = Templates(None if given is None else Path(given)).render(facts)
    except (TemplateError, TemplateFault) as error:
        what = str(error).partition("\n")[0]
        raise AnswerIsNo(f"{template} cannot be written of invoice {invoice_id} as it stands: {what}") from None
    if as_json:
        output.document(notice_documents.of_notice(template, rendered).plain())
    elif html:
        if rendered.html is None:
            raise AnswerIsNo(f"{template} has no page in {rendered.language}: it is sent as plain text only")
        output.line(rendered.html.rstrip("\n"))
    else:
        output.line(f"Subject: {rendered.subject}\n\n{rendered.text}".rstrip("\n"))


@app.command()
def check(directory: notice_options.Directory, *, as_json: options.AsJson = False) -> None:
    """Write every notice of a directory with facts of all kinds, and say what is wrong, with file and line."""
    rendered = _checked(directory)
    languages = sorted({each.language for each in rendered})
    if as_json:
        output.document({"languages": languages, "notices": len(rendered)})
    else:
        output.line(f"{directory} is in order: {len(rendered)} notices in {', '.join(languages)}")


def _checked(directory: str) -> "list[Rendered]":
    from billing.notices import template_check
    from billing.notices.errors import TemplateFault

    try:
        return template_check.check(Path(directory))
    except TemplateFault as error:
        raise WrongUse(*error.lines) from None


def _facts(template: "Template", invoice_id: str | None, locale: str | None, settings: "Settings") -> "NoticeFacts":
    from datetime import UTC, datetime

    from billing import notice_reading
    from billing.notices import supposed
    from commands import arguments, billing_steps

    merchant = _merchant(settings.notice_from) or supposed.READER.merchant
    if locale is not None:
        _require_locale(locale)
    if invoice_id is None:
        reader = supposed.READER.model_copy(update={"locale": locale or "en", "merchant": merchant})
        return supposed.supposed(template, reader)
    arguments.identifier("--invoice", invoice_id)

    async def read(books: "Books") -> "NoticeFacts":
        now = datetime.now(UTC)
        return (await notice_reading.of_invoice(books, invoice_id, "", template, merchant=merchant, now=now)).facts

    facts = billing_steps.read(read)
    reader = facts.reader if locale is None else facts.reader.model_copy(update={"locale": locale})
    return facts.model_copy(update={"reader": reader, "link": supposed.LINK if facts.is_owed else None})


def _merchant(notice_from: str | None) -> str | None:
    from billing.notices.errors import AddressFault
    from billing.notices.mail import sender_of

    try:
        return sender_of(notice_from).merchant if notice_from else None
    except AddressFault:
        raise WrongUse("NOTICE_FROM: must be an address like Example Shop <billing@example.com>") from None


def _require_locale(locale: str) -> None:
    import re

    from billing.customers import LOCALE

    if not re.fullmatch(LOCALE, locale):
        raise WrongUse(f"--locale: {locale} is none: give it like de, or de-AT")
