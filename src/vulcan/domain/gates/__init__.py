"""The gates: small modules of one shape, `judge(case) -> GateResult`, all pure."""

from vulcan.domain.gates.case import Case, Gate
from vulcan.domain.gates.verdict import GATES, judge, judge_as

__all__ = ["GATES", "Case", "Gate", "judge", "judge_as"]
