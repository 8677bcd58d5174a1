"""Templates become a notice: a subject, plain text, and HTML; in the reader's language, or in English.

A notice is a pair of files, `de/reminder.txt` and `de/reminder.html`; the first line of the text is the subject. A merchant's
own directory comes before what ships, language by language, and a text of its own without HTML is sent as plain text only.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from billing.dunning.notice_ladder import Template
from billing.notices import localised
from billing.notices.errors import TemplateFault
from billing.notices.facts import NoticeFacts

SHIPPED: Final = Path(__file__).with_name("templates")
GIVEN: Final = frozenset({*NoticeFacts.model_fields, "babel_locale", "language", "subject"})
"""The names that a template is given."""
MAX_SUBJECT = 200
_MANY_LINES = re.compile(r"\n[ \t]*(\n[ \t]*)+\n")


class Rendered(NamedTuple):
    """A notice as it is sent."""

    subject: str
    text: str
    html: str | None
    language: str
    """Of the templates, such as `de`."""


class Templates:
    """Those that ship, and before them a merchant's own of `directory`, which are taken to be in order (`template_check`)."""

    def __init__(self, directory: Path | None = None) -> None:
        self._folders = [SHIPPED] if directory is None else [directory, SHIPPED]
        self._texts, self._pages = (environment(self._folders, is_page=is_page) for is_page in (False, True))

    def render(self, facts: NoticeFacts) -> Rendered:
        """Return the notice; raises TemplateFault for a subject that is none, jinja2.TemplateError for what templates do wrong."""
        folder, language = self._home(facts.template, facts.reader.locale)
        content = {name: getattr(facts, name) for name in NoticeFacts.model_fields}
        content |= {"babel_locale": localised.locale_of(facts.reader.locale, language), "language": language}
        name = f"{language}/{facts.template}"
        written = self._texts.get_template(f"{name}.txt").render(content)
        subject, _, text = (part.strip() for part in written.partition("\n"))
        if not 0 < len(subject) <= MAX_SUBJECT or not text:
            raise TemplateFault(
                f"{folder / name}.txt line 1: must be a subject of 1 to {MAX_SUBJECT} characters, with the text after it"
            )
        html = None
        if (folder / f"{name}.html").is_file():
            html = self._pages.get_template(f"{name}.html").render(content | {"subject": subject})
        return Rendered(subject, _tidy(text), None if html is None else _tidy(html), language)

    def _home(self, template: Template, locale: str) -> tuple[Path, str]:
        for language in localised.candidates(locale):
            for folder in self._folders:
                if (folder / language / f"{template}.txt").is_file():
                    return folder, language
        raise TemplateNotFound(f"{localised.LANGUAGE}/{template}.txt")


def environment(folders: list[Path], *, is_page: bool) -> Environment:
    """Make the surroundings of templates: nothing that is missing passes for empty, and whatever goes into a page is escaped.

    Texts and pages have surroundings of their own: both take in `words.j2`, which is escaped in one of them only.
    """
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders),
        autoescape=is_page,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(localised.FILTERS)
    return made


def _tidy(written: str) -> str:
    """Take out the holes that paragraphs leave which are not said."""
    return _MANY_LINES.sub("\n\n", written.strip()) + "\n"
