"""Budgets and policies: where a job stops, and what needs a person."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.generated import values
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.policy import MergeRule, ReviewPolicy, approval_digest

NONE = Budget(cost=None, tokens=None, seconds=None, calls=None)


@pytest.mark.parametrize(
    ("budget", "usage", "seconds", "limit"),
    [
        (Budget(cost=1.0), Usage(cost=1.0), 0.0, "cost: $1.00 used of $1.00"),
        (
            Budget(tokens=30),
            Usage(input_tokens=20, output_tokens=10),
            0.0,
            "tokens: 30 tokens used of 30 tokens",
        ),
        (Budget(credits=12.0), Usage(credits=12.5, cost=None), 0.0, "credits: 12.5 credits used of 12.0"),
        (Budget(calls=2), Usage(calls=2), 0.0, "calls: 2 model calls used of 2 model calls"),
        (Budget(seconds=60.0), Usage(), 60.0, "time: 60 s used of 60 s"),
        (Budget(tokens=1_000_000), Usage(input_tokens=2_000_000), 0.0, "tokens: 2,000,000 tokens used"),
    ],
)
def test_a_limit_that_is_used_up_is_named(budget: Budget, usage: Usage, seconds: float, limit: str) -> None:
    assert budget.exceeded(usage, seconds).startswith(limit)


@pytest.mark.parametrize(
    ("budget", "usage"),
    [
        (Budget(), Usage(cost=4.99, calls=199)),
        (Budget(cost=1.0), Usage(cost=None)),
        (NONE, Usage(10**9, 10**9, 0, 10**9, 1e9)),
        (Budget(tokens=5), Usage(cached_tokens=10)),
    ],
)
def test_what_is_within_goes_on(budget: Budget, usage: Usage) -> None:
    assert budget.exceeded(usage, 3599.0) == ""


def test_nothing_left_stops_at_once() -> None:
    assert Budget(calls=0).exceeded(Usage(), 0.0)


def test_at_eighty_percent_a_limit_is_nearly_spent_and_at_a_hundred_no_more() -> None:
    budget = Budget(cost=10.0, tokens=100, calls=10, seconds=None, credits=5.0)
    used = Usage(calls=10, input_tokens=79, cost=8.0, credits=4.0)
    assert [limit.name for limit in budget.nearly_spent(used, 0.0)] == ["cost", "credits"]
    assert budget.nearly_spent(used, 0.0)[0].words == "cost: $8.00 used of $10.00"


def test_a_limit_in_money_is_blind_where_the_price_is_unknown() -> None:
    assert Budget(cost=1.0).blind(Usage(cost=None))
    assert not Budget(cost=None).blind(Usage(cost=None))
    assert not Budget(cost=1.0).blind(Usage(cost=0.5))


usages = values(Usage)


@given(usages, usages)
def test_usage_adds_up_and_an_unknown_price_stays_unknown(one: Usage, other: Usage) -> None:
    both = one + other
    assert both.calls == one.calls + other.calls
    assert both.tokens == one.tokens + other.tokens
    assert both.cached_tokens == one.cached_tokens + other.cached_tokens
    assert (both.cost is None) == (one.cost is None or other.cost is None)
    assert one + Usage() == one


@pytest.mark.parametrize(
    ("rule", "approved", "merges"),
    [
        (MergeRule.PERSON, False, False),
        (MergeRule.PERSON, True, True),
        (MergeRule.PROVEN, False, True),
        (MergeRule.NEVER, True, False),
    ],
)
def test_when_a_proven_change_is_merged(rule: MergeRule, approved: bool, merges: bool) -> None:
    policy = ReviewPolicy(rule)
    assert policy.may_merge(proven=True, pipeline_passed=True, approved=approved) == merges
    assert policy.needs_person() == (rule is MergeRule.PERSON)


def test_without_proof_or_pipeline_no_word_of_anybody_merges() -> None:
    for rule, proven, passed in product(MergeRule, (True, False), (True, False)):
        merged = ReviewPolicy(rule).may_merge(proven=proven, pipeline_passed=passed, approved=True)
        assert not merged or (proven and passed)


@given(st.text(), st.text(), st.text(), st.text())
def test_an_approval_fits_one_act_on_one_commit(action: str, commit: str, other: str, another: str) -> None:
    same = (action, commit) == (other, another)
    if "\0" not in action + commit + other + another:
        assert (approval_digest(action, commit) == approval_digest(other, another)) == same
    assert len(approval_digest(action, commit)) == 16
