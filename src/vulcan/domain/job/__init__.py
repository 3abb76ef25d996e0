"""The Job aggregate: a fold over its events, and the whole state machine in `next_stage()`."""

from __future__ import annotations

from vulcan.domain.job.fold import apply, fold
from vulcan.domain.job.state import MERGE_EFFECT, STEERING, Ended, Job, Next, Waiting, WaitingFor

__all__ = ["MERGE_EFFECT", "STEERING", "Ended", "Job", "Next", "Waiting", "WaitingFor", "apply", "fold"]
