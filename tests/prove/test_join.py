"""The join as a whole: whatever is told soundly is proved, and whatever is taken out of it is missed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proofs.entry_checks import check_entries, check_totals
from ledger.proofs.evidence import ChargeEvidence, CurrencyTotal, EffectKind, Standing
from ledger.proofs.findings import Code
from ledger.proofs.join import Effects, charge_of, examine, unexplained
from tests.prove.story import NOW, Story, entry

Part = TypeVar("Part")

AMOUNTS = st.integers(min_value=1, max_value=999_999_999_999)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Any charge that came to an end, or waits as it should."""
    story = Story(
        charge_id=draw(st.sampled_from(["ch_1", "a.b-c", "7"])),
        gateway=draw(st.sampled_from(["stripe", "paypal"])),
        amount=draw(AMOUNTS),
        currency=draw(st.sampled_from(["USD", "JPY", "KWD"])),
    )
    ending = draw(st.sampled_from(["declined", "unknown", "under way", "held", "voided", "captured", "manual"]))
    match ending:
        case "declined":
            return story.decline()
        case "unknown":
            return story.unknown()
        case "under way":
            return story.intend()
        case "held":
            return story.authorize()
        case "voided":
            return story.authorize().void()
        case "manual":
            story.authorize().capture(draw(st.integers(1, story.amount)), draw(st.integers(0, story.amount)))
        case _:
            story.capture(fee=draw(st.integers(0, story.amount)))
    left = story.counters["captured_minor"]
    outcomes = st.sampled_from(["succeeded", "failed", "declined", "pending", None])
    for outcome in draw(st.lists(outcomes, max_size=4)):
        if left:
            amount = draw(st.integers(1, left))
            left -= amount
            story.refund(amount, outcome)
    return story


@given(stories())
def test_what_all_three_tell_alike_is_proved(story: Story) -> None:
    """No order of events that the processes know of leads to a finding."""
    result = examine(story.evidence(), NOW)
    assert result.findings == (), [finding.message for finding in result.findings]


@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_the_evidence_does_not_matter(story: Story, chance: Random) -> None:
    """Findings do not depend on the order in which gateways and database list what they have."""
    evidence = story.evidence()
    mixed = replace(
        evidence,
        operations=chance.sample(evidence.operations, len(evidence.operations)),
        entries=chance.sample(evidence.entries, len(evidence.entries)),
        effects=chance.sample(evidence.effects, len(evidence.effects)),
    )
    assert examine(mixed, NOW).findings == ()


@given(stories(), st.data())
def test_whatever_is_taken_out_is_missed(story: Story, data: st.DataObject) -> None:
    """Nothing that moved money can vanish from the gateway, the operations or the journal unnoticed."""
    whole = story.evidence()
    lacking = [
        *(replace(whole, operations=without(whole.operations, each)) for each in whole.operations),
        *(replace(whole, entries=without(whole.entries, each)) for each in whole.entries),
        # A refund that failed, or is not decided, has no effect yet that could be missed.
        *(replace(whole, effects=without(whole.effects, each)) for each in whole.effects if each.standing.took_effect),
    ]
    if lacking:
        found = examine(data.draw(st.sampled_from(lacking)), NOW).findings
        assert found


@given(stories(), st.data(), st.integers(min_value=1, max_value=10**12))
def test_whatever_amount_is_changed_is_noticed(story: Story, data: st.DataObject, by: int) -> None:
    """No amount can be changed at the gateway or in a line of the journal unnoticed."""
    whole = story.evidence()
    changed: list[ChargeEvidence] = []
    for index, effect in enumerate(whole.effects):
        if effect.standing.took_effect:
            effects = list(whole.effects)
            effects[index] = replace(effect, amount_minor=effect.amount_minor + by)
            changed.append(replace(whole, effects=effects))
    for index, posted in enumerate(whole.entries):
        lines = [posted.lines[0]._replace(amount_minor=posted.lines[0].amount_minor + by), *posted.lines[1:]]
        entries = list(whole.entries)
        entries[index] = replace(posted, lines=lines)
        changed.append(replace(whole, entries=entries))
    if changed:
        assert examine(data.draw(st.sampled_from(changed)), NOW).findings


@given(st.lists(stories(), max_size=4), st.booleans())
def test_every_effect_is_given_out_once_or_left(all_stories: list[Story], hide: bool) -> None:  # noqa: FBT001
    """The effects of thousands of charges are shared out without loss, also those that name no charge."""
    named = {story.charge_id: story for story in all_stories}
    effects = [effect for story in named.values() for effect in story.effects]
    if hide:
        effects = [replace(effect, charge_id=None, operation_id=None) for effect in effects]
    pool = Effects(effects)
    first, rest = list(named)[:1], list(named)[1:]
    taken = [
        effect
        for charge_id in first
        for effect in pool.take(charge_id, [name for row in named[charge_id].operations for name in row.references])
    ]
    assert Counter(effect.reference for effect in [*taken, *pool.left()]) == Counter(each.reference for each in effects)
    assert len(taken) == sum(len(named[charge_id].effects) for charge_id in first)
    assert len(pool.left()) == sum(len(named[charge_id].effects) for charge_id in rest)


def test_an_effect_belongs_to_the_charge_that_it_names() -> None:
    """A second payment, which no operation knows by its reference, is still shown with its charge."""
    [effect] = Story().capture().effects
    for named in (replace(effect, operation_id=None), replace(effect, charge_id=None)):
        assert Effects([named]).take("ch_1", ()) == [named]
        assert Effects([named]).take("ch_2", ()) == []


def test_an_effect_without_a_name_follows_what_belongs_to_the_charge() -> None:
    """A refund of the dashboard names only the payment that it gives back, which another effect shows to be ours."""
    capture, refund = Story().capture().refund(100).effects
    nameless = replace(refund, operation_id=None, charge_id=None)
    assert Effects([capture, nameless]).take("ch_1", ()) == [capture, nameless]


def test_a_charge_is_read_out_of_an_operations_name_only() -> None:
    """What another program writes where our name would stand is not taken for a charge of ours."""
    assert charge_of("ch_1:capture:1") == "ch_1"
    for other in (None, "", "order 7", "a:b", "ch_1:capture:one", ":capture:1"):
        assert charge_of(other) is None


def test_effects_of_no_charge_are_unexplained_unless_nothing_came_of_them() -> None:
    """A stranger's payment is reported; an authorization that was released long ago is not."""
    story = Story(charge_id="theirs").capture().authorize().refund(100, "failed")
    released = replace(story.effects[1], standing=Standing.RELEASED)
    payout = replace(story.effects[0], kind=EffectKind.MOVEMENT, reference="po_1", description="payout")
    found = list(unexplained([story.effects[0], released, story.effects[2], payout]))
    assert [finding.code for finding in found] == [Code.EFFECT_UNEXPLAINED, Code.MOVEMENT_UNEXPLAINED]


def test_a_trial_balance_that_no_entry_explains_is_found() -> None:
    """Lines that were changed behind the entries' backs show in the sum of all."""
    totals = [
        CurrencyTotal("EUR", is_memo=False, debits_minor=100, credits_minor=100),
        CurrencyTotal("USD", is_memo=False, debits_minor=101, credits_minor=100),
        CurrencyTotal("USD", is_memo=True, debits_minor=1, credits_minor=0),
    ]
    assert [finding.code for finding in check_totals(totals, Counter())] == [Code.TRIAL_BALANCE_DIFFERS] * 2
    explained = Counter({("USD", False): 1})
    assert len(list(check_totals(totals, explained))) == 1


@pytest.mark.parametrize(
    ("account", "is_found"),
    [
        ("clearing:stripe", True),
        ("memo:authorizations:paypal", True),
        ("memo:unresolved:paypal", True),
        ("expense:gateway_fees", True),
        ("liability:refunds_payable", True),
        ("bank:main", False),
    ],
)
def test_an_entry_of_no_operation_may_not_speak_of_a_gateway(account: str, *, is_found: bool) -> None:
    """Books may be adjusted by hand, but what a gateway did is never a matter of opinion."""
    other = "memo:authorizations:contra" if account.startswith("memo:") else "equity:opening"
    by_hand = entry("adjustment-1", None, None, "USD", (account, 100), (other, -100))
    assert [finding.code for finding in check_entries([by_hand], ())] == [Code.ENTRY_UNEXPLAINED] * is_found
    of_nobody = replace(by_hand, operation_id="ch_9:capture:1")
    assert [finding.code for finding in check_entries([of_nobody], ())] == [Code.ENTRY_UNEXPLAINED]


def without(whole: Sequence[Part], part: Part) -> tuple[Part, ...]:
    """All but one."""
    return tuple(each for each in whole if each is not part)
