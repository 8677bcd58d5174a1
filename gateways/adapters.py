"""The adapters of all gateways, as the settings have them: a third gateway is one more line here."""

from collections.abc import Mapping

from gateways.paypal import PayPalGateway
from gateways.port import Gateway
from gateways.stripe import StripeGateway
from settings import Settings


def of_settings(settings: Settings) -> Mapping[str, StripeGateway | PayPalGateway]:
    """Build the adapters by name; they belong to the event loop of their first call, and are to be closed."""
    return {
        "stripe": StripeGateway(
            api_key=settings.stripe_api_key.get_secret_value(),
            api_base=settings.stripe_api_base,
            return_url=settings.return_url,
            timeout_seconds=settings.gateway_timeout_seconds,
        ),
        "paypal": PayPalGateway(
            client_id=settings.paypal_client_id,
            client_secret=settings.paypal_client_secret.get_secret_value(),
            api_base=settings.paypal_api_base,
            return_url=settings.return_url,
            timeout_seconds=settings.gateway_timeout_seconds,
        ),
    }


async def close(gateways: Mapping[str, Gateway]) -> None:
    """Release the connections of all."""
    for gateway in gateways.values():
        await gateway.close()
