"""Options of the command line as settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from vulcan.apps.cli.common import overrides_from


def test_a_python_is_a_version_or_a_path_from_where_the_person_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert overrides_from({"python": "3.12"}) == {"python": "3.12"}
    assert overrides_from({"python": ".venv/bin/python"}) == {"python": f"{tmp_path}/.venv/bin/python"}
    assert overrides_from({"python": None}) == {}
