"""What is asked of a charge: its content, by which the same id is the same charge for ever, and its customer's presence."""

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from ledger import charges
from ledger.answers import CardFacts, GatewayAnswer
from ledger.charges import ChargeRequest
from ledger.money import Money
from ledger.payment_methods import PaymentMethod
from ledger.splits import SplitLeg

FIRST_HASH = "3798924cfc4803a9d37c29f7f177224f0a885d1497ac9924b073ad10e200f1fb"
"""Of the request below, as it was before a charge could say that its customer is not there."""
METHOD = {"gateway": "stripe", "token": "pm_1", "brand": "visa"}


def request(method: dict[str, str] | None = None, **changes: Any) -> ChargeRequest:
    fields = {
        "charge_id": "ch_1",
        "amount": Money.parse("49.99", "USD"),
        "customer": "cus_1",
        "payment_methods": (PaymentMethod.model_validate(METHOD | (method or {})),),
        "actor": "person:alice",
    }
    return ChargeRequest.model_validate(fields | changes)


def test_what_was_asked_before_is_the_same_today() -> None:
    """A charge whose process is repeated after an upgrade is that charge, and not refused as another one."""
    assert request().content_hash() == FIRST_HASH
    assert request(customer_present=True).content_hash() == FIRST_HASH
    written = request().model_dump(mode="json")
    assert not {"customer_present", "mandate", "gateway_customer"} & {*written, *written["payment_methods"][0]}


def test_presence_and_references_are_content() -> None:
    """Under one id nobody charges a customer who is there, and then one who is not."""
    away: dict[str, Any] = {"customer_present": False}
    asked = [
        request(**away),
        request({"mandate": "mandate_1"}, **away),
        request({"mandate": "mandate_2"}, **away),
        request({"gateway_customer": "cus_9"}, **away),
        request({"gateway_customer": "cus_9"}),
    ]
    hashes = {each.content_hash() for each in asked}
    assert len(hashes) == len(asked)
    assert FIRST_HASH not in hashes
    for each in asked:
        assert ChargeRequest.model_validate_json(each.model_dump_json()) == each


def test_a_mandate_is_for_a_customer_who_is_not_there() -> None:
    """Who is there agrees by what they do; a mandate beside that would be used up by mistake."""
    with pytest.raises(ValidationError, match="a mandate is for a charge without the customer"):
        request({"mandate": "mandate_1"})


def test_a_leg_of_a_split_has_no_mandate() -> None:
    """It is refused when the split is asked for, and not by the leg's process, which nobody would be told of."""
    method = PaymentMethod.model_validate(METHOD | {"mandate": "mandate_1"})
    with pytest.raises(ValidationError, match="a split has its customer present"):
        SplitLeg(amount=Money.parse("5", "USD"), payment_methods=(method,))


@pytest.mark.parametrize("reference", ["", "a b", "a\nb", "ü", "x" * 201, "4242424242424242"])
@pytest.mark.parametrize("name", ["mandate", "gateway_customer"])
def test_a_reference_that_cannot_be_a_gateways_is_refused(name: str, reference: str) -> None:
    """It goes to the gateway and into logs as it is: no names with blanks, and no card number."""
    with pytest.raises(ValidationError):
        request({name: reference}, customer_present=False)


@pytest.mark.database
async def test_a_charge_is_asked_for_again_as_it_was(engine: AsyncEngine) -> None:
    """A process that is gone is started again from the row, without its customer as before."""
    asked = request({"mandate": "mandate_1", "gateway_customer": "cus_9"}, customer_present=False)
    async with engine.begin() as connection:
        opened, _ = await charges.open_charge(connection, asked, "stripe", "the only one")
    assert opened.request() == asked
    assert opened.answer is None
    assert "answer" not in opened.view().model_dump()


@pytest.mark.database
async def test_an_answer_is_kept_and_taken_away(engine: AsyncEngine) -> None:
    """What the gateway told last is shown, and nothing of it once nothing is told."""
    answer = GatewayAnswer(network="visa", network_code="51", reached_issuer=True, card=CardFacts(expires="2030-02"))
    async with engine.begin() as connection:
        await charges.open_charge(connection, request(), "stripe", "the only one")
        told = await charges.change(connection, "ch_1", {"answer": answer.document()})
        assert told.answer == told.view().answer == answer
        assert told.view().model_dump(mode="json")["answer"] == {
            "network": "visa",
            "network_code": "51",
            "reached_issuer": True,
            "card": {"expires": "2030-02"},
        }
        assert (await charges.change(connection, "ch_1", {"answer": None})).answer is None
