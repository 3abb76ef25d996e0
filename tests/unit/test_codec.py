"""Events survive the way to JSON and back, and so do those of older versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.generated import values
from fakes.sample_events import requested
from vulcan.domain.codec import decode_event, encode, encode_event
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import EVENT_TYPES, Event, JobOutcome, ModelReplied, StageStarted


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_every_event_survives_json(name: str, data: st.DataObject) -> None:
    event = data.draw(values(EVENT_TYPES[name]))
    stored_name, version, payload = encode_event(event)

    back = decode_event(stored_name, version, json.loads(json.dumps(payload)))

    assert back == event
    assert type(back) is EVENT_TYPES[name]
    assert hash(back) == hash(event)  # tuples and enums, not the lists and strings of JSON
    assert repr(encode(back)) == repr(payload)


def test_all_events_are_known_by_their_class_name() -> None:
    assert EVENT_TYPES.keys() >= {"JobRequested", "ModelReplied", "JobFinished"}
    assert all(cls.__name__ == name and cls.VERSION >= 1 for name, cls in EVENT_TYPES.items())


def test_defaults_are_left_out_and_come_back() -> None:
    _, _, payload = encode_event(requested())

    assert "notes" not in payload
    assert payload["budget"] == {}
    assert decode_event("JobRequested", 1, payload) == requested()


def test_a_field_that_was_added_later_gets_its_default_and_one_that_is_gone_is_ignored() -> None:
    assert (
        decode_event("JobFinished", 1, {"outcome": "done", "reason": "", "mood": "good"}).outcome
        is JobOutcome.DONE
    )  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Greeted:
    """An event whose first version had one `name`, whose second had two, whose third has a list."""

    VERSION: ClassVar[int] = 3
    names: tuple[str, ...]
    politely: bool = False


KNOWN: dict[str, type[Event]] = {"Greeted": Greeted}  # type: ignore[dict-item]
UPCASTERS = {
    ("Greeted", 1): lambda old: {"first": old["name"].split()[0], "last": old["name"].split()[1]},
    ("Greeted", 2): lambda old: {"names": [old["first"], old["last"]], "politely": True},
}


@pytest.mark.parametrize(
    ("version", "payload", "politely"),
    [
        (1, {"name": "Ada Lovelace"}, True),
        (2, {"first": "Ada", "last": "Lovelace"}, True),
        (3, {"names": ["Ada", "Lovelace"]}, False),
    ],
)
def test_old_versions_are_lifted_step_by_step(
    version: int, payload: dict[str, object], politely: bool
) -> None:
    event = decode_event("Greeted", version, payload, known=KNOWN, upcasters=UPCASTERS)

    assert event == Greeted(("Ada", "Lovelace"), politely)


def test_an_old_version_that_nothing_lifts_is_an_error() -> None:
    with pytest.raises(VulcanError, match="Greeted version 1 can't be read"):
        decode_event("Greeted", 1, {"name": "Ada Lovelace"}, known=KNOWN)


@pytest.mark.parametrize(("name", "version"), [("StageStarted", 2), ("StageStarted", 99), ("CoffeeMade", 1)])
def test_an_unknown_event_or_version_asks_for_an_upgrade(name: str, version: int) -> None:
    with pytest.raises(VulcanError, match=f"unknown event {name} version {version}") as raised:
        decode_event(name, version, {"stage": "judge", "round": 1})
    assert "upgrade" in raised.value.hint


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"stage": "judge"},
        {"stage": "dance", "round": 1},
        {"stage": ["judge"], "round": 1},
        [],
        None,
        "text",
    ],
)
def test_a_payload_that_does_not_fit_is_an_error(payload: object) -> None:
    with pytest.raises(VulcanError, match="StageStarted version 1 can't be read") as raised:
        decode_event("StageStarted", 1, payload)  # type: ignore[arg-type]
    assert raised.value.hint
    assert decode_event("StageStarted", 1, {"stage": "judge", "round": 1}) == StageStarted("judge", 1)  # type: ignore[arg-type]


def test_logs_from_before_a_field_was_renamed_are_read() -> None:
    usage = {"calls": 1, "input_tokens": 2, "cached_tokens": 0, "output_tokens": 3, "cost": 0.5}
    payload = {"key": "k", "agent": "coder", "model": "m", "usage": usage, "payload": "a" * 64, "heard": 2}
    event = decode_event("ModelReplied", 1, payload)
    assert isinstance(event, ModelReplied)
    assert event.steering_seen == 2
