"""Reads a body of JSON into a model: what is not said plainly is refused in one line that says where, and nothing is done."""

import json
from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from api.bodies import raw_body
from ledger.card_numbers import looks_like_card_number
from ledger.lined_yaml import said
from ledger.money import Money, MoneyError
from ledger.written_entries import WrittenAmount

Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, model: type[Model]) -> Model:
    """Read the body as a model; raises HTTPException: 400 for what it cannot be, and what `raw_body` raises."""
    return parsed(await raw_body(request), model)


def parsed(body: bytes, model: type[Model]) -> Model:
    """Read the text of a body; raises HTTPException."""
    try:
        content = json.loads(
            body.decode(), object_pairs_hook=_named_once, parse_float=_no_number, parse_constant=_no_number
        )
    except UnicodeDecodeError:
        raise HTTPException(400, "the body is not UTF-8 text") from None
    except RecursionError:
        raise HTTPException(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise HTTPException(400, f"the body is no JSON that can be read: {error}") from None
    if any(looks_like_card_number(text) for text in _texts(content)):
        raise HTTPException(400, "the body has what looks like a card number: give the gateway's token instead")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise HTTPException(400, _first_fault(error)) from None


def made(model: type[Model], **content: object) -> Model:
    """Make what a body asked for; raises HTTPException 400 where its parts contradict each other."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise HTTPException(400, _first_fault(error)) from None


def money(written: WrittenAmount) -> Money:
    """Read an amount of a body; raises HTTPException 400."""
    try:
        return written.money()
    except MoneyError as error:
        raise HTTPException(400, str(error)) from None


def _first_fault(error: ValidationError) -> str:
    """Say the first thing that is wrong, and where, without the value, which may be a secret."""
    fault = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {said(fault)}" if place else said(fault)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} is given twice")
    return read


def _no_number(text: str) -> object:
    raise ValueError(f'{text[:40]} is no whole number: write amounts as text, like "12.50"')


def _texts(content: object) -> Iterator[str]:
    """Every text in it; it was nested no deeper than could be read."""
    waiting = [content]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case int(number):
                yield str(number)
            case list(items):
                waiting += items
            case dict(fields):
                waiting += [*fields.keys(), *fields.values()]
