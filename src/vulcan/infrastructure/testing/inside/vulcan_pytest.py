"""Starts pytest with our plugin, loaded before any folder of the project can offer a module of the same name.

The interpreter starts without the project's PYTHONPATH (no sitecustomize of the project acts on it); it is put
back here, for the tests and the processes that they start.
"""

import os
import sys

import pytest
import vulcan_common
import vulcan_report

if __name__ == "__main__":
    vulcan_common.restore_path(os.getcwd())
    sys.exit(pytest.main(sys.argv[1:], plugins=[vulcan_report]))
