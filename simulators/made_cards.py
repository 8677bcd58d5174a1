"""Payment methods that a test makes: what they are may change, and what their issuer says follows a script.

A script is a list of answers. The first one in force counts: one `until` a time before it has come, one that is good for
some `times` before they are used up, one with neither for ever. After the last, the method is good.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from simulators.store import Document, Transaction

KIND = "made_card"
APPROVED = "approved"
MOST_ANSWERS = 100
BRANDS = ("visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay")
FUNDINGS = ("credit", "debit", "prepaid")
FACTS: Document = {"brand": "visa", "country": "US", "funding": "credit", "expires": "2034-12", "last4": "4242"}
"""What a card is unless the test says otherwise."""
FORMS = {
    "brand": "|".join(BRANDS),
    "country": "[A-Z]{2}",
    "funding": "|".join(FUNDINGS),
    "expires": r"20\d\d-(0[1-9]|1[0-2])",
    "last4": r"\d{4}",
    "fingerprint": r"\w{1,64}",
}
STEP = frozenset({"answer", "until", "times"})


def read(token: str, asked: Document, *, more: Collection[str], codes: Collection[str]) -> Document:
    """Check what a test asks for; `more` are further fields, `codes` further fields of an answer. Raises ValueError."""
    if re.fullmatch(r"\w{1,64}", token, re.ASCII) is None:
        raise ValueError(f"{token!r} is no token: use up to 64 letters, digits and _")
    _require_known(asked, {*FORMS, "answers", *more}, "a card")
    facts = FACTS | {"fingerprint": f"made_{token}"[:64]}
    for name, form in FORMS.items():
        value = asked.get(name, facts[name])
        if not isinstance(value, str) or re.fullmatch(form, value, re.ASCII) is None:
            raise ValueError(f"{name} cannot be {value!r}: give it like {facts[name]}")
        facts[name] = value
    answers = asked.get("answers", [])
    if not isinstance(answers, list) or len(answers) > MOST_ANSWERS:
        raise ValueError(f"give answers as a list of at most {MOST_ANSWERS}")
    return facts | {"token": token, "answers": [_step(step, codes) for step in answers]}


def find(transaction: Transaction, token: str) -> Document | None:
    """The method of this token, if a test made one."""
    return transaction.get(KIND, token)


def keep(transaction: Transaction, card: Document) -> None:
    """Write it, new or changed."""
    transaction.put(KIND, card["token"], card)


def in_force(card: Document, now: int) -> Document | None:
    """The answer that its script has for now; None where it is good."""
    step = _first(card, now)
    return None if step is None or step["answer"] == APPROVED else step


def use(transaction: Transaction, card: Document) -> Document | None:
    """Ask for its answer, and count that it was given."""
    step = _first(card, transaction.now)
    if step is None:
        return None
    if step["times"] is not None:
        step["times"] -= 1
        keep(transaction, card)
    return None if step["answer"] == APPROVED else step


def has_expired(expires: str, now: int) -> bool:
    """Whether the month `2034-12` is over, by UTC."""
    return expires < f"{datetime.fromtimestamp(now, UTC):%Y-%m}"


def _first(card: Document, now: int) -> Document | None:
    return next((step for step in card["answers"] if _is_in_force(step, now)), None)


def _is_in_force(step: Document, now: int) -> bool:
    if step["until"] is not None and now >= step["until"]:
        return False
    return step["times"] is None or step["times"] > 0


def _step(step: Any, codes: Collection[str]) -> Document:
    if not isinstance(step, dict) or not isinstance(step.get("answer"), str):
        raise ValueError(  # noqa: TRY004 # what the test sent is wrong, not what a caller passed
            'write an answer like {"answer": "insufficient_funds", "until": "2027-01-25T09:00:00Z"}'
        )
    _require_known(step, {*STEP, *codes}, "an answer")
    times = step.get("times")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError(f"times cannot be {times!r}: give a whole number, 1 or more")
    told = {name: step[name] for name in codes if name in step}
    for name, value in told.items():
        if not isinstance(value, str) or re.fullmatch(r"\w{1,40}", value, re.ASCII) is None:
            raise ValueError(f"{name} cannot be {value!r}")
    return {"answer": step["answer"], "until": _moment(step.get("until")), "times": times} | told


def _moment(until: Any) -> int | None:
    if until is None:
        return None
    try:
        read_as = datetime.fromisoformat(until)
    except (TypeError, ValueError):
        raise ValueError(f"until cannot be {until!r}: give a time like 2027-01-25T09:00:00Z") from None
    if read_as.tzinfo is None:
        raise ValueError(f"until {until!r} has no time zone: give a time like 2027-01-25T09:00:00Z")
    return int(read_as.timestamp())


def _require_known(asked: Document, known: Collection[str], what: str) -> None:
    unknown = sorted(set(asked) - set(known))
    if unknown:
        raise ValueError(f"{what} has no {', '.join(unknown)}: use {', '.join(sorted(known))}")
