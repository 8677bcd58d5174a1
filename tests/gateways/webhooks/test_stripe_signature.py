"""Only what Stripe signed, of now and byte for byte, is let in."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from gateways.webhooks.errors import DeliveryRefused
from gateways.webhooks.stripe_signature import StripeWebhooks, verify
from tests.gateways.webhooks.sender import SECRET, signed_by_stripe, stripe_body

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
BODY = stripe_body()
WINDOW = 300


def header(*secrets: str, at: datetime = NOW, body: bytes = BODY) -> str:
    """The header of a delivery."""
    return signed_by_stripe(body, at, *secrets)["stripe-signature"]


def refused(text: str, *secrets: str, body: bytes = BODY) -> str:
    """Why a delivery is refused."""
    with pytest.raises(DeliveryRefused) as refusal:
        verify(text, body, secrets or (SECRET,), NOW, WINDOW)
    return str(refusal.value)


def test_what_the_sdk_signs_is_let_in() -> None:
    """Stripe's own library signs as Stripe does."""
    text = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, int(NOW.timestamp()))
    assert verify(text, BODY, [SECRET], NOW, WINDOW)


def test_a_body_is_taken_byte_for_byte() -> None:
    """The same JSON written otherwise is another body: it is never parsed and written again before it is verified."""
    assert "another body" in refused(header(), body=BODY.replace(b"\n", b""))


@pytest.mark.parametrize("seconds", [-WINDOW, 0, WINDOW])
def test_clocks_may_differ_within_the_window(seconds: int) -> None:
    """A delivery is let in at the very edges of the window, on both sides."""
    verify(header(at=NOW + timedelta(seconds=seconds)), BODY, [SECRET], NOW, WINDOW)


@pytest.mark.parametrize(("seconds", "said"), [(-WINDOW - 1, "301 s ago"), (WINDOW + 1, "301 s from now")])
def test_what_is_not_of_now_is_refused(seconds: int, said: str) -> None:
    """A recorded delivery cannot be played again later, and none that is dated ahead can be kept for later."""
    assert said in refused(header(at=NOW + timedelta(seconds=seconds)))


def test_while_a_secret_is_changed_both_are_good_and_then_only_the_new_one() -> None:
    """No delivery is lost in a rotation, whether Stripe signs with the old secret, the new one or both; and it ends."""
    for signed_with in (["whsec_old"], ["whsec_new"], ["whsec_old", "whsec_new"], ["whsec_new", "whsec_old"]):
        verify(header(*signed_with), BODY, ["whsec_new", "whsec_old"], NOW, WINDOW)
    verify(header("whsec_old", "whsec_new"), BODY, ["whsec_new"], NOW, WINDOW)
    assert "another secret" in refused(header("whsec_old"), "whsec_new")


def test_a_transmission_has_one_name_during_a_rotation() -> None:
    """The copy of a delivery that is signed with both secrets is seen to be a copy, in whatever order they are."""
    names = {
        verify(header(*order), BODY, ["whsec_a", "whsec_b"], NOW, WINDOW)
        for order in (("whsec_a", "whsec_b"), ("whsec_b", "whsec_a"))
    }
    assert len(names) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "t=1",
        "v1=" + "a" * 64,
        header().replace("v1=", "v0="),
        header().replace("t=", "t=+"),
        header().replace("t=", "t= "),
        f"{header()},t={int(NOW.timestamp())}",
        header().replace("v1=", "v1=0"),
        "t=99999999999999999999," + header().partition(",")[2],
        header() + "," + "v0=a," * 1000,
        "t=١٧٦٤٠٧٢٠٠٠," + header().partition(",")[2],  # digits of another script
    ],
)
def test_a_header_that_cannot_be_read_is_refused(text: str) -> None:
    """Nothing that is not exactly a signature header is guessed at."""
    assert "Stripe-Signature" in refused(text)


def test_without_a_secret_there_is_no_entrance() -> None:
    """An empty secret, which anybody can sign with, never comes into use."""
    for secrets in ([], [""], [SECRET, ""]):
        with pytest.raises(ValueError, match="empty secret"):
            StripeWebhooks(secrets, WINDOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"id": 1}', b'{"id": "evt_1"}', b"[" * 100_000])
async def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    """What cannot be read, however it was signed, is answered in one line and breaks nothing."""
    with pytest.raises(DeliveryRefused):
        await StripeWebhooks([SECRET], WINDOW).admit(signed_by_stripe(body, NOW), body, NOW)
