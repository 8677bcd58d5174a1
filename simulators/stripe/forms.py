"""Strict decoding of Stripe's form encoding: `a=1`, `a[b]=c`, `a[0]=x`, `a[]=x`.

Each endpoint lists its parameters with their kinds. What is not listed is refused, also what Stripe itself would
take and this simulator does not simulate: ignoring it would be a lie.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from simulators.stripe.errors import InvalidParameter, missing_parameter

MAX_FIELDS = 1000
_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_INTEGER = re.compile(r"^-?\d{1,18}$")

Form = dict[str, Any]
Kind = Callable[[Any, str], Any]
"""Turns what was sent, under this name, into a value; raises InvalidParameter."""


def decode(text: str) -> Form:
    """Nested dictionaries of strings; lists are dictionaries with numbers for names."""
    form: Form = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise InvalidParameter("Invalid request: too many parameters") from None
    for name, value in pairs:
        match = _NAME.match(name)
        if match is None:
            raise InvalidParameter(f"Invalid parameter name: {name}", param=name)
        _place(form, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, name)
    return form


def _place(form: Form, path: list[str], value: str, name: str) -> None:
    inside = form
    for step in path[:-1]:
        inside = inside.setdefault(step or str(len(inside)), {})
        if not isinstance(inside, dict):
            raise InvalidParameter("Invalid object", param=name)
    inside[path[-1] or str(len(inside))] = value


def read(form: Form, accepted: Mapping[str, Kind], required: tuple[str, ...] = (), prefix: str = "") -> dict[str, Any]:
    """The values of an endpoint's parameters; only those that were sent."""
    unknown = [_inside(prefix, name) for name in form if name not in accepted]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise InvalidParameter(
            f"Received unknown parameter{plural}: {', '.join(unknown)}", code="parameter_unknown", param=unknown[0]
        )
    for name in required:
        if name not in form:
            raise missing_parameter(_inside(prefix, name))
    return {name: accepted[name](value, _inside(prefix, name)) for name, value in form.items()}


def text(value: Any, name: str) -> str:
    """A string that is not empty."""
    if not isinstance(value, str):
        raise InvalidParameter("Invalid string: expected a string", param=name)
    if not value:
        raise InvalidParameter(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    if len(value) > 5000:
        raise InvalidParameter(
            f"Invalid string: {name} is longer than 5000 characters", code="parameter_invalid_string_blank", param=name
        )
    return value


def integer(value: Any, name: str) -> int:
    """A whole number."""
    string = text(value, name)
    if not _INTEGER.match(string):
        raise InvalidParameter(f"Invalid integer: {string}", code="parameter_invalid_integer", param=name)
    return int(string)


def boolean(value: Any, name: str) -> bool:
    """`true` or `false`."""
    string = text(value, name)
    if string not in ("true", "false"):
        raise InvalidParameter(f"Invalid boolean: {string}", param=name)
    return string == "true"


def off_session(value: Any, name: str) -> bool:
    """Whether the customer is away: a boolean, or a word that says for what."""
    return value in ("one_off", "recurring") or boolean(value, name)


def choice(*values: str) -> Kind:
    """One of these words."""

    def read_choice(value: Any, name: str) -> str:
        string = text(value, name)
        if string not in values:
            listed = ", ".join(values[:-1]) + " or " + values[-1] if len(values) > 1 else values[0]
            raise InvalidParameter(f"Invalid {name}: must be one of {listed}", param=name)
        return string

    return read_choice


def texts(value: Any, name: str) -> list[str]:
    """A list of strings."""
    if not isinstance(value, dict):
        raise InvalidParameter("Invalid array", param=name)
    return [text(entry, f"{name}[{index}]") for index, entry in value.items()]


def metadata(value: Any, name: str) -> dict[str, str]:
    """Keys and values of the caller's; an empty value takes the key away."""
    if value == "":
        return {}
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise InvalidParameter("Invalid object", param=name)
    if len(value) > 50:
        raise InvalidParameter("Metadata can have up to 50 keys.", param=name)
    for key, entry in value.items():
        if len(key) > 40 or len(entry) > 500:
            raise InvalidParameter(
                f"Metadata keys can be up to 40 characters long and values up to 500: {key}", param=f"{name}[{key}]"
            )
    return dict(value)


def fields(accepted: Mapping[str, Kind], required: tuple[str, ...] = ()) -> Kind:
    """An object with parameters of its own."""

    def read_fields(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidParameter("Invalid object", param=name)
        return read(value, accepted, required, prefix=name)

    return read_fields


def moments(value: Any, name: str) -> dict[str, int]:
    """A time, or a range of times: `created=1`, `created[gte]=1`."""
    if isinstance(value, str):
        moment = integer(value, name)
        return {"gte": moment, "lte": moment}
    comparisons: dict[str, int] = fields(dict.fromkeys(("gt", "gte", "lt", "lte"), integer))(value, name)
    return comparisons


def _inside(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name
