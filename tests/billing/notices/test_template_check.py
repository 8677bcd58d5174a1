"""A merchant's own templates are looked through before any is used; each fault is told with its file and line."""

from pathlib import Path

import pytest

from billing.dunning.notice_ladder import Template
from billing.notices import template_check
from billing.notices.errors import TemplateFault

GOOD = "Subject\n\nText\n"


def check(directory: Path, files: dict[str, str]) -> list[str]:
    """Write files, and return the faults, without the directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    try:
        template_check.check(directory)
    except TemplateFault as fault:
        return [line.replace(f"{directory}/", "") for line in fault.lines]
    return []


FAULTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "a name of no notice": (
        {"en/remainder.txt": GOOD},
        ["en/remainder.txt: nothing is of this name: use layout.html, LANGUAGE/words.j2"],
    ),
    "a language that is none": ({"english/reminder.txt": GOOD}, ["english/reminder.txt: nothing is of this name"]),
    "a folder too deep": ({"en/more/reminder.txt": GOOD}, ["en/more/reminder.txt: nothing is of this name"]),
    "a page without its text": (
        {"en/reminder.html": "<p>x</p>"},
        ["en/reminder.html: needs reminder.txt beside it: a notice is sent as plain text, and as HTML with it"],
    ),
    "a block that is not closed": (
        {"en/reminder.txt": "Subject\n\n{% if link %}\nText\n"},
        ["en/reminder.txt line 4: Unexpected end of template."],
    ),
    "a filter that is none": (
        {"en/reminder.txt": "Subject\n\n{{ amount|euros }}\n"},
        ["en/reminder.txt line 3: No filter named 'euros'"],
    ),
    "a name that is none": (
        {"en/reminder.txt": "Subject\n\nText\n{{ customer }}\n"},
        ["en/reminder.txt line 4: there is no customer: use one of access, amount, card, cause, deadline"],
    ),
    "a part that is none": (
        {"en/reminder.txt": "Subject\n\n{{ reader.email }}\n"},
        ["en/reminder.txt line 3: 'billing.notices.facts.Reader object' has no attribute 'email'"],
    ),
    "a card that may be unknown": (
        {"en/reminder.txt": "Subject\n\n\n{{ card.brand }}\n"},
        ["en/reminder.txt line 4: 'None' has no attribute 'brand'"],
    ),
    "an amount where there is none": (
        {"en/card_expiring.txt": "Subject {{ amount|money }}\n\nText\n"},
        ["en/card_expiring.txt line 1: an amount is not known here: what may be missing has to be asked for"],
    ),
    "a subject alone": (
        {"en/reminder.txt": "Subject\n"},
        ["en/reminder.txt line 1: must be a subject of 1 to 200 characters, with the text after it"],
    ),
    "a subject for some only": (
        {"en/reminder.txt": "{% if link %}Subject{% endif %}\n\nText\n"},
        ["en/reminder.txt line 1: must be a subject"],
    ),
    "another file that is not there": (
        {"en/reminder.txt": 'Subject\n\n{% include "en/footer.txt" %}\n'},
        ["en/reminder.txt line 3: there is no en/footer.txt: leave it out"],
    ),
    "words that the notices need and that are not there": (
        {"en/words.j2": "{% macro greeting() %}Hi{% endmacro %}\n"},
        [".txt line"],
    ),
    "several": (
        {"en/reminder.txt": "Subject\n\n{{ one }}\n", "de/ended.txt": "{{ two }}\n\nText\n"},
        ["de/ended.txt line 1: there is no two", "en/reminder.txt line 3: there is no one"],
    ),
    "a loop without end": (
        {"en/reminder.txt": "Subject\n\n{% for each in range(99999999) %}x{% endfor %}\n"},
        ["en/reminder.txt line 3: Range too big"],
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_told_with_file_and_line(tmp_path: Path, case: str) -> None:
    """Whoever wrote it finds it."""
    files, expected = FAULTS[case]
    found = check(tmp_path, files)
    assert len(found) >= len(expected)
    for line, part in zip(found, expected, strict=False):
        assert part in line


def test_what_is_in_order_is_shown_as_it_will_be(tmp_path: Path) -> None:
    """Own files, a language of one's own, and a frame."""
    files = {
        "layout.html": "<main>{% block body %}{% endblock %}</main>",
        "fr/reminder.txt": "Rappel {{ amount|money }}\n\n{{ failed_at|day }}{% if card %}{{ card.brand|brand }}{% endif %}\n",
        "fr/reminder.html": '{% extends "layout.html" %}{% block body %}<p>{{ amount|money }}</p>{% endblock %}',
        "de-AT/ended.txt": "Servus\n\nText\n",
    }
    assert check(tmp_path, files) == []
    rendered = template_check.check(tmp_path)
    assert {each.language for each in rendered} == {"de", "de-AT", "en", "fr"}


def test_no_directory_and_an_empty_one(tmp_path: Path) -> None:
    """A slip in the setting is no set of templates."""
    with pytest.raises(TemplateFault, match=r"is no directory: name one with files such as de/reminder\.txt"):
        template_check.check(tmp_path / "nowhere")
    with pytest.raises(TemplateFault, match="has 0 files: put templates there"):
        template_check.check(tmp_path)


def test_what_is_no_text(tmp_path: Path) -> None:
    """Files that are no text, or have no end."""
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "reminder.txt").write_bytes(b"Subject\n\n\xff\xfe")
    (tmp_path / "en" / "ended.txt").write_text("x" * (template_check.MAX_BYTES + 1))
    with pytest.raises(TemplateFault) as fault:
        template_check.check(tmp_path)
    assert [line.partition(": ")[2] for line in fault.value.lines] == [
        "has more than 100000 bytes, which no notice needs: shorten it",
        "cannot be read as UTF-8 text: save it so",
    ]


def test_every_notice_is_looked_at(tmp_path: Path) -> None:
    """A fault in any of them is found."""
    for template in Template:
        directory = tmp_path / template
        assert check(directory, {f"en/{template}.txt": "Subject\n\n{{ card.brand.nothing }}\n"}) != []
