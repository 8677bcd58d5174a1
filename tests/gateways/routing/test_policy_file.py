"""A policy file that cannot be used is refused whole when it is read, with the line of each fault and what to do."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.routing import policy_file
from gateways.routing.errors import PolicyFault
from gateways.routing.policy import Policies
from ledger import lined_yaml

GATEWAYS = ("stripe", "paypal")
EXAMPLE = Path(__file__).parents[3] / "docs" / "routing-policy.yaml"
HEAD = """editions:
  - version: "2026-11"
    effective_from: 2026-11-01
    fallback_order: [stripe, paypal]
"""


def parsed(text: str) -> Policies:
    return policy_file.parse(text, "p.yaml", GATEWAYS)


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyFault) as refused:
        parsed(text)
    return list(refused.value.lines)


def told(text: str) -> list[str]:
    """Return the faults of a text, or none; any other error is a defect."""
    try:
        parsed(text)
    except PolicyFault as refused:
        return list(refused.lines)
    return []


def rule(when: str, then: str = "{gateway: stripe}") -> str:
    return f"{HEAD}    rules:\n      - name: one\n        when: {when}\n        then: {then}\n"


def test_the_example_of_the_documentation_can_be_used() -> None:
    """Whoever begins with the worked file begins with one that works."""
    policies = policy_file.read(EXAMPLE, GATEWAYS)
    assert [edition.version for edition in policies.editions] == ["2026-01", "2026-11"]
    assert {one.then.strategy for one in policies.newest.rules} == {
        "gateway",
        "weighted_split",
        "least_cost",
        "success_rate",
        "fallback_order",
    }


def test_values_are_what_the_policy_says_they_are_and_not_what_yaml_makes_of_them() -> None:
    """Norway is a country, a version that looks like a number is a name, and a percentage is exact."""
    text = rule("{card_country: [NO], metadata: {tier: 1, vip: yes}}").replace('"2026-11"', "2026")
    policy = parsed(f"{text}    fees: {{stripe: {{percentage: 2.9}}}}\n").newest
    assert policy.version == "2026"
    assert policy.rules[0].when.card_country == ("NO",)
    assert policy.rules[0].when.metadata == {"tier": "1", "vip": "yes"}
    assert policy.fees["stripe"].percentage == Decimal("2.9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}    color: red\n", "line 5: color: there is no such field: correct its name or leave it out"),
        (HEAD.replace("    fallback_order: [stripe, paypal]\n", ""), "line 2: fallback_order: is missing: add it"),
        (rule("{currency: [XYZ]}"), "line 7: currency: unknown currency 'XYZ': give an ISO 4217 code such as USD"),
        (rule("{currency: [USD, USD]}"), "line 7: currency: names the same thing twice: name it once"),
        (
            rule("{amount: {USD: {min_minor: 100, max_minor: 99}}}"),
            "line 7: USD: min_minor is over max_minor, so no amount is in the range: exchange them",
        ),
        (
            rule("{currency: [EUR], amount: {USD: {min_minor: 100}}}"),
            "line 7: when: amount speaks of USD, which currency rules out: add it there, or remove it here",
        ),
        (
            rule("{card_country: [DE], card_country_not: [DE]}"),
            "line 7: when: card_country_not rules out each card_country: nothing is left, so remove one of them",
        ),
        (
            rule("{}", "{weighted_split: {stripe: 0, paypal: 0}}"),
            "line 8: weighted_split: the weights add up to zero, so no gateway can be drawn: give one of them more",
        ),
        (
            rule("{}", "{gateway: stripe, least_cost: [stripe]}"),
            "line 8: then: needs exactly one of gateway, weighted_split, least_cost, success_rate, fallback_order",
        ),
        (rule("{}", "{gateway: adyen}"), "line 8: gateway: there is no gateway adyen: use stripe or paypal"),
        (rule("{}", "{fallback_order: [stripe, stripe]}"), "line 8: fallback_order: names a gateway twice: name each once"),
        (f"{HEAD}    fees: {{adyen: {{}}}}\n", "line 5: adyen: there is no gateway adyen: use stripe or paypal"),
        (
            f"{HEAD}    limits: {{attempts: 1, attempts_per_gateway: 2}}\n",
            "line 5: limits: attempts_per_gateway is over attempts, so it limits nothing: lower it",
        ),
        (
            f"{HEAD}    limits:\n      attempts: 1\n",
            "line 5: limits: attempts_per_gateway is over attempts, so it limits nothing: lower it",
        ),
        ("", "line 1: the file is empty: write at least one edition, as docs/routing.md shows"),
        ("# nothing\n", "line 1: the file is empty: write at least one edition, as docs/routing.md shows"),
        ("editions: []", "line 1: editions: needs at least one entry: add it, or leave the whole field out"),
        ("just text", "line 1: must be names with their values, such as `name: value`"),
        (f"{HEAD}    version: again\n", "line 5: version is given twice: give it once"),
        (f"{HEAD}    limits: &a {{attempts: 2}}\n    outages: *a\n", "line 5: refers to another part of the file: write it out"),
        (
            f"{HEAD}    limits: !!python/object:os.system {{}}\n",
            "line 5: has the tag tag:yaml.org,2002:python/object:os.system: leave it out",
        ),
        (f"{HEAD}    limits: !mine {{}}\n", "line 5: has the tag !mine: leave it out"),
        (f"{HEAD}---\n{HEAD}", None),
        (f"{HEAD}    ? [a, b]\n    : c\n", "line 5: has a key that is no word"),
        ("[" * 5_000, None),
        ("editions: \x00", None),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_its_line(text: str, expected: str | None) -> None:
    """The operator goes to the line and knows what to do; nothing is routed by the rest of the file."""
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith("p.yaml line ")
    assert expected is None or found == [f"p.yaml {expected}"]


def test_all_faults_are_listed_at_once_in_the_order_of_their_lines() -> None:
    """Nobody mends one only to be told of the next."""
    text = rule("{card_country: [norway], card_funding: [gold]}", "{gateway: S}") + "    color: red\n"
    assert [line.partition(": ")[0] for line in faults(text)] == [
        "p.yaml line 7",
        "p.yaml line 7",
        "p.yaml line 8",
        "p.yaml line 9",
    ]


def test_a_file_with_very_many_faults_is_refused_briefly() -> None:
    """A log stays readable."""
    found = faults(HEAD + "".join(f"    color_{number}: red\n" for number in range(500)))
    assert len(found) == lined_yaml.MAX_FAULTS + 1
    assert found[-1] == "p.yaml: and 480 more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * (lined_yaml.MAX_BYTES + 1), "has more than 262144 bytes, which no policy needs: name a policy file"),
        (b"editions:\n  - \xff\xfe", "line 2: is not UTF-8 text: save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_unread(tmp_path: Path, content: bytes, message: str) -> None:
    """A wrong path given by mistake costs no memory and shows nothing of the file."""
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(PolicyFault) as refused:
        policy_file.read(path, GATEWAYS)
    assert refused.value.lines == (f"{path} {message}",)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """The worker says which path it was given."""
    for path, why in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(PolicyFault) as refused:
            policy_file.read(path, GATEWAYS)
        assert refused.value.lines == (f"{path} cannot be read ({why}): name a policy file",)


@given(st.text(max_size=200) | st.text("[]{}:,-&*!?|>#%@ \n\tab01'\"", max_size=200))
def test_no_text_whatever_is_more_than_a_refusal(text: str) -> None:
    """A broken file never ends a worker with a traceback, and every refusal has a line."""
    assert all(line.startswith("p.yaml line ") for line in told(text))


@given(st.lists(st.integers(0, len(EXAMPLE.read_text()) - 1), min_size=1, max_size=3), st.sampled_from(":-[]{} x\n0"))
def test_a_policy_with_a_slip_of_the_finger_is_used_or_refused(places: list[int], slip: str) -> None:
    """Whatever is mistyped in a good file, the answer is a policy or a line."""
    text = EXAMPLE.read_text()
    for place in places:
        text = text[:place] + slip + text[place + 1 :]
    assert all(line.startswith("p.yaml line ") for line in told(text))
