"""Forged and altered deliveries, made of genuine ones by chance."""

import random
import string
from collections.abc import Iterator

from tests.gateways.webhooks.sender import Delivery

BYTES = bytes(range(256))


def forgeries(chance: random.Random, genuine: list[Delivery]) -> Iterator[Delivery]:
    """Deliveries that differ from genuine ones in a header, in the body, or in which of them belong together."""
    while True:
        headers, body = chance.choice(genuine)
        name = chance.choice(list(headers))
        other_headers, _ = chance.choice(genuine)
        made = chance.choice(
            [
                ({**headers, name: altered_text(chance, headers[name])}, body),
                (headers, altered_body(chance, body)),
                (other_headers, body),
                ({**headers, name: other_headers[name]}, body),
                ({key: value for key, value in headers.items() if key != name}, body),
            ]
        )
        if made not in genuine:
            yield made


def names_another_certificate(forged: Delivery, genuine: Delivery) -> bool:
    """Whether it names another certificate of an allowed host, which is asked for: see the test of invented ones."""
    known, url = (each[0].get("paypal-cert-url", "") for each in (genuine, forged))
    return url != known and url.startswith(known.rpartition("/")[0])


def altered_text(chance: random.Random, text: str) -> str:
    """Change, drop or add one character, or cut the text."""
    place = chance.randrange(len(text))
    other = chance.choice(string.printable)
    return chance.choice(
        [
            text[:place] + other + text[place + 1 :],
            text[:place] + text[place + 1 :],
            text[:place] + other + text[place:],
        ]
    )


def altered_body(chance: random.Random, body: bytes) -> bytes:
    """Flip a bit, change, drop, add or swap bytes, or cut the body."""
    place = chance.randrange(len(body))
    byte = bytes([chance.choice(BYTES)])
    return chance.choice(
        [
            body[:place] + bytes([body[place] ^ 1 << chance.randrange(8)]) + body[place + 1 :],
            body[:place] + byte + body[place + 1 :],
            body[:place] + body[place + 1 :],
            body[:place] + byte + body[place:],
            body[:place],
            body + byte,
            body[place:] + body[:place],
            body.replace(b"succeeded", b"failed").replace(b"COMPLETED", b"DECLINED"),
        ]
    )
