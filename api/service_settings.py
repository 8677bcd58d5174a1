"""What the service is made of before it starts: which services may post, what gateways charge, who signs pay links."""

from collections.abc import Collection
from pathlib import Path

from api.facts import Booking
from api.pay.rendering import House
from billing.link_keys import LinkAddresses, LinkKeys
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
