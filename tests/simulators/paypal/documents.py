"""PayPal's own description of its API, where it is present beside the repository."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DIRECTORY = Path(__file__).parents[4] / "shared" / "specs" / "paypal"
FILES = (
    "checkout_orders_v2.json",
    "payments_payment_v2.json",
    "reporting_transactions_v1.json",
    "notifications_webhooks_v1.json",
    "customer_disputes_v1.json",
    "vault_payment_tokens_v3.json",
)
UNDOCUMENTED = {
    # Seen in PayPal's sandbox, or documented for a neighbouring endpoint only.
    "ACTION_DOES_NOT_MATCH_INTENT",
    "INSTRUMENT_DECLINED",
    "PAYPAL_REQUEST_ID_PREVIOUSLY_USED",
    "REAUTHORIZATION_TOO_SOON",
    "TOKEN_ID_NOT_FOUND",
    "UNSUPPORTED_MEDIA_TYPE",
}
UNDOCUMENTED_REASONS = {"HOLD_PLACED", "HOLD_RELEASED"}
"""Reasons of a dispute's money movements that were seen in PayPal's sandbox."""
UNDOCUMENTED_STATUS = {200: 201, 201: 200}
"""A repeated request is answered 200; the documents do not say so everywhere."""


def is_present() -> bool:
    """Whether the description is at hand."""
    return DIRECTORY.is_dir()


@lru_cache
def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DIRECTORY / name).read_text())
    return document


@lru_cache
def _endpoints() -> list[tuple[re.Pattern[str], str, str]]:
    found = []
    for name in FILES:
        for path in _document(name)["paths"]:
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
            found.append((pattern, name, path))
    return found


def check(method: str, path: str, status: int, body: dict[str, Any]) -> None:
    """Fail for an answer that the document does not allow: a wrong value, or a field that it does not know."""
    if not is_present() or status in {415, 429}:
        return
    document, responses = _responses(method, path)
    schema = _schema(responses, status)
    told = dict(body)
    if told.get("transaction_details") == []:
        del told["transaction_details"]  # PayPal sends it empty, against its own document
    if "money_movements" in told:
        documented = [moved for moved in told["money_movements"] if moved["reason"] not in UNDOCUMENTED_REASONS]
        told = {**told, "money_movements": documented} if documented else without(told, "money_movements")
    if "details" in told:
        told["details"] = [detail for detail in told["details"] if detail["issue"] not in UNDOCUMENTED]
    Draft202012Validator({**schema, "components": document["components"]}).validate(told)
    _require_described(told, [schema], document, f"{method} {path} {status}")


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    """A body without one of its fields."""
    return {key: value for key, value in body.items() if key != name}


def _responses(method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for pattern, name, template in _endpoints():
        if pattern.fullmatch(path):
            return _document(name), _document(name)["paths"][template][method.lower()]["responses"]
    raise AssertionError(f"PayPal describes no {method} {path}")


def _schema(responses: dict[str, Any], status: int) -> dict[str, Any]:
    named = responses.get(str(status)) or responses.get(str(UNDOCUMENTED_STATUS.get(status)))
    if named is None or "content" not in named:
        return {"$ref": f"#/components/schemas/error_{status}"}
    schema: dict[str, Any] = named["content"]["application/json"]["schema"]
    return schema


def _require_described(value: Any, schemas: list[dict[str, Any]], document: dict[str, Any], where: str) -> None:
    parts = [part for schema in schemas for part in _parts(schema, document)]
    if isinstance(value, list):
        items = [part["items"] for part in parts if "items" in part]
        for content in value:
            _require_described(content, items, document, f"{where}[]")
    if isinstance(value, dict) and not any(part.get("additionalProperties") for part in parts):
        known = [part["properties"] for part in parts if "properties" in part]
        for name, content in value.items():
            described = [properties[name] for properties in known if name in properties]
            assert described, f"PayPal describes no {where}.{name}"
            _require_described(content, described, document, f"{where}.{name}")


def _parts(schema: dict[str, Any], document: dict[str, Any]) -> list[dict[str, Any]]:
    found = [schema]
    if "$ref" in schema:
        found += _parts(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, []):
            found += _parts(part, document)
    return found
