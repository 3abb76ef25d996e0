"""Which lines a diff adds, and which of them are secrets; nothing that a file may hold misleads the reading."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulcan.application.diffs import added_lines, additions
from vulcan.application.secrets import find_secrets

LINES = st.lists(
    st.text(st.sampled_from("ab +-@\\\x0c\x85\u2028\r\t"), max_size=5)
    | st.sampled_from(
        ["++ b/other.py", "-- a/other.py", "@@ -1 +1 @@", "diff --git a/x b/x", "\\ No newline"]
    ),
    max_size=12,
)

TWO_FILES = """\
diff --git a/one.py b/one.py
index 1..2 100644
--- a/one.py
+++ b/one.py
@@ -1,3 +1,4 @@
 first
-second
+changed
+added
 third
@@ -10 +11,0 @@ def f():
-gone
@@ -20,0 +21 @@
+late
diff --git a/my file.py b/my file.py
new file mode 100644
--- /dev/null
+++ b/my file.py\t
@@ -0,0 +1,2 @@
+x
+y
\\ No newline at end of file
diff --git a/picture.png b/picture.png
Binary files a/picture.png and b/picture.png differ
"""


def test_added_lines_by_path_with_their_numbers_in_the_new_version() -> None:
    assert added_lines(TWO_FILES) == {"one.py": (2, 3, 21), "my file.py": (1, 2)}
    assert list(additions(TWO_FILES))[1] == ("one.py", 3, "added")


@pytest.mark.parametrize(
    "diff", ["", "\n", "no diff at all\n+++\n+plus\n", "[cut here: the diff is longer]\n"]
)
def test_what_is_no_diff_adds_nothing(diff: str) -> None:
    assert added_lines(diff) == {}


@given(LINES, LINES, st.integers(min_value=0, max_value=3))
@settings(deadline=None)
def test_applying_the_additions_leads_to_the_new_text(old: list[str], new: list[str], context: int) -> None:
    diff = "\n".join(difflib.unified_diff(old, new, "a/f.py", "b/f.py", lineterm="", n=context))

    found = list(additions(diff))

    assert all(path == "f.py" and new[number - 1] == text for path, number, text in found)
    numbers = [number for _, number, _ in found]
    assert numbers == sorted(set(numbers))
    matched = difflib.SequenceMatcher(None, old, new).get_matching_blocks()
    assert len(new) - len(numbers) == sum(block.size for block in matched)


# ------------------------------------------------------------------------------------------------ secrets

SECRETS = {
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
    "AWS access key": "key = 'AKIA" + "ABCDEFGHIJKLMNOP'",
    "GitHub token": "ghp_" + "a1" * 15,
    "OpenAI or Anthropic key": "sk-ant-" + "x9" * 15,
    "Slack token": "xoxb-" + "123456789012",
    "Google API key": "AIza" + "b" * 35,
    "JSON web token": ".".join(["eyJ" + "a" * 12, "eyJ" + "b" * 12, "c" * 12]),
    "password in a URL": "postgres://admin:" + "hunter22@db/x",
}


def adding(*lines: str, path: str = "settings.py") -> str:
    body = "\n".join(f"+{line}" for line in lines)
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{body.count(chr(10)) + 1} @@\n{body}\n"


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_and_not_repeated(name: str) -> None:
    (finding,) = find_secrets(adding("import os", SECRETS[name]))

    assert name in finding.text
    assert (finding.gate, finding.owner, finding.path, finding.line) == ("secrets", "coder", "settings.py", 2)
    assert SECRETS[name] not in finding.text


@pytest.mark.parametrize(
    "harmless",
    [
        "sk-learn and ghp_short",
        "https://user@example.org/path",
        "git@github.com:org/repo.git",
        "-----BEGIN PUBLIC KEY-----",
        "AKIA is a prefix",
        "http://localhost:8080/a@b",
    ],
)
def test_what_only_resembles_a_secret_is_left_alone(harmless: str) -> None:
    assert find_secrets(adding(harmless)) == ()


def test_removed_and_unchanged_secrets_are_not_reported() -> None:
    diff = f"--- a/s.py\n+++ b/s.py\n@@ -1,2 +1,1 @@\n {SECRETS['GitHub token']}\n-{SECRETS['Slack token']}\n"
    assert find_secrets(diff) == ()


@pytest.mark.parametrize("disguise", ["++ {}", "x\x0c{}", "x\x85{}", "x\u2028{}", "x\r{}"])
def test_a_secret_hides_neither_behind_a_header_nor_behind_a_line_break(disguise: str) -> None:
    assert len(find_secrets(adding(disguise.format(SECRETS["private key"])))) == 1
