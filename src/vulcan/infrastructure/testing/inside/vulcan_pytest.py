"""Starts pytest with our plugin, loaded before any folder of the project can offer a module of the same name.

The interpreter starts without the project's PYTHONPATH (no sitecustomize of the project acts on it); it is put
back here, for the tests and the processes that they start.
"""

import os
import sys

import pytest
import vulcan_report


def restore_path():
    """The import path that `python -m pytest` would have, without our own folder."""
    python_path = vulcan_report.SETTINGS["python_path"]
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [entry for entry in sys.path if os.path.abspath(entry) != here]
    sys.path[:] = [os.getcwd(), *filter(None, python_path.split(os.pathsep)), *rest]
    os.environ["PYTHONPATH"] = python_path
    del sys.modules["vulcan_report"]  # code under test has no business with it


if __name__ == "__main__":
    restore_path()
    sys.exit(pytest.main(sys.argv[1:], plugins=[vulcan_report]))
