"""What the service is made of before it starts: which services may post, what gateways charge, who signs pay links."""

from collections.abc import Collection
from pathlib import Path

from api.facts import Booking
from api.pay.rendering import House
from billing.link_keys import LinkAddresses, LinkKeys
from gateways.paypal import PayPalGateway
from gateways.setups import SetupGateway
from gateways.stripe import StripeGateway
from ledger import fee_rule_file, service_file
from ledger.lined_yaml import FileFault
from ledger.service import Services
from settings import Settings


def house_of(settings: Settings) -> House | None:
    """Read whose pay links are signed here, and how; None where none are."""
    keys = settings.pay_link_keys
    if not keys:
        return None
    is_local = settings.is_of_this_machine
    return House(LinkAddresses(LinkKeys(keys), settings.pay_link_base_url), settings.merchant_name, is_local)


def setups_of(settings: Settings) -> dict[str, SetupGateway]:
    """Build the gateways on whose pages customers give payment methods, in the order of `gateway_order`."""
    timeout_seconds, return_url = settings.gateway_timeout_seconds, settings.return_url
    made: dict[str, SetupGateway] = {
        "stripe": StripeGateway(
            settings.stripe_api_key.get_secret_value(), settings.stripe_api_base, return_url, timeout_seconds
        ),
        "paypal": PayPalGateway(
            settings.paypal_client_id,
            settings.paypal_client_secret.get_secret_value(),
            settings.paypal_api_base,
            return_url,
            timeout_seconds,
        ),
    }
    return {name: made[name] for name in settings.gateway_order.split(",")}


def services_of(settings: Settings) -> Services | None:
    """Read who may post; None where nobody may. Raises FileFault."""
    if settings.services_file is None:
        return None
    services = service_file.read(Path(settings.services_file))
    if services.knows_local_key and not settings.is_of_this_machine:
        raise FileFault(
            f"{settings.services_file} lists the key of the local system, which everybody knows, and a gateway is not on this "
            "machine: make one with `starter.py services key`"
        )
    return services


def booking_of(settings: Settings, gateways: Collection[str]) -> Booking:
    """Read how facts are booked; raises FileFault."""
    rules = fee_rule_file.read(Path(settings.fee_rules), gateways) if settings.fee_rules else None
    return Booking(settings.functional_currency, rules)
