"""Entry point; answers `--version` without loading anything."""

from __future__ import annotations

import gc
import sys

from vulcan import __version__


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(f"vulcan {__version__}")  # noqa: T201 - this is the command's output
        return
    gc.set_threshold(
        50_000, 20, 50
    )  # most of what is made are modules, which stay: looking for waste in them is a tenth
    from vulcan.apps.cli.main import command  # noqa: PLC0415 - --version stays light
    from vulcan.bootstrap import bootstrap  # noqa: PLC0415

    command(prog_name="vulcan", obj=bootstrap)


if __name__ == "__main__":
    main()
