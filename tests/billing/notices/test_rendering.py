"""Notices are written in the reader's language, day and digits; nothing missing passes for empty, and HTML is escaped."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from iso4217 import Currency
from jinja2 import UndefinedError

from billing.dunning.notice_ladder import Template
from billing.notices import localised, supposed
from billing.notices.errors import TemplateFault
from billing.notices.facts import Card, NoticeFacts
from billing.notices.rendering import Rendered, Templates
from ledger.money import Money

SHIPPED = Templates()
SPACE = "\N{NO-BREAK SPACE}"


def facts(template: Template = Template.REMINDER, **changes: Any) -> NoticeFacts:
    """Supposed facts; what is changed of the reader has its own names."""
    reader: dict[str, Any] = {
        name: changes.pop(name) for name in ("name", "locale", "zone", "merchant") if name in changes
    }
    usual = supposed.supposed(template, supposed.READER.model_copy(update=reader))
    return usual.model_copy(update=changes)


def written(text: str) -> str:
    """Text with ordinary blanks."""
    return text.replace(SPACE, " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("template", list(Template))
@pytest.mark.parametrize("locale", ["en", "de"])
def test_every_notice_is_written_in_every_language_with_facts_of_all_kinds(template: Template, locale: str) -> None:
    """No notice fails for what is not known, and none shows a hole where it was."""
    for each in supposed.every(template, locale):
        rendered = SHIPPED.render(each)
        assert rendered.language == locale
        assert rendered.html is not None
        for part in (rendered.subject, rendered.text, rendered.html):
            assert "None" not in part
            assert "{{" not in part
            assert "\n\n\n" not in part
            assert "  " not in part.replace("\n", "").replace("{ ", "").replace(" }", "") or part is rendered.html
        assert "\n" not in rendered.subject
        assert rendered.text.endswith("Example Shop\n")


class _Words(HTMLParser):
    """The words of a page, without its head, and its links."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str | None] = []
        self._in_body = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_body |= tag == "body"
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words += data.split() if self._in_body else []


@pytest.mark.parametrize("template", list(Template))
@pytest.mark.parametrize("locale", ["en", "de"])
def test_the_page_says_what_the_text_says(template: Template, locale: str) -> None:
    """Whoever sees the one and whoever sees the other read the same."""
    for each in supposed.every(template, locale):
        rendered = SHIPPED.render(each)
        page = _Words()
        page.feed(rendered.html or "")
        text = rendered.text
        if each.link is not None:
            assert page.links == [each.link]
            text = text.replace(f":\n{each.link}", "")
        assert page.words == text.split()


@pytest.mark.parametrize(
    ("locale", "language", "amount", "day"),
    [
        ("en", "en", "€49.99", "January 4, 2027"),
        ("en-GB", "en", "€49.99", "4 January 2027"),
        ("de", "de", "49,99 €", "4. Januar 2027"),
        ("de-AT", "de", "€ 49,99", "4. Jänner 2027"),
        ("de-CH", "de", "EUR 49.99", "4. Januar 2027"),
        ("fr-FR", "en", "€49.99", "January 4, 2027"),
        ("xx", "en", "€49.99", "January 4, 2027"),
    ],
)
def test_amounts_and_days_are_written_as_the_reader_writes_them(
    locale: str, language: str, amount: str, day: str
) -> None:
    """By country where the text is in their language; an English text for a French reader is English throughout."""
    rendered = SHIPPED.render(facts(locale=locale))
    assert rendered.language == language
    assert amount in written(rendered.text)
    assert day in written(rendered.text)


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", "January 5, 2027"), ("America/Los_Angeles", "January 4, 2027")]
)
def test_days_are_those_of_the_readers_zone(zone: str, day: str) -> None:
    """It is the next day there already."""
    rendered = SHIPPED.render(facts(zone=zone, failed_at=datetime(2027, 1, 4, 20, tzinfo=UTC)))
    assert day in rendered.text


@pytest.mark.parametrize("locale", ["en", "de"])
def test_an_amount_has_all_the_digits_that_are_owed(locale: str) -> None:
    """Also in currencies of which the CLDR drops digits, such as AFN: nobody is asked for 13 who owes 12.50."""
    found = 0
    for currency in Currency:
        if currency.exponent is None:
            continue
        digits, found = int(currency.exponent), found + 1
        amount = Money(amount_minor=1250 if digits < 4 else 12500, currency=currency.code)
        shown = localised.money(amount, Locale.parse(locale))
        assert sum(map(str.isdigit, shown)) == len(f"{amount.decimal():.{digits}f}".replace(".", "")), shown
    assert found > 150


def test_html_in_a_name_is_text() -> None:
    """A customer, or whoever named a plan, writes nothing into our pages."""
    rendered = SHIPPED.render(facts(name="<img src=x>", plan="<b>Pro</b> & more"))
    assert rendered.html is not None
    assert "<img" not in rendered.html
    assert "<b>" not in rendered.html
    assert "&lt;img src=x&gt;" in rendered.html
    assert "<img src=x>" in rendered.text


def test_a_brand_that_nobody_knows_is_written_all_the_same() -> None:
    """New networks come."""
    assert "your New Card card" in SHIPPED.render(facts(card=Card(brand="new_card"))).text


def own(directory: Path, **files: str) -> Templates:
    """A merchant's own templates; `de__reminder_txt` is de/reminder.txt."""
    for name, content in files.items():
        path = directory / name.replace("__", "/").replace("_txt", ".txt").replace("_html", ".html").replace(
            "_j2", ".j2"
        )
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return Templates(directory)


def test_a_merchants_own_text_comes_first(tmp_path: Path) -> None:
    """File by file: what it does not have is what ships; a text without a page goes out as plain text only."""
    templates = own(tmp_path, en__reminder_txt="Pay {{ amount|money }}\n\nPlease.\n")
    assert templates.render(facts()) == Rendered("Pay €49.99", "Please.\n", None, "en")
    assert templates.render(facts(Template.ENDED)) == SHIPPED.render(facts(Template.ENDED))
    assert templates.render(facts(locale="de")) == SHIPPED.render(facts(locale="de"))


def test_a_language_of_the_merchants_own(tmp_path: Path) -> None:
    """A language that does not ship needs nothing but its files; days and amounts are in it too."""
    templates = own(tmp_path, fr__reminder_txt="Rappel\n\n{{ amount|money }}, {{ failed_at|day }}\n")
    rendered = templates.render(facts(locale="fr-CA"))
    assert (rendered.language, written(rendered.text)) == ("fr", "49,99 €, 4 janvier 2027\n")
    assert templates.render(facts(Template.ENDED, locale="fr")).language == "en"


def test_a_region_comes_before_its_language(tmp_path: Path) -> None:
    """Austria may have words of its own."""
    templates = own(tmp_path, **{"de-AT__reminder_txt": "Servus\n\nText\n"})
    assert templates.render(facts(locale="de-AT")).subject == "Servus"
    assert templates.render(facts(locale="de")).subject != "Servus"


def test_a_frame_of_the_merchants_own(tmp_path: Path) -> None:
    """The pages that ship take the merchant's layout."""
    templates = own(tmp_path, layout_html="<main>{% block body %}{% endblock %}</main>\n")
    html = templates.render(facts()).html
    assert html is not None
    assert html.startswith("<main>")


@pytest.mark.parametrize("written_line", ["{{ nothing }}", "{{ card.number }}", "{{ reader.email }}"])
def test_what_is_missing_does_not_pass_for_empty(tmp_path: Path, written_line: str) -> None:
    """A slip of the pen is an error and no mail with a hole."""
    with pytest.raises(UndefinedError):
        own(tmp_path, en__reminder_txt=f"Subject\n\n{written_line}\n").render(facts())


def test_a_notice_has_a_subject(tmp_path: Path) -> None:
    """One line, and text after it."""
    with pytest.raises(TemplateFault, match=r"en/reminder\.txt line 1: must be a subject of 1 to 200 characters"):
        own(tmp_path, en__reminder_txt="Only a subject\n").render(facts())


def test_a_template_reaches_nothing_of_the_program(tmp_path: Path) -> None:
    """Templates are texts, and no programs."""
    with pytest.raises(Exception, match="unsafe"):
        own(tmp_path, en__reminder_txt="S\n\n{{ reader.__class__.__mro__ }}\n").render(facts())
