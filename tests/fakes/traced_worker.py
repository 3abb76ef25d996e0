"""A worker process with live traces for tests to kill: appends tool calls until it dies, and says each on a line."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from fakes.sample_events import requested
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.masking import Masker
from vulcan.application.observability.trace_export import TraceExporter
from vulcan.infrastructure.host.clock import SystemClock
from vulcan.infrastructure.monitoring.export_cursors import FileExportCursors
from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess, LangfuseSink
from vulcan.infrastructure.monitoring.live import LiveTraces
from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore


def main(home: Path, url: str) -> None:
    access = LangfuseAccess("pk-lf-test", "sk-lf-test-secret", url, timeout=2)
    blobs = FileBlobStore(home / "blobs")
    marks = FileExportCursors(home / "traces", access.receiver)
    live = LiveTraces(
        TraceExporter(LangfuseSink(access), marks, lambda d: blobs.get(d).decode(), Masker()), interval=0.02
    )
    store = SqliteEventStore(home / "events.sqlite3", blobs)
    store.append("job1", 0, [requested()])
    calls = JobCalls(JobLog.existing("job1", store, blobs, SystemClock(), [live]))
    for number in range(100_000):
        calls.record_tool(f"generate/1/coder/{number}/c", "coder", "read", f"file {number}", "text " * 50)
        print(number, flush=True)
        time.sleep(0.002)


main(Path(sys.argv[1]), sys.argv[2])
