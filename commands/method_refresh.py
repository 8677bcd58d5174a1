"""Reads a payment method again at its gateway, in this process, as a worker does when the gateway tells of it."""

from activities.method_reader import MethodReader, what_became
from billing import methods
from billing.methods import KIND, Method
from commands import billing_steps, connections
from commands.errors import AnswerIsNo, OutOfReach, WrongUse
from gateways import adapters
from gateways.errors import GatewayError, Misconfigured
from ledger.database import create_engine
from settings import Settings


def refresh(method_id: str, actor: str) -> tuple[Method, str]:
    """Return the method as it is then, and what became of it; raises CommandError."""
    return billing_steps.answered(lambda: connections.run(lambda settings: _refreshed(settings, method_id, actor)))


async def _refreshed(settings: Settings, method_id: str, actor: str) -> tuple[Method, str]:
    gateways = adapters.of_settings(settings)
    engine = create_engine(settings.database_url, pool_size=1)
    try:
        async with engine.connect() as connection:
            await connections.require_protection(connection, settings)
            seen = await methods.known(connection, method_id)
        if seen.is_gone:
            raise AnswerIsNo(f"{KIND} {method_id} was removed or replaced: there is nothing to read of it")
        found = await MethodReader(engine, gateways).read(seen, actor=actor)
    except Misconfigured as error:
        raise WrongUse(f"{KIND} {method_id} was not read: {error}") from None
    except GatewayError as error:
        raise OutOfReach(f"{KIND} {method_id} was not read: {error}; ask again") from None
    finally:
        await adapters.close(gateways)
        await engine.dispose()
    return found, what_became(seen, found)
