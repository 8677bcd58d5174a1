"""A dunning policy that cannot be used is refused whole when it is read, with the line of each fault and what to do."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.dunning import policy_file
from billing.dunning.errors import DunningPolicyFault
from billing.dunning.history import Customer, Invoice
from billing.dunning.policy import Policies
from ledger.money import Money
from tests.billing.dunning.histories import AMOUNT, FAILED_AT, FIXED

SECOND = FIXED.partition("policies:\n")[2]
"""The one policy of the file, to be given a second time."""


def parsed(text: str) -> Policies:
    return policy_file.parse(text, "d.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(DunningPolicyFault) as refused:
        parsed(text)
    return list(refused.value.lines)


def told(text: str) -> list[str]:
    """Return the faults of a text, or none; any other error is a defect."""
    try:
        parsed(text)
    except DunningPolicyFault as refused:
        return list(refused.lines)
    return []


def segmented(*segments: str) -> str:
    """A file with a policy for each segment, and one for all others."""
    policies = "".join(
        SECOND.replace("name: fixed", f"name: segment-{number}\n        when: {segment}")
        for number, segment in enumerate(segments)
    )
    return FIXED.replace(SECOND, policies + SECOND)


def line_of(text: str, part: str) -> int:
    """The number of the first line with these words."""
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def test_the_shipped_policy_can_be_used() -> None:
    """Whoever configures nothing has a policy that works, within the limits of every network."""
    policies = policy_file.read()
    assert [edition.version for edition in policies.editions] == ["2026-11"]
    assert policies.editions[0].policies[-1].most_tries == 8


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (("most_tries: 4", "most_tries: four"), "most_tries:", "most_tries: must be a valid integer"),
        (("most_tries: 4", "most_tries: 4\n        color: red"), "color", "color: there is no such field"),
        (("deadline_days: 21\n", "\n"), "- name: fixed", "deadline_days: is missing: add it"),
        (("deadline_days: 21", "deadline_days: 500"), "deadline_days:", "deadline_days: must be less than or equal to 120"),
        (("deadline_days: 21", "deadline_days: 20"), "wait_for_funds: {", "fixed_days: day 20 is not before the deadline on day 20"),
        (("most_tries: 4", "most_tries: 3"), "wait_for_funds: {", "fixed_days: has 4 days, but most_tries is 3: make them agree"),
        (("[2, 5, 9]", "[5, 2, 9]"), "generic: {", "fixed_days: the days are not in order"),
        (("[15, 60, 240]", "[]"), "technical: {", "after_minutes: needs at least one entry"),
        (("{fixed_days: [2, 5, 9]}", "{after_minutes: [60]}"), "generic: {", "generic: needs fixed_days or adaptive, since an issuer that said no is asked once a day"),
        (("{after_minutes: [15, 60, 240]}", "{fixed_days: [1]}"), "technical: {", "technical: needs after_minutes"),
        (("{fixed_days: [2, 5, 9]}", "{}"), "generic: {", "generic: needs exactly one of fixed_days, adaptive, after_minutes"),
        (("most_tries: 4", "most_tries: 4\n        zone: Europe/Berlim"), "zone:", "zone: there is no time zone Europe/Berlim"),
        (("template: reminder", "template: nagging"), "template: nagging", "template: must be 'card_expiring'"),
        (("{template: reminder, days_after_failure: 7}", "{template: reminder, days_after_failure: 30}"), "template: reminder", "days_after_failure: day 30 is not before the deadline on day 21"),
        (("{template: reminder, days_after_failure: 7}", "{template: reminder, days_after_end: 7}"), "template: reminder", "ladder: reminder cannot be sent by days_after_end"),
        (("{template: reminder, days_after_failure: 7}", "{template: last_warning, days_before_deadline: 3}"), "days_before_deadline: 3}\n", "last_warning is sent twice at the same moment"),
        (("days_before_deadline: 3", "days_before_deadline: 22"), "days_before_deadline", "days_before_deadline: is before the failure"),
        (("{template: ended, days_after_end: 0}", "{template: ended, days_after_failure: 3}"), "template: ended", "ladder: ended cannot be sent by days_after_failure: use days_after_end"),
        (('until: "08:00"', 'until: "20:00"'), "quiet_hours", "quiet_hours: begin and until are the same"),
        (('until: "08:00"', 'until: "10:00"'), "notices:", "at: 09:00 is within the quiet hours: move one of them"),
        (("limited_after_days: 7", "limited_after_days: 14"), "access:", "limited_after_days: day 14 is not before the suspension on day 14"),
        (("suspended_after_days: 14", "suspended_after_days: 22"), "access:", "suspended_after_days: day 22 is after the deadline on day 21"),
        (("subscription: cancel, invoice: keep_open", "subscription: keep_past_due, invoice: void"), "end:", "end: subscription keep_past_due needs an open invoice, and invoice void leaves none"),
        (("            - {template: last_warning, days_before_deadline: 3}\n", ""), "ladder:", "ladder: cancels without a last_warning"),
        (("    effective_from: 2020-01-01\n", "    effective_from: someday\n"), "effective_from", "effective_from: must be a valid"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_its_line(change: tuple[str, str], place: str, message: str) -> None:
    """An impossible policy never runs by the part of it that could."""
    text = FIXED.replace(*change)
    assert text != FIXED
    said = faults(text)
    assert any(message in line for line in said), said
    found = next(line for line in said if message in line)
    number = int(re.match(r"d\.yaml line (\d+): ", found)[1])  # type: ignore[index]
    expected = max(n for n, line in enumerate(text.splitlines(), start=1) if place.rstrip() in line)
    assert number == expected or place in {"notices:", "days_before_deadline: 3}\n"}, (found, expected)


def test_ceilings_above_the_networks_are_refused() -> None:
    """Twenty tries after the first failure are twenty-one within thirty days."""
    adaptive = FIXED.replace("most_tries: 4", "most_tries: 20").replace("deadline_days: 21", "deadline_days: 30")
    adaptive = adaptive.replace("2020-01-01", "2026-01-01")
    days = ", ".join(str(day) for day in range(1, 21))
    text = adaptive.replace("[3, 7, 14, 20]", f"[{days}]").replace("[2, 5, 9]", f"[{days}]")
    said = (
        "most_tries: 20 tries within 30 days are above the ceiling of visa, 20: lower it, or spread them by fixed_days"
    )
    assert faults(text) == [f"d.yaml line {line_of(text, 'most_tries')}: {said}"]
    fewer = ", ".join(str(day) for day in range(1, 20))
    assert parsed(text.replace(f"[{days}]", f"[{fewer}]").replace("most_tries: 20", "most_tries: 19"))


def test_more_adaptive_tries_than_days_are_refused() -> None:
    """A try a day is our own minimum: nine do not fit in a week."""
    text = policy_file.DEFAULT.read_text().replace("deadline_days: 30", "deadline_days: 7")
    assert any("8 tries a day apart do not fit before the deadline on day 7" in line for line in faults(text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("any_day: 25}", "any_day: 0}", "has no weight on any_day, so that it bets on paydays alone: give it some"),
        ("in_between: 4", "in_between: 90", "in_between is over on_payday, so that paydays would be avoided"),
        ("reach: 110", "reach: 5", "reach: must be greater than or equal to 25"),
        ("semi_monthly: 20", "biweekly: 20", "must be 'first', 'fifteenth'"),
    ],
)
def test_a_single_bet_is_refused(old: str, new: str, message: str) -> None:
    """Paydays are likely moments, never the only ones: a file that says otherwise is not read."""
    text = policy_file.DEFAULT.read_text().replace(old, new, 1)
    assert any(message in line for line in faults(text)), faults(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{plan: [pro]}", "{country: [DE]}"),
        ("{plan: [pro, team]}", "{plan: [team]}"),
        ("{amount: {EUR: {max_minor: 5000}}}", "{amount: {EUR: {min_minor: 5000}}}"),
        ("{tenure: {from_days: 30}}", "{tenure: {under_days: 31}}"),
        ("{customer_type: [business]}", "{customer_type: [business], country: [DE]}"),
    ],
)
def test_segments_that_overlap_are_refused(one: str, other: str) -> None:
    """Which policy an invoice gets is never a matter of the order in the file."""
    text = segmented(one, other)
    said = "the segments of segment-0 and segment-1 overlap, so that an invoice could be in both: exclude one from the other"
    assert faults(text) == [f"d.yaml line {line_of(text, other)}: when: {said}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{plan: [pro]}", "{plan: [team]}"),
        ("{amount: {EUR: {max_minor: 4999}}}", "{amount: {EUR: {min_minor: 5000}}}"),
        ("{amount: {EUR: {}}}", "{amount: {USD: {}}}"),
        ("{tenure: {from_days: 30}}", "{tenure: {under_days: 30}}"),
        ("{country: [DE], plan: [pro]}", "{country: [FR], plan: [pro]}"),
    ],
)
def test_segments_apart_are_taken(one: str, other: str) -> None:
    """What excludes each other in one respect is apart."""
    assert len(parsed(segmented(one, other)).editions[0].policies) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (segmented("{}"), "asks for nothing: leave `when` out in the last policy"),
        (segmented("{amount: {EUR: {min_minor: 2, max_minor: 1}}}"), "min_minor is over max_minor"),
        (segmented("{tenure: {from_days: 9, under_days: 9}}"), "from_days is not below under_days"),
        (segmented("{plan: [pro, pro]}"), "names the same thing twice"),
        (FIXED.replace("name: fixed", "name: fixed\n        when: {plan: [pro]}"), "stands last and has a segment"),
        (FIXED + SECOND, "is for all invoices, but others follow"),
        (FIXED + SECOND, "there are two policies fixed: rename one"),
        ("", "the file is empty: write at least one edition, as docs/dunning.md shows"),
        ("editions: []", "editions: needs at least one entry"),
        (FIXED + FIXED.partition("editions:\n")[2], "there are two editions t1: rename one"),
    ],
)
def test_a_file_without_sense_is_refused(text: str, message: str) -> None:
    """One clear line for each, and no policy."""
    assert any(message in line for line in faults(text)), faults(text)


def test_an_invoice_gets_the_policy_of_its_segment() -> None:
    """By plan, country, type, amount and tenure; what is not known of a customer fulfils no condition."""
    segment = "{plan: [pro], country: [DE], customer_type: [business], amount: {EUR: {min_minor: 1000}}, tenure: {from_days: 30}}"
    edition = parsed(segmented(segment)).editions[0]
    invoice = Invoice(invoice_id="in_1", amount=AMOUNT, failed_at=FAILED_AT)
    known = {
        "customer_id": "cus_1",
        "plan": "pro",
        "country": "DE",
        "customer_type": "business",
        "customer_since": datetime(2026, 1, 1, tzinfo=UTC),
    }
    assert edition.policy_for(invoice, Customer.model_validate(known)).name == "segment-0"
    for name in ("plan", "country", "customer_type", "customer_since"):
        assert edition.policy_for(invoice, Customer.model_validate({**known, name: None})).name == "fixed"
    for amount in (Money(amount_minor=999, currency="EUR"), Money(amount_minor=1000, currency="USD")):
        other = invoice.model_copy(update={"amount": amount})
        assert edition.policy_for(other, Customer.model_validate(known)).name == "fixed"
    recent = Customer.model_validate({**known, "customer_since": datetime(2026, 11, 1, tzinfo=UTC)})
    assert edition.policy_for(invoice, recent).name == "fixed"


def test_a_running_process_finds_its_policy_by_name() -> None:
    """It keeps its version, and a new edition does not change it; a name that is gone is said clearly."""
    policies = parsed(FIXED)
    assert policies.named("t1", "fixed") is policies.editions[0].policies[0]
    with pytest.raises(DunningPolicyFault, match="there is no dunning policy t2/fixed: use one of t1/fixed"):
        policies.named("t2", "fixed")
    with pytest.raises(DunningPolicyFault, match="no edition of the dunning policy is in force at 2019"):
        policies.at(datetime(2019, 12, 31, tzinfo=UTC))


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """A wrong name is no traceback."""
    with pytest.raises(DunningPolicyFault, match="name a dunning policy file"):
        policy_file.read(tmp_path / "nothing.yaml")


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, len(FIXED)), put=st.text(alphabet="{}[]:,- \n\"'&*!xX0", max_size=4))
def test_no_text_is_a_crash(cut: int, put: str) -> None:
    """Whatever is typed is a policy or a list of faults."""
    text = FIXED[:cut] + put + FIXED[cut + 1 :]
    assert all(line.startswith("d.yaml line ") for line in told(text))
