"""Workflow: drives a job through the pipeline, inline or as a Prefect flow."""

from vulcan.infrastructure.workflow.inline import InlineEngine
from vulcan.infrastructure.workflow.pipeline import Pipeline
from vulcan.infrastructure.workflow.prefect_engine import PrefectEngine

__all__ = ["InlineEngine", "Pipeline", "PrefectEngine"]
