"""What follows a no: another try only where it is known to be safe and worth it, and never beyond a limit."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.routing.limits import Limits
from gateways.routing.next_attempt import GiveUp, PastAttempt, TryAgain, next_attempt
from gateways.routing.windows import EMPTY
from gateways.session_map import SESSION_MAP, Action
from tests.gateways.routing.asks import NOW, THREE, ask, policy

POLICY = policy()
LIMITS = Limits()


def no(gateway: str, code: str, *, outcome: str = "declined", ago: int = 1, advice: str | None = None) -> PastAttempt:
    return PastAttempt(gateway=gateway, outcome=outcome, code=code, advice=advice, at=NOW - timedelta(seconds=ago))


def follow(
    *history: PastAttempt, methods: Sequence[str] = tuple(THREE), limits: Limits = LIMITS, **more: Any
) -> TryAgain | GiveUp:
    return next_attempt(
        limits,
        history,
        ask(methods=methods, **more),
        session_map=SESSION_MAP,
        policy=POLICY,
        capabilities=THREE,
        windows=EMPTY,
    )


def where(found: TryAgain | GiveUp) -> tuple[str, int, bool]:
    assert isinstance(found, TryAgain), found
    return found.decision.gateway, found.after_seconds, found.authenticate


@pytest.mark.parametrize("outcome", ["unknown", "pending", "action_required", "succeeded", "failed", ""])
@pytest.mark.parametrize("place", [0, 1])
def test_nothing_follows_an_attempt_that_has_not_ended_with_a_known_no(outcome: str, place: int) -> None:
    """While the money may have been taken, nobody asks for it anywhere else; a caller that would is stopped."""
    history = [no("stripe", "do_not_honor"), no("paypal", "INSTRUMENT_DECLINED")]
    history[place] = no("stripe", "no_effect", outcome=outcome)
    with pytest.raises(AssertionError, match="ch_1 may not be tried again"):
        follow(*history)
    with pytest.raises(AssertionError, match="ch_1 may not be tried again"):
        follow()


def test_a_decline_that_is_worth_it_goes_to_another_gateway_at_once() -> None:
    """The customer waits for nothing, and the decision says what it followed."""
    found = follow(no("stripe", "do_not_honor"))
    assert where(found) == ("paypal", 0, False)
    assert isinstance(found, TryAgain)
    assert found.decision.reason == (
        "after do_not_honor at stripe: first in the fallback order; stripe has just said do_not_honor"
    )
    assert found.decision.attempt == 2


@pytest.mark.parametrize(
    ("gateway", "code"),
    [("stripe", "authentication_required"), ("paypal", "PAYER_ACTION_REQUIRED"), ("paypal", "5650")],
)
def test_nobody_is_authenticated_who_is_not_there(gateway: str, code: str) -> None:
    """An attempt that asks an absent customer would wait for nobody; it is up to whoever can reach them."""
    assert where(follow(no(gateway, code))) == (gateway, 0, True)
    found = follow(no(gateway, code), customer_present=False)
    assert found == GiveUp(reason=f"{gateway} said {code}, and the customer is not there to be authenticated")


def test_a_decline_that_is_not_worth_it_ends_the_session() -> None:
    """A stolen card is stolen everywhere."""
    found = follow(no("stripe", "stolen_card", advice="do_not_try_again"))
    assert found == GiveUp(
        reason="stripe said stolen_card: the issuer will never approve this card; network rules fine further attempts"
    )


def test_an_unknown_code_ends_the_session_and_is_named_for_a_warning() -> None:
    """The map can be completed by what it has met."""
    found = follow(no("stripe", "brand_new", advice="odd"))
    assert isinstance(found, GiveUp)
    assert found.unknown_code == "brand_new, advised odd"


def test_an_error_on_the_way_is_tried_here_after_a_pause_and_then_elsewhere() -> None:
    """The first gateway gets its second chance, and no third."""
    first = no("stripe", "processing_error", ago=4)
    assert where(follow(first)) == ("stripe", 2, False)
    assert where(follow(first, no("stripe", "processing_error"))) == ("paypal", 0, False)


def test_an_outage_goes_elsewhere_and_comes_back_where_there_is_no_other() -> None:
    """With one gateway only, the customer still gets the second attempt, a moment later."""
    outage = no("stripe", "no_effect", outcome="refused")
    assert where(follow(outage)) == ("paypal", 0, False)
    assert where(follow(outage, methods=["stripe"])) == ("stripe", 2, False)
    twice = follow(outage, outage, methods=["stripe"])
    assert isinstance(twice, GiveUp)
    assert "stripe has just said no_effect" in twice.reason


def test_a_gateway_that_said_no_is_not_come_back_to() -> None:
    """The issuer that declined two attempts ago would decline again; one that was out may be up."""
    outage = no("paypal", "no_effect", outcome="refused")
    declined = follow(no("stripe", "do_not_honor", ago=3), outage, methods=["stripe", "paypal"])
    assert where(declined) == ("paypal", 2, False)
    came_back = follow(
        no("stripe", "no_effect", outcome="refused", ago=3),
        no("paypal", "INSTRUMENT_DECLINED"),
        methods=["stripe", "paypal"],
    )
    assert where(came_back) == ("stripe", 2, False)


def test_a_gateway_is_not_come_back_to_beyond_its_limit() -> None:
    """However long it was out, it is asked twice and no more."""
    outages = [no(name, "no_effect", outcome="refused", ago=9) for name in ("stripe", "stripe", "paypal")]
    found = follow(*outages, methods=["stripe", "paypal"], limits=Limits(attempts=5))
    assert where(found) == ("paypal", 2, False)


def test_authentication_is_asked_for_once_at_the_same_gateway() -> None:
    """The customer is sent through it once, not in circles, and not to a gateway that did not ask."""
    wanted = no("stripe", "authentication_required")
    assert where(follow(wanted)) == ("stripe", 0, True)
    again = follow(wanted, wanted, limits=Limits(attempts=5, attempts_per_gateway=5))
    assert isinstance(again, GiveUp)
    assert "twice" in again.reason


@pytest.mark.parametrize(("ago", "goes_on"), [(118, True), (119, False), (500, False)])
def test_no_attempt_starts_after_the_time_is_over(ago: int, *, goes_on: bool) -> None:
    """The pause counts too: a checkout is not answered minutes later."""
    found = follow(no("stripe", "processing_error", ago=ago))
    assert isinstance(found, TryAgain) is goes_on
    assert goes_on or "120 s" in getattr(found, "reason", "")


def test_the_last_attempt_is_the_last() -> None:
    """An issuer counts every attempt against the merchant."""
    history = [no("stripe", "do_not_honor"), no("paypal", "INSTRUMENT_DECLINED"), no("adyen", "no_effect")]
    found = follow(*history, limits=Limits(attempts=3))
    assert isinstance(found, GiveUp)
    assert "the limit of 3 attempts is reached" in found.reason


def test_a_gateway_that_the_request_excludes_stays_excluded() -> None:
    """What the caller has ruled out is ruled out for every attempt."""
    found = follow(no("stripe", "do_not_honor"), excluded={"paypal": "is not wanted"})
    assert where(found)[0] == "adyen"


CODES = {
    gateway: [code for name, signal, code in SESSION_MAP.rows if name in {gateway, "any"} and signal == "code"]
    + ["odd"]
    for gateway in THREE
}
ATTEMPTS = st.sampled_from(list(THREE)).flatmap(
    lambda gateway: st.builds(
        no,
        st.just(gateway),
        st.sampled_from(CODES[gateway]),
        outcome=st.sampled_from(["declined", "refused"]),
        advice=st.sampled_from([None, None, None, "try_again_later", "02"]),
    )
)
LIMIT = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 60)).map(
    lambda given: Limits(attempts=max(given[:2]), attempts_per_gateway=min(given[:2]), total_seconds=given[2])
)


@settings(max_examples=300)
@given(st.lists(ATTEMPTS, min_size=1, max_size=4), st.sets(st.sampled_from(list(THREE)), min_size=1), LIMIT)
def test_whatever_happened_the_answer_is_safe(history: list[PastAttempt], methods: set[str], limits: Limits) -> None:
    """Another try only where the map allows it and the customer can pay; the same question has the same answer."""
    found = follow(*history, methods=sorted(methods), limits=limits)
    assert found == follow(*history, methods=sorted(methods), limits=limits)
    if isinstance(found, GiveUp):
        return
    last = history[-1]
    advice = SESSION_MAP.look_up(last.gateway, last.code, last.advice)
    assert advice.known
    assert advice.action is not Action.GIVE_UP
    assert found.decision.gateway in methods
    assert len(history) < limits.attempts
    counts = Counter(attempt.gateway for attempt in history)
    assert counts[found.decision.gateway] < limits.attempts_per_gateway
    assert NOW + timedelta(seconds=found.after_seconds) <= history[0].at + timedelta(seconds=limits.total_seconds)
    assert found.authenticate is (advice.action is Action.AUTHENTICATE)
    if found.decision.gateway == last.gateway:
        assert found.authenticate or found.after_seconds == advice.here_after_seconds
    else:
        assert advice.action in {Action.RETRY_HERE, Action.OTHER_GATEWAY}


@settings(max_examples=200)
@given(st.data(), st.sets(st.sampled_from(list(THREE)), min_size=1), LIMIT)
def test_a_session_ends_within_its_limits_whatever_the_gateways_say(
    data: st.DataObject, methods: set[str], limits: Limits
) -> None:
    """Played to its end with any answers, a charge never has more attempts, more at one gateway, or more time."""
    history: list[PastAttempt] = [data.draw(ATTEMPTS)]
    clock = NOW
    for _ in range(limits.attempts + 1):
        found = follow(*history, methods=sorted(methods), limits=limits, at=clock)
        if isinstance(found, GiveUp):
            break
        clock += timedelta(seconds=found.after_seconds)
        gateway = found.decision.gateway
        code = data.draw(st.sampled_from(CODES[gateway]))
        history.append(PastAttempt(gateway=gateway, outcome="declined", code=code, at=clock))
        clock += timedelta(seconds=data.draw(st.integers(0, 30)))
    else:
        raise AssertionError("the session never ended")
    assert len(history) <= limits.attempts
    assert all(count <= limits.attempts_per_gateway for count in Counter(one.gateway for one in history).values())
    assert history[-1].at - history[0].at <= timedelta(seconds=limits.total_seconds)
