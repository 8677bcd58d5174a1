"""The choice of a gateway: what is asked in which order, and that the answer says why."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.routing.ask import Method, RoutingAsk
from gateways.routing.choice import decide
from gateways.routing.decision import RoutingDecision
from gateways.routing.errors import NoGateway
from gateways.routing.windows import EMPTY, Windows
from tests.gateways.routing.asks import NOW, THREE, ask, lately, policy

RULES = """- {name: yen, when: {currency: [JPY]}, then: {gateway: paypal}}
- {name: visa, when: {card_brand: [visa]}, then: {fallback_order: [adyen, paypal]}}
- {name: rest, then: {gateway: stripe}}"""
RULED = policy(RULES)
OUTAGES = "outages: {down_after: 3, cool_off_seconds: 120, probe_share: 0.5}"
GUARDED = policy(more=OUTAGES)


def chosen(request: RoutingAsk, windows: Windows = EMPTY) -> RoutingDecision:
    return decide(RULED, request, THREE, windows)


def test_the_first_rule_that_matches_decides() -> None:
    """A policy is read from the top, as it is written."""
    decision = chosen(ask("500", "JPY", ["stripe", "paypal"]))
    assert (decision.gateway, decision.rule, decision.strategy) == ("paypal", "yen", "gateway")
    assert (
        decision.reason == "by rule yen: the gateway that the rule names; adyen has no payment method of the customer"
    )
    visa = [Method(gateway="stripe", brand="visa"), Method(gateway="adyen")]
    assert chosen(ask(methods=visa)).rule == "visa"
    assert chosen(ask()).rule == "rest"


def test_the_request_is_heard_before_the_rules() -> None:
    """A merchant who names a gateway gets it, if it can take the charge."""
    assert chosen(ask("500", "JPY", ["stripe", "paypal"], preferred="stripe")).strategy == "preferred"
    refused = chosen(ask("500", "JPY", ["stripe", "paypal", "adyen"], preferred="adyen"))
    assert (refused.gateway, refused.reason) == (
        "paypal",
        "by rule yen: the gateway that the rule names; adyen cannot take JPY",
    )


def test_where_the_gateways_of_the_rule_cannot_the_fallback_order_does() -> None:
    """A rule says what is best, not that the customer may not pay otherwise."""
    decision = chosen(ask("500", "JPY", ["stripe"]))
    assert (decision.gateway, decision.rule, decision.strategy) == ("stripe", None, "fallback_order")
    assert "paypal has no payment method of the customer" in decision.reason


def test_an_excluded_gateway_is_never_chosen() -> None:
    """What has just said no is not asked again, whatever the policy or the request prefers."""
    excluded = {"stripe": "has just said no", "paypal": "has said no"}
    decision = chosen(ask(preferred="stripe", excluded=excluded))
    assert decision.gateway == "adyen"
    assert "stripe has just said no" in decision.reason
    with pytest.raises(NoGateway, match=r"stripe has just said no; paypal has said no; adyen is full"):
        chosen(ask(excluded={**excluded, "adyen": "is full"}))


def test_the_decision_shows_each_gateway_and_can_be_kept() -> None:
    """`status` shows what was looked at, as it was then."""
    decision = chosen(ask("500", "JPY", ["stripe", "paypal"]))
    assert {one.gateway: one.why_not for one in decision.candidates} == {
        "paypal": None,
        "stripe": None,
        "adyen": "has no payment method of the customer",
    }
    kept = json.loads(json.dumps(decision.model_dump(mode="json")))
    assert RoutingDecision.model_validate(kept) == decision
    assert decision.policy_version == "v1"


def test_a_gateway_that_is_down_is_set_aside() -> None:
    """Customers pay elsewhere while one gateway is out, also those for whom the merchant had named it."""
    windows = lately(("stripe", "approved", 50), ("stripe", "technical", 3))
    for preferred in (None, "stripe"):
        decision = decide(GUARDED, ask(preferred=preferred), THREE, windows)
        assert (decision.gateway, decision.probe) == ("paypal", False)
        assert "stripe is down: 3 outages in a row" in decision.reason
    assert decide(GUARDED, ask(methods=["stripe"]), THREE, windows).gateway == "stripe"


def test_where_all_are_down_they_are_asked_all_the_same() -> None:
    """Nobody is turned away by our own suspicion."""
    windows = lately(*((name, "technical", 5) for name in THREE))
    decision = decide(GUARDED, ask(), THREE, windows)
    assert (decision.gateway, decision.strategy) == ("stripe", "fallback_order")
    assert decide(GUARDED, ask(preferred="adyen"), THREE, windows).gateway == "adyen"


def test_after_a_pause_a_share_of_the_charges_tries_a_gateway_that_was_down() -> None:
    """A gateway that is up again is found out by few, and by first attempts only: a customer meets the outage once."""
    windows = lately(("stripe", "technical", 3))
    later = NOW + timedelta(minutes=2)
    asks = [ask(charge_id=f"ch_{number}", at=later) for number in range(400)]
    probes = [one for one in (decide(GUARDED, request, THREE, windows) for request in asks) if one.probe]
    assert {one.gateway for one in probes} == {"stripe"}
    assert 150 < len(probes) < 250
    assert probes[0].reason == "tried again, to learn whether it still is down: 3 outages in a row"
    seconds = [request.model_copy(update={"attempt": 2}) for request in asks]
    assert {decide(GUARDED, request, THREE, windows).gateway for request in seconds} == {"paypal"}


def test_a_probe_stays_among_the_gateways_that_the_rule_allows() -> None:
    """A rule that names one gateway is not broken to learn about another."""
    guarded = policy("- {name: all, then: {gateway: paypal}}", more=OUTAGES)
    later = NOW + timedelta(minutes=2)
    windows = lately(("stripe", "technical", 3))
    asks = [ask(charge_id=f"ch_{number}", at=later) for number in range(50)]
    assert {decide(guarded, request, THREE, windows).gateway for request in asks} == {"paypal"}


EVERYTHING = policy(
    """- {name: a, when: {currency: [EUR]}, then: {weighted_split: {stripe: 1, paypal: 2, adyen: 0}}}
- {name: b, when: {amount: {USD: {min_minor: 5000}}}, then: {success_rate: [adyen, stripe, paypal]}}
- {name: c, then: {least_cost: [adyen, paypal]}}""",
    order="[stripe, paypal]",
    more="outages: {down_after: 3}\nfees: {adyen: {percentage: 1}, paypal: {percentage: 2}}",
)


@given(
    st.sampled_from(["EUR", "USD", "JPY"]),
    st.integers(1, 200),
    st.sets(st.sampled_from([*THREE, "till"]), min_size=1),
    st.dictionaries(st.sampled_from(list(THREE)), st.just("is excluded")),
    st.sampled_from([None, *THREE]),
    st.lists(
        st.tuples(
            st.sampled_from(list(THREE)), st.sampled_from(["approved", "declined", "technical"]), st.integers(1, 40)
        ),
        max_size=4,
    ),
    st.integers(1, 3),
    st.text("abc123", min_size=1, max_size=8),
)
def test_whatever_is_chosen_can_take_the_charge_and_is_chosen_again(
    currency: str,
    amount: int,
    methods: set[str],
    excluded: dict[str, str],
    preferred: str | None,
    counts: list[tuple[str, str, int]],
    attempt: int,
    charge_id: str,
) -> None:
    """No customer is sent where they have no payment method, and a repetition goes the same way."""
    request = ask(
        str(amount),
        currency,
        sorted(methods),
        excluded=excluded,
        preferred=preferred,
        attempt=attempt,
        charge_id=charge_id,
    )
    windows = lately(*counts)
    able = {
        name for name in methods & set(THREE) if name not in excluded and THREE[name].refusal(request.amount) is None
    }
    try:
        decision = decide(EVERYTHING, request, THREE, windows)
    except NoGateway:
        assert able <= {"adyen"}  # which only some rules lead to
        return
    assert decision.gateway in able
    assert {one.gateway for one in decision.candidates if one.eligible} <= able
    assert decide(EVERYTHING, request, THREE, lately(*counts)) == decision
