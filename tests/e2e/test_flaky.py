"""Whole judgements of changes whose new tests pass by luck."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import Cli, make_repository

pytestmark = pytest.mark.sandbox

BASE = {
    "zone.py": "def name():\n    return ''\n",
    "tests/test_zone.py": "from zone import name\n\n\ndef test_text():\n    assert isinstance(name(), str)\n",
}
CHANGE = "import time\n\n\ndef name():\n    return 'zone ' + time.strftime('%z', time.localtime(0))\n"
LUCK = {
    "the time zone": "import zone\n\n\ndef test_new():\n    assert zone.name() == 'zone +0000'\n",
    "the order of tests": (
        "import zone\n\nSEEN = []\n\n\ndef test_first():\n    SEEN.append(zone.name())\n    assert 'zone' in SEEN[0]\n\n\n"
        "def test_new():\n    assert 'zone' in zone.name()\n    assert SEEN\n"
    ),
    "the hash seed": (
        "import subprocess\nimport sys\nimport zone\n\n\ndef test_new():\n    assert 'zone' in zone.name()\n"
        "    import os\n    assert os.environ.get('PYTHONHASHSEED', 'random') in ('random', '0')\n"
    ),
}


@pytest.mark.parametrize("luck", LUCK)
def test_a_test_that_passes_by_luck_is_named(cli: Cli, reachable: Path, luck: str) -> None:
    project = make_repository(reachable / "zone", BASE)
    (project / "zone.py").write_text(CHANGE)
    (project / "tests" / "test_new.py").write_text(LUCK[luck])
    out = cli("verify", str(project), code=3)
    assert "✗ flaky tests: 1 new tests pass and fail on the same code" in out
    assert "[flaky tests] tests/test_new.py::test_new" in out


def test_a_test_that_depends_on_nothing_is_not(cli: Cli, reachable: Path) -> None:
    project = make_repository(reachable / "zone", BASE)
    (project / "zone.py").write_text(CHANGE)
    (project / "tests" / "test_new.py").write_text(
        "import zone\n\n\ndef test_new():\n    assert zone.name().startswith('zone ')\n    assert len(zone.name()) == 10\n"
    )
    assert "✓ flaky tests: no new test is flaky" in cli("verify", str(project))
