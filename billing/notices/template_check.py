"""Looks through a merchant's own templates before any is used: each fault with file and line, and what to do."""

import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jinja2 import Environment, TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError, meta, nodes

from billing.dunning.notice_ladder import Template
from billing.notices import localised, supposed
from billing.notices.errors import TemplateFault
from billing.notices.rendering import GIVEN, SHIPPED, Rendered, Templates, environment

MAX_FILES = 500
MAX_BYTES = 100_000
SHARED: Final = frozenset({"layout.html", "words.j2"})
KINDS: Final = (".txt", ".html")


def check(directory: Path) -> list[Rendered]:
    """Render every notice of a directory with facts of all kinds; raises TemplateFault with a line for each fault."""
    if not directory.is_dir():
        raise TemplateFault(f"{directory} is no directory: name one with files such as de/reminder.txt")
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    if not files or len(files) > MAX_FILES:
        raise TemplateFault(
            f"{directory} has {len(files)} files: put templates there such as de/reminder.txt, at most {MAX_FILES}"
        )
    faults = [fault for path in files for fault in _faults_of(path, directory)]
    if faults:
        raise TemplateFault(*faults)
    templates = Templates(directory)
    rendered: list[Rendered] = []
    # What the directory shares with the texts that ship shows in those as well.
    languages = {path.parent.name for path in files if path.parent != directory}
    languages |= {path.name for path in SHIPPED.iterdir() if path.is_dir()}
    for language in sorted(languages):
        for template in Template:
            found, fault = _rendered(templates, template, language, directory)
            if fault is not None:
                faults.append(fault)
            elif found is not None:
                rendered.append(found)
    if faults:
        raise TemplateFault(*dict.fromkeys(faults))
    return rendered


def _faults_of(path: Path, directory: Path) -> Iterator[str]:
    """List what is wrong with a file by itself."""
    place = path.relative_to(directory)
    if not _has_a_place(place):
        names = ", ".join(Template)
        yield (
            f"{path}: nothing is of this name: use layout.html, LANGUAGE/words.j2, or LANGUAGE/NAME.txt and .html, "
            f"where LANGUAGE is such as de or de-AT, and NAME one of {names}"
        )
        return
    if path.suffix == ".html" and path.name not in SHARED and not path.with_suffix(".txt").is_file():
        yield f"{path}: needs {path.with_suffix('.txt').name} beside it: a notice is sent as plain text, and as HTML with it"
    if path.stat().st_size > MAX_BYTES:
        yield f"{path}: has more than {MAX_BYTES} bytes, which no notice needs: shorten it"
        return
    try:
        source = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        yield f"{path}: cannot be read as UTF-8 text: save it so"
        return
    yield from _language_faults(path, source, environment([directory, SHIPPED], is_page=path.suffix == ".html"))


def _has_a_place(place: Path) -> bool:
    if len(place.parts) == 1:
        return place.name == "layout.html"
    folder = place.parts[0]
    is_notice = len(place.parts) == 2 and place.suffix in KINDS and place.stem in set(Template)
    return localised.is_language(folder) and (is_notice or place.parts[1:] == ("words.j2",))


def _language_faults(path: Path, source: str, surroundings: Environment) -> Iterator[str]:
    try:
        tree = surroundings.parse(source, filename=str(path))
        surroundings.compile(source, filename=str(path))
    except TemplateSyntaxError as error:
        yield f"{path} line {error.lineno}: {error.message}: correct it"
        return
    for name in sorted(meta.find_undeclared_variables(tree) - GIVEN - set(surroundings.globals)):
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        known = ", ".join(sorted(GIVEN - {"babel_locale"}))
        yield f"{path} line {line}: there is no {name}: use one of {known}"


def _rendered(
    templates: Templates, template: Template, language: str, directory: Path
) -> tuple[Rendered | None, str | None]:
    found = None
    for facts in supposed.every(template, language):
        try:
            made = templates.render(facts)
        except TemplateFault as error:
            return None, error.lines[0]
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            return None, f"{_place(error, directory)}: {_said(error)}"
        found = found or made
    return found, None


def _place(error: Exception, directory: Path) -> str:
    """Return where in the templates it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith((str(directory), str(SHIPPED)))]
    return f"{own[-1].filename} line {own[-1].lineno}" if own else str(directory)


def _said(error: Exception) -> str:
    if isinstance(error, TemplateNotFound):
        return f"there is no {error.name}: leave it out, since notices share layout.html and words.j2 only"
    what = (str(error) or type(error).__name__).partition("\n")[0]
    if isinstance(error, UndefinedError):
        return f"{what}: use what docs/dunning.md lists, or ask for it with `is defined`"
    return f"{what}: what may be missing has to be asked for, as in `{{% if link %}}`"
