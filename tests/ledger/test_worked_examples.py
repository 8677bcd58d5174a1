"""The worked examples of docs/ledger.md are what the books said when they were posted; `REWRITE_EXAMPLES=1` writes them anew."""

import os
import re
from pathlib import Path

import psycopg
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.ledger.worked_examples import told

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "ledger.md"
BLOCK = re.compile(r"(<!-- worked: (\S+) -->\n\n```\n)(.*?)(```\n)", flags=re.DOTALL)


async def test_the_worked_examples_are_what_the_books_say(
    connection: AsyncConnection, superuser: psycopg.Connection
) -> None:
    """Who reads the page sees what PostgreSQL holds after each step, to the cent."""
    content = DOCUMENT.read_text()
    examples = {name: shown async for name, shown in told(connection, superuser)}
    if os.environ.get("REWRITE_EXAMPLES") == "1":
        content = BLOCK.sub(lambda found: f"{found[1]}{examples[found[2]]}{found[4]}", content)
        DOCUMENT.write_text(content)
    written = {name: block for _, name, block, _ in BLOCK.findall(content)}
    assert written == examples


def test_the_picture_is_there() -> None:
    """A page that shows a picture has one, with words for whoever cannot see it."""
    for words, name in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", DOCUMENT.read_text()):
        assert words
        assert "<title" in (DOCUMENT.parent / name).read_text()


def test_links_of_the_page_lead_somewhere() -> None:
    """Whoever follows a link to a part of the page, or of another one, arrives."""
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENT.read_text()):
        file, _, anchor = target.partition("#")
        if ":" not in file:
            path = DOCUMENT if not file else DOCUMENT.parent / file
            assert path.exists(), target
            heads = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE) if path.suffix == ".md" else []
            assert not anchor or anchor in {_anchor(head) for head in heads}, target


def _anchor(head: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-")
