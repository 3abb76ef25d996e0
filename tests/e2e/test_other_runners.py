"""Whole jobs on projects whose tests pytest does not run: node, mocha, Go, unittest and Django, by their own commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from conftest import Cli, make_repository, reply

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Project:
    """A small project without `shout`, a change that adds it, and a test of it."""

    files: Mapping[str, str]
    path: str
    old: str
    new: str
    test_path: str
    test: str
    name: str


def package(script: str, **more: object) -> str:
    return json.dumps(
        {"name": "words", "version": "1.0.0", "private": True, "scripts": {"test": script}, **more}
    )


LIB = "exports.whisper = (text) => text.toLowerCase();\n"
SHOUT_JS = "exports.shout = (text) => text.toUpperCase() + '!';\n"
NODE_OLD = """\
const test = require('node:test');
const assert = require('node:assert');
const { whisper } = require('../lib/words.js');

test('whispers', () => assert.strictEqual(whisper('A'), 'a'));
"""
NODE_NEW = """\
const { describe, it } = require('node:test');
const assert = require('node:assert');
const { shout } = require('../lib/words.js');

describe('shout', () => {
  it('shouts', () => assert.strictEqual(shout('a'), 'A!'));
});
"""
MOCHA_OLD = """\
const assert = require('node:assert');
const { whisper } = require('../lib/words.js');

describe('whisper', () => {
  it('whispers', () => assert.strictEqual(whisper('A'), 'a'));
});
"""
GO_LIB = """\
// Package words changes words.
package words

import "strings"

// Whisper makes a text small.
func Whisper(text string) string { return strings.ToLower(text) }
"""
GO_OLD = """\
package words

import "testing"

func TestWhisper(t *testing.T) {
	if Whisper("A") != "a" {
		t.Error("not small")
	}
}
"""
GO_NEW = """\
package words

import "testing"

func TestShout(t *testing.T) {
	if got := Shout("a"); got != "A!" {
		t.Errorf("got %q", got)
	}
}
"""
PY_LIB = "def whisper(text):\n    return text.lower()\n"
PY_SHOUT = "\n\ndef shout(text):\n    return text.upper() + '!'\n"
UNIT_OLD = """\
import unittest

from words import whisper


class TestWhisper(unittest.TestCase):
    def test_whispers(self):
        self.assertEqual(whisper("A"), "a")
"""
UNIT_NEW = """\
import unittest

from words import shout


class TestShout(unittest.TestCase):
    def test_shouts(self):
        self.assertEqual(shout("a"), "A!")
"""
SETTINGS = """\
SECRET_KEY = "for tests"
INSTALLED_APPS = ["words"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    execute_from_command_line(sys.argv)
"""
DJANGO_OLD = """\
from django.test import TestCase

from words.models import Word


class TestWord(TestCase):
    @classmethod
    def setUpTestData(cls):
        Word.objects.create(text="A")

    def test_whispers(self):
        self.assertEqual(Word.objects.get().whisper(), "a")
"""
DJANGO_NEW = """\
from django.test import TestCase

from words.models import Word


class TestShout(TestCase):
    def test_shouts(self):
        word = Word.objects.create(text="a")
        self.assertEqual(Word.objects.get(pk=word.pk).shout(), "A!")
"""
MODELS = """\
from django.db import models


class Word(models.Model):
    text = models.CharField(max_length=20)

    def whisper(self):
        return self.text.lower()
"""
NODE_FILES = {"lib/words.js": LIB, "test/words.test.js": NODE_OLD}
MOCHA = {"mocha": "10.8.2"}

PROJECTS = {
    "node": Project(
        {"package.json": package("node --test"), **NODE_FILES},
        "lib/words.js",
        LIB,
        LIB + SHOUT_JS,
        "test/shout.test.js",
        NODE_NEW,
        "test/shout.test.js::shout > shouts",
    ),
    "mocha": Project(
        {
            "package.json": package("mocha", devDependencies=MOCHA),
            "lib/words.js": LIB,
            "test/words.test.js": MOCHA_OLD,
        },
        "lib/words.js",
        LIB,
        LIB + SHOUT_JS,
        "test/shout.test.js",
        NODE_NEW.replace("const { describe, it } = require('node:test');\n", ""),
        "test/shout.test.js::shout shouts",
    ),
    "go": Project(
        {"go.mod": "module example.com/words\n\ngo 1.19\n", "words.go": GO_LIB, "words_test.go": GO_OLD},
        "words.go",
        "// Whisper",
        '// Shout makes a text loud.\nfunc Shout(text string) string { return strings.ToUpper(text) + "!" }\n\n// Whisper',
        "shout_test.go",
        GO_NEW,
        ".::TestShout",
    ),
    "unittest": Project(
        {
            "words.py": PY_LIB,
            "tests/__init__.py": "",
            "tests/test_words.py": UNIT_OLD,
            "vulcan.toml": '[[environment]]\ncommand = "python -m unittest"\nreport = "unittest"\n',
        },
        "words.py",
        PY_LIB,
        PY_LIB + PY_SHOUT,
        "tests/test_shout.py",
        UNIT_NEW,
        "tests/test_shout.py::TestShout::test_shouts",
    ),
    "django": Project(
        {
            "manage.py": MANAGE,
            "settings.py": SETTINGS,
            "requirements.txt": "django>=4.2\n",
            "words/__init__.py": "",
            "words/models.py": MODELS,
            "words/tests/__init__.py": "",
            "words/tests/test_words.py": DJANGO_OLD,
        },
        "words/models.py",
        "    def whisper",
        '    def shout(self):\n        return self.text.upper() + "!"\n\n    def whisper',
        "words/tests/test_shout.py",
        DJANGO_NEW,
        "words/tests/test_shout.py::TestShout::test_shouts",
    ),
}


def job_of(project: Project, old: str = "", new: str = "") -> list[str]:
    """A recorded job that makes the change and writes the test."""
    edit = {"path": project.path, "old": old or project.old, "new": new or project.new}
    case = {"test": project.name, "criteria": ["AC-1"]}
    return [
        reply(
            "analyze/1/analyst/0", ("submit_requirements", {"summary": "Shout", "criteria": ["it shouts"]})
        ),
        reply("generate/1/coder/0", ("edit", edit)),
        reply("generate/1/coder/1", text="It shouts."),
        reply("validate/1/reviewer/0", ("submit_review", {"findings": []})),
        reply("write_tests/1/test_author/0", ("write", {"path": project.test_path, "content": project.test})),
        reply("write_tests/1/test_author/1", ("submit_tests", {"tests": [case]})),
    ]


def run(cli: Cli, root: Path, model: str, code: int = 0) -> str:
    return cli("run", "Add shout", "--repo", str(root), "--model", model, "--rounds", "1", code=code)


@pytest.fixture(params=PROJECTS)
def small(request: pytest.FixtureRequest) -> Project:
    return PROJECTS[request.param]


def test_a_change_is_proven_by_the_projects_own_runner(
    cli: Cli, reachable: Path, recording: Recording, small: Project
) -> None:
    root = make_repository(reachable / "words", small.files)
    out = run(cli, root, recording(job_of(small)))
    assert "sees 1 of 1 tests" in out
    assert "verdict: PROVEN" in out
    assert "pipeline: passed" in out
    page = cli("show")
    assert f"`{small.name}`" in page
    assert "1 of 1 that passed before still pass" in page


def test_a_change_that_breaks_an_existing_test_is_not(
    cli: Cli, reachable: Path, recording: Recording, small: Project
) -> None:
    root = make_repository(reachable / "words", small.files)
    content = small.files[small.path]
    broken = (
        content.replace(small.old, small.new).replace("toLowerCase", "trim").replace("ToLower", "TrimSpace")
    )
    broken = broken.replace(".lower()", ".strip()")
    out = run(cli, root, recording(job_of(small, content, broken)), code=3)
    assert "0 of 1 that passed before still pass" in out
    assert "hisper" in out


@pytest.mark.parametrize(
    ("language", "shows", "nothing"),
    [
        ("node", "strictEqual(shout('a'), 'A!')", "notStrictEqual(shout('a'), null)"),
        ("go", 'got != "A!"', 'got == "never"'),
    ],
)
def test_a_test_that_passes_with_emptied_functions_proves_nothing(
    cli: Cli, reachable: Path, recording: Recording, language: str, shows: str, nothing: str
) -> None:
    small = PROJECTS[language]
    root = make_repository(reachable / "words", small.files)
    weak = replace(small, test=small.test.replace(shows, nothing))
    out = run(cli, root, recording(job_of(weak)), code=3)
    assert "0 of 1 new tests prove the change (grades: 0 A, 1 B" in out
    assert "not applicable to tests run" not in out


def test_where_functions_can_not_be_emptied_it_is_said(
    cli: Cli, reachable: Path, recording: Recording
) -> None:
    small = PROJECTS["node"]
    shell = {
        "run.sh": "echo 1..2\ngrep -q a words.txt && echo 'ok 1 - a'\n"
        "if [ ! -e shout.test.sh ]; then echo 'ok 2 - rest'; else . ./shout.test.sh; fi\n",
        "words.txt": "a\n",
        "vulcan.toml": '[[environment]]\ncommand = "sh run.sh"\nreport = "tap"\n',
    }
    test = "if grep -q A words.txt; then echo 'ok 2 - shouts'; else echo 'not ok 2 - shouts'; echo '  A is not defined'; exit 1; fi\n"
    case = replace(
        small,
        path="words.txt",
        old="a\n",
        new="a\nA\n",
        test_path="test/shout.sh",
        test=test,
        name="test/shout.sh::shouts",
    )
    shell["run.sh"] = shell["run.sh"].replace("shout.test.sh", "test/shout.sh")
    root = make_repository(reachable / "words", shell)
    out = run(cli, root, recording(job_of(case)))
    assert "emptied bodies: not applicable to tests run as tap" in out
    assert "honest tests: not applicable: only Python is read for it, not test/shout.sh" in out
    assert "verdict: PROVEN" in out


def test_a_change_of_the_test_script_is_sent_back(cli: Cli, reachable: Path, recording: Recording) -> None:
    small = PROJECTS["node"]
    root = make_repository(reachable / "words", small.files)
    lines = job_of(small)
    key = "generate/1/coder"
    lines[1] = reply(
        f"{key}/0", ("edit", {"path": "package.json", "old": "node --test", "new": "node --test x.js"})
    )
    out = run(cli, root, recording(lines), code=3)
    assert "package.json changes how the tests run" in out


CHANGED = {
    "go": (
        ("words.go", "strings.ToLower(text)", 'strings.ToLower(text) + "."'),
        ("words_test.go", '"a"', '"a."'),
        (
            "dot_test.go",
            GO_NEW.replace("Shout", "Dot").replace("Dot(", "Whisper(", 2).replace("TestWhisper(", "TestDot("),
        ),
        "dot_test.go::TestDot",
        "words_test.go::TestWhisper",
    ),
    "node": (
        ("lib/words.js", "text.toLowerCase()", "text.toLowerCase() + '.'"),
        ("test/words.test.js", "'a')", "'a.')"),
        (
            "test/dot.test.js",
            NODE_OLD.replace("test('whispers'", "test('ends'").replace("'A'), 'a'", "'B'), 'b.'"),
        ),
        "test/dot.test.js::ends",
        "test/words.test.js::whispers",
    ),
}


@pytest.mark.parametrize("language", CHANGED)
def test_an_existing_test_that_the_instruction_changes_is_brought_up_to_date(
    cli: Cli, reachable: Path, recording: Recording, language: str
) -> None:
    product, old_test, new_test, name, changed = CHANGED[language]
    small = PROJECTS[language]
    root = make_repository(reachable / "words", small.files)
    test = new_test[1].replace("A!", "a.")
    lines = job_of(
        replace(
            small,
            path=product[0],
            old=product[1],
            new=product[2],
            test_path=new_test[0],
            test=test,
            name=name,
        )
    )
    requirements = {"summary": "Dot", "criteria": ["it ends in a dot"], "changed_tests": [changed]}
    lines[0] = reply("analyze/1/analyst/0", ("submit_requirements", requirements))
    edit = {"path": old_test[0], "old": old_test[1], "new": old_test[2]}
    lines[4] = reply(
        "write_tests/1/test_author/0", ("edit", edit), ("write", {"path": new_test[0], "content": test})
    )
    out = run(cli, root, recording(lines))
    assert "1 change because the requirement says so" in out
    assert "verdict: PROVEN" in out
