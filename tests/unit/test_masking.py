"""What is taken out of text before it leaves this machine, and what stays."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.application.masking import _SIGNS, MASK, Masker, secrets_of
from vulcan.application.secrets import PATTERNS
from vulcan.domain.errors import ToolError, VulcanError, mask_errors

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+IB/AAK=\nabc\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-ant-" + "a1B2" * 8, "a1B2"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIA"),
        ("ghp_" + "x" * 36, "xxxx"),
        ("postgres://me:hunter22@db/x", "hunter22"),
        ("PASSWORD=correcthorse", "correcthorse"),
        ("https://me:pw@host/v1 says no", "me:pw"),
        ("https://hunter2@host/v1", "hunter2"),
        ("https://me:p@ss@host/v1", "ss@"),
        ("amqp://me:pw@host", "me:pw"),
        ("http://host/v1?a=1&api_key=ab12", "ab12"),
        ("GET /v1?X-Amz-Signature=ab12 failed", "ab12"),
        ('{"api_key": "abcdefgh12345"}', "abcdefgh"),
        (json.dumps(json.dumps({"client_secret": "abcdefgh12345"})), "abcdefgh"),
        ("Authorization: Bearer abcdefgh12345", "abcdefgh"),
        (f"a {KEY} b", "MIIE"),
        (json.dumps({"file": KEY}), "MIIE"),
        ("mine is swordfish99!", "swordfish99!"),
    ],
)
def test_secrets_go(text: str, secret: str) -> None:
    masked = Masker(["swordfish99!", "short"])(text)
    assert secret not in masked
    assert MASK in masked
    if text.startswith(("{", '"')):
        json.loads(masked)


@pytest.mark.parametrize(
    "text",
    [
        "def tokenize(text): return text",
        "short",
        "token count: 12",
        "https://example.org/a:b@c",
        "https://example.org/?author=bob&keyword=key&monkey=2",
        "https://example.org?to=me@example.org",
        "git@example.org:a/b.git",
        "ssh://git@example.org/a/b.git",
        "secret: yes",
        "",
    ],
)
def test_plain_text_stays(text: str) -> None:
    assert Masker(["short"])(text) == text


@pytest.mark.parametrize("name", PATTERNS)
@given(st.data())
def test_whatever_a_pattern_finds_is_found_behind_its_sign(name: str, data: st.DataObject) -> None:
    pattern = re.compile(PATTERNS[name])
    found = data.draw(st.from_regex(pattern, fullmatch=True))
    assert any(sign in found for sign in _SIGNS[name])
    masked = Masker()(f"x {found} y")
    assert MASK in masked
    assert not pattern.search(masked)


NAMES = [
    "api_key",
    "API-Key",
    "access_key",
    "\u212aey token",
    "to\u212aen",
    "\u017fecret",
    "PASSWD",
    "Authorization",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_known_however_it_is_written(name: str) -> None:
    assert "hunter2222" not in Masker()(f"{name}: hunter2222")


@given(st.text(min_size=8, max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_never_stays(secret: str, before: str, after: str) -> None:
    masked = Masker([secret])(before + secret + after)
    assert secret not in masked.replace(MASK, "\0") or secret in before + "\0" + after


def test_secret_variables_are_known_by_their_names() -> None:
    environ = {"OPENAI_API_KEY": "one", "GH_TOKEN": "two", "HOME": "/root", "DB_PASSWORD": "three"}
    assert secrets_of(environ) == ["one", "two", "three"]


def test_what_an_address_proves_its_user_with_is_known_in_every_form() -> None:
    url = "https://me:p%20w%20long@host/v1"
    forms = ["me:p%20w%20long", "me:p w long", "p w long", "bWU6cCB3IGxvbmc="]
    assert secrets_of({"HTTPS_PROXY": url, "PLAIN": "https://host"}) == forms
    assert Masker(forms)("Basic bWU6cCB3IGxvbmc=") == f"Basic {MASK}"


def test_errors_hold_no_secret_and_tools_say_what_is_there() -> None:
    mask_errors(Masker(["swordfish99!"]))
    try:
        error = VulcanError("swordfish99! is wrong", hint="not swordfish99!")
        assert (error.message, str(error), error.hint) == (
            f"{MASK} is wrong",
            f"{MASK} is wrong",
            f"not {MASK}",
        )
        assert ToolError("there is no swordfish99!").message == "there is no swordfish99!"
    finally:
        mask_errors(str)
