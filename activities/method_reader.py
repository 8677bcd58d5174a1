"""Reads a payment method again at its gateway, and writes down what is new of it: a network may have renewed its card.

No process takes part: whoever waits for the method is woken by its row.
"""

from collections.abc import Mapping

from billing import methods
from billing.methods import Method
from gateways.errors import Misconfigured
from gateways.port import Gateway
from gateways.saved_methods import SavedMethods
from ledger.answers import CardFacts
from ledger.database import Database


class MethodReader:
    """Asks the gateways, each time anew: nothing is believed that was not read."""

    def __init__(self, database: Database, gateways: Mapping[str, Gateway]) -> None:
        self._database = database
        self._gateways = {name: gateway for name, gateway in gateways.items() if isinstance(gateway, SavedMethods)}

    async def read(self, seen: Method, *, actor: str) -> Method:
        """Return the method as it is then: renewed, as it was, or removed, where its gateway has it no more.

        Raises GatewayError, and ChangeRefused where it was changed by somebody else meanwhile.
        """
        gateway = self._gateways.get(seen.gateway)
        if gateway is None:
            raise Misconfigured(seen.gateway, "shows no payment methods: look there, and remove what is gone by hand")
        facts = await gateway.read_method(seen.token, seen.gateway_customer)
        async with self._database.begin() as connection:
            if facts is None:
                because = f"{seen.gateway} has it no more"
                return await methods.remove(connection, seen.method_id, actor=actor, because=because)
            told = CardFacts.model_validate(facts.model_dump())
            return await methods.renew(connection, seen, told, actor=actor)


def what_became(seen: Method, found: Method) -> str:
    """Say what a reading brought, as the end of a sentence that starts with the method."""
    if found.removed_at != seen.removed_at:
        return f"is removed: {found.removed_because}"
    if found.renewed_at != seen.renewed_at:
        return "is renewed"
    return "is as its gateway has it" if found == seen else "is known better now, and was not renewed"
