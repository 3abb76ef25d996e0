"""Acts and their chain: any single change of any line is found."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.generated import events
from fakes.whole_job import SECRET, whole_job
from vulcan.application.masking import Masker
from vulcan.application.observability.audit import (
    acts,
    export,
    seal_event,
    verify,
    verify_export,
)
from vulcan.application.ports import Chain, Link, StoredEvent
from vulcan.domain import events as e
from vulcan.domain.requirements import Requirement


def chained(log: list[StoredEvent]) -> Chain:
    links: list[Link] = []
    head = ""
    for number, entry in enumerate(log, 1):
        place = (entry.job, entry.seq, entry.at, type(entry.event).__name__, 1, f"{number:064x}")
        head = seal_event(head, *place)
        links.append(Link(number, *place, head))
    return Chain(links, 1, 0, len(links), head)


LOG = whole_job().log
CHAIN = chained(LOG)
LINES = list(export(CHAIN, {"job1": LOG}, Masker()))


def test_who_did_what_on_whose_authority() -> None:
    said = {act.what.split(":")[0]: act for act in acts(LOG)}
    assert (said["job requested"].who, said["job requested"].authority) == ("ada", "own")
    assert (said["approval granted"].who, said["approval granted"].authority) == ("grace", "own")
    assert said["merged"].authority == "approval of grace"
    assert said["tool called"].who == "coder"
    assert said["tool called"].authority == "order of ada"
    assert said["model replied"].who == "test author (some-model)"
    assert said["evidence judged"].who == "worker 42 on host"


def test_a_merge_by_rule_names_the_rule() -> None:
    (merged,) = [
        a for a in acts(e for e in LOG if "Approval" not in type(e.event).__name__) if "merged:" in a.what
    ]
    assert merged.authority == "order of ada, merge rule: person"


@given(st.lists(events(), max_size=10))
def test_any_log_has_an_act_for_each_event(made: list) -> None:
    log = [StoredEvent("j", seq, 0.0, event) for seq, event in enumerate(made, 1)]
    assert [act.seq for act in acts(log)] == [entry.seq for entry in log]
    lines = list(export(chained(log), {"j": log}, Masker()))
    assert verify_export(lines) == []


def test_a_whole_chain_has_no_breach() -> None:
    assert verify(CHAIN) == []
    assert verify(Chain([], 1, 0, 0, "")) == []
    assert verify_export(LINES, CHAIN) == []


CHANGES = {
    "job": "other",
    "seq": 99,
    "at": 0.5,
    "name": "Else",
    "version": 9,
    "content": "f" * 64,
    "digest": "e" * 64,
}


@pytest.mark.parametrize("field", CHANGES)
@given(place=st.integers(0, len(LOG) - 1))
def test_any_edited_field_of_any_line_is_found(field: str, place: int) -> None:
    links = list(CHAIN.links)
    links[place] = replace(links[place], **{field: CHANGES[field]})
    assert verify(replace(CHAIN, links=links))


@given(st.integers(0, len(LOG) - 1), st.booleans())
def test_any_removed_line_is_found_also_when_the_rest_is_renumbered(place: int, renumber: bool) -> None:
    links = [link for at, link in enumerate(CHAIN.links) if at != place]
    if renumber:
        links = [replace(link, id=number) for number, link in enumerate(links, 1)]
    assert verify(replace(CHAIN, links=links))


@given(st.permutations(range(len(LOG))))
def test_any_other_order_is_found(order: list[int]) -> None:
    links = [replace(CHAIN.links[at], id=number) for number, at in enumerate(order, 1)]
    assert bool(verify(replace(CHAIN, links=links))) == any(a > b for a, b in pairwise(order))


def test_events_from_before_the_chain_can_not_be_added_or_removed() -> None:
    assert verify(replace(CHAIN, older=1))


@given(st.integers(0, len(LINES) - 1), st.data())
def test_an_export_shows_each_edited_removed_or_moved_line(place: int, data: st.DataObject) -> None:
    how = data.draw(st.sampled_from(["edit", "remove", "swap"]))
    lines = list(LINES)
    if how == "edit":
        record = json.loads(lines[place])
        key = data.draw(st.sampled_from(sorted(record)))
        lines[place] = json.dumps(record | {key: "forged"})
    elif how == "remove":
        del lines[place]
    else:
        other = data.draw(st.integers(0, len(LINES) - 1).filter(lambda n: n != place))
        lines[place], lines[other] = lines[other], lines[place]
    assert verify_export(lines)


def test_an_export_of_another_log_is_found_even_if_it_holds_in_itself() -> None:
    forged = [replace(entry, at=entry.at + 1) for entry in LOG]
    lines = list(export(chained(forged), {"job1": forged}, Masker()))
    assert verify_export(lines) == []
    assert verify_export(lines, CHAIN)


@pytest.mark.parametrize("lines", [[], ["no json"], ["[]"], ["{}"]])
def test_what_is_no_export_is_a_breach(lines: list[str]) -> None:
    assert verify_export(lines)


def test_an_export_holds_no_secret() -> None:
    job = whole_job()
    job.add(1, job.tool("generate/2/coder/0/c0", f"coder {SECRET}", "shell", ""))
    assert SECRET not in "".join(export(chained(job.log), {"job1": job.log}, Masker()))


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (e.SteeringGiven("call it total", "bob"), "steering given: call it total"),
        (e.RequirementsConfirmed("bob"), "requirements confirmed"),
        (
            e.RequirementsEdited(Requirement("x", ()), "AC-1 vetoed", "bob"),
            "requirements edited: AC-1 vetoed",
        ),
        (e.RequirementsQuestioned("floats, too", "bob"), "requirements questioned: floats, too"),
        (e.ApprovalRefused("d", "bob", "too slow"), "approval refused: too slow"),
    ],
)
def test_a_persons_word_is_that_persons_act(event: e.Event, what: str) -> None:
    (act,) = acts([StoredEvent("j", 1, 1.0, event)])
    assert (act.who, act.what, act.authority) == ("bob", what, "own")
