"""What 30 turns of a coder cost beside ideal prompt caching: `PYTHONPATH=src:tests python benchmarks/prompt_caching.py`.

The providers' real libraries are asked at a stand-in; the cost is computed from the bodies by the providers' published
rules (`tests/fakes/caching.py`). The exit code is 1 where the bar is missed.
"""

from __future__ import annotations

import asyncio
import sys

from fakes.coder_loop import dearer_than_ideal

BAR = 1.15


def main() -> int:
    missed = 0
    for provider in ("anthropic", "openai-responses"):
        ratio = asyncio.run(dearer_than_ideal(provider))
        print(f"{provider:<18} {ratio:5.2f} x ideal (bar {BAR})")
        missed += ratio > BAR
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
