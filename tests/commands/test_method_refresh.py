"""`methods refresh`: a payment method is read again by hand, and every answer of its gateway's is said in one line."""

import pytest

from local.simulators import SimulatorProcess
from tests.commands.test_billing import ALICE, USD, Billing
from tests.conftest import Database

REFRESH = ("methods", "refresh", "pm_1", *ALICE)


@pytest.fixture
def billing(database: Database, stripe_simulator: SimulatorProcess, paypal_simulator: SimulatorProcess) -> Billing:
    """A customer with a card at Stripe and one at PayPal, of which all is known that their gateways tell."""
    bases = {"STRIPE_API_BASE": stripe_simulator.url, "PAYPAL_API_BASE": paypal_simulator.url}
    billing = Billing(database.app_url, **bases)
    billing.said("customers", "add", "cus_1", *USD, "--time-zone", "Europe/Berlin", *ALICE)
    stripe_simulator.make_card("pm_own", customer="cus_own", expires="2027-03", fingerprint="old")
    paypal_simulator.make_card("own", expires="2027-03")
    facts = ("--brand", "visa", "--expires", "2027-03", *ALICE)
    stripe = ("--gateway", "stripe", "--token", "pm_own", "--gateway-customer", "cus_own", "--fingerprint", "old")
    told = ("--country", "US", "--funding", "credit")
    billing.said("methods", "add", "pm_1", "--customer", "cus_1", *stripe, *told, *facts)
    paypal = ("--gateway", "paypal", "--token", "card/own")
    billing.said("methods", "add", "pm_2", "--customer", "cus_1", *paypal, *facts)
    return billing


def test_a_renewed_card_is_found(billing: Billing, stripe_simulator: SimulatorProcess) -> None:
    """Its new facts are there, and the list says that it was renewed; a second reading finds nothing new."""
    assert billing.said(*REFRESH) == "payment method pm_1 of customer cus_1 is as its gateway has it\n"
    stripe_simulator.make_card("pm_own", customer="cus_own", expires="2031-02", fingerprint="new")
    assert billing.said(*REFRESH) == "payment method pm_1 of customer cus_1 is renewed\n"
    again = billing.document(*REFRESH)
    assert (again["expires_on"], again["fingerprint"], again["renewed_by"]) == ("2031-02-28", "new", "person:alice")
    assert "renewed" in billing.said("methods", "list", "--customer", "cus_1")


def test_a_card_of_paypals_is_found_renewed_by_hand_only(billing: Billing, paypal_simulator: SimulatorProcess) -> None:
    """PayPal tells nobody of it, and shows it to whoever asks."""
    paypal_simulator.make_card("own", expires="2031-02")
    assert billing.said("methods", "refresh", "pm_2", *ALICE).endswith("is renewed\n")
    [_, card] = billing.document("methods", "list", "--customer", "cus_1")["methods"]
    assert card["expires_on"] == "2031-02-28"


@pytest.mark.parametrize(("name", "gateway"), [("pm_1", "stripe"), ("pm_2", "paypal")])
def test_what_its_gateway_has_no_more_is_removed(
    billing: Billing,
    stripe_simulator: SimulatorProcess,
    paypal_simulator: SimulatorProcess,
    name: str,
    gateway: str,
) -> None:
    """With the reason beside it; and of what was removed there is nothing to read."""
    stripe_simulator.remove_card("pm_own")
    paypal_simulator.remove_card("own")
    refresh = ("methods", "refresh", name, *ALICE)
    assert billing.said(*refresh) == f"payment method {name} of customer cus_1 is removed: {gateway} has it no more\n"
    gone = billing.document("methods", "list", "--customer", "cus_1", "--all")["methods"]
    assert {each["removed_because"] for each in gone} == {None, f"{gateway} has it no more"}
    assert billing.refused(1, *refresh).endswith("was removed or replaced: there is nothing to read of it")


def test_what_cannot_be_read_is_as_it_was(billing: Billing, stripe_simulator: SimulatorProcess) -> None:
    """One line says why and what to do, and nothing is taken for gone."""
    before = billing.document("methods", "list", "--customer", "cus_1")
    assert billing.refused(2, "methods", "refresh", "pm_9").startswith("there is no payment method pm_9")
    stripe_simulator.add_fault(method="GET", path="/v1/payment_methods/*", action="status", status=503)
    away = billing.refused(3, *REFRESH)
    assert away == "payment method pm_1 was not read: stripe: answered with HTTP status 503; ask again"
    stripe_simulator.reset()
    unknown = billing.refused(2, *REFRESH)
    assert unknown.startswith("payment method pm_1 was not read: stripe: does not know this")
    assert "STRIPE_API_KEY" in unknown
    assert billing.document("methods", "list", "--customer", "cus_1") == before
