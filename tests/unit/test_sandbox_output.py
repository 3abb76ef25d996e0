"""Head and tail of an output."""

import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vulcan.infrastructure.sandbox.guest.server import Capture
from vulcan.infrastructure.sandbox.output import Window, render

LEFT_OUT = re.compile(r"\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n")


def shown(chunks, limit):
    """What a box's server keeps of some chunks, rendered by the host."""
    window = Window(limit)
    capture = Capture(window.head_bytes, window.tail_bytes)
    for chunk in chunks:
        capture.take(chunk)
    return render(capture.kept(), len(capture.head), capture.total, window)


def test_a_short_output_is_whole():
    assert shown([b"one\n", b"two\n"], 100) == "one\ntwo\n"


def test_nothing_printed_is_empty():
    assert shown([], 100) == ""


def test_a_long_output_keeps_three_tenths_of_the_head():
    text = shown([b"h" * 500, b"t" * 500], 100)
    assert text == "h" * 30 + "\n[... 900 bytes left out ...]\n" + "t" * 70


def test_a_limit_of_nothing_says_how_much_there_was():
    assert shown([b"x" * 5000], 0) == "\n[... 5000 bytes left out ...]\n"


def test_a_character_cut_at_the_window_is_no_rubbish():
    text = shown(["ä€😀".encode() * 10_000], 50)
    assert "\ufffd" not in text
    assert text.startswith("ä€😀ä€😀")
    assert text.endswith("ä€😀")


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=40), max_size=40), st.integers(0, 60))
def test_what_is_left_out_is_counted_to_the_byte(chunks, limit):
    whole = b"".join(chunks)
    assume(b"left out" not in whole)
    text = shown(chunks, limit)
    found = LEFT_OUT.search(text)
    if len(whole.decode("utf-8", "surrogateescape")) <= limit:
        assert text == whole.decode("utf-8", "replace")
    else:
        window = Window(limit)
        plain = whole.decode("utf-8", "surrogateescape")
        kept = plain[: window.head] + (plain[-window.tail :] if window.tail else "")
        expected = len(whole) - len(kept.encode("utf-8", "surrogateescape"))
        assert found
        assert int(found[1]) == expected


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=300), st.integers(0, 60), st.integers(1, 50))
def test_head_and_tail_are_those_of_the_text(text, limit, step):
    raw = text.encode("utf-8", "replace")
    text = raw.decode()
    window = Window(limit)
    result = shown([raw[start : start + step] for start in range(0, len(raw), step)], limit)
    if len(text) > limit:
        assert result.startswith(text[: window.head] + "\n[... ")
        assert result.endswith(" ...]\n" + (text[-window.tail :] if window.tail else ""))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=3_000_000), max_size=3))
def test_the_server_keeps_little_of_much(chunks):
    capture = Capture(10, 20)
    for chunk in chunks:
        capture.take(chunk)
    whole = b"".join(chunks)
    assert capture.total == len(whole)
    assert capture.kept() == (whole if len(whole) <= 30 else whole[:10] + whole[-20:])
