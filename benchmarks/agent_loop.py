"""What a job costs beside the floor of a 20-line agent, in one run: `python benchmarks/agent_loop.py [--quick]`.

A scripted OpenAI-compatible server plays the model. CPU and memory are the process's own (getrusage), so sandboxed
commands and tests are not in them; `first request` is from process start. Tokens are characters / 4 of messages and tool
schemas. Bars stand beside the figures; the exit code is 1 where one is missed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUG = "def add(a, b):\n    return a - b\n"
TEST = "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
NEW_TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
WRAPPER = """
import atexit, json, os, resource, sys
def report():
    u = resource.getrusage(resource.RUSAGE_SELF)
    heavy = [m for m in ("openai", "anthropic", "prefect", "sqlalchemy", "alembic", "fastapi", "langfuse") if m in sys.modules]
    json.dump({"cpu": u.ru_utime + u.ru_stime, "mb": u.ru_maxrss / 1024, "heavy": heavy}, open(os.environ["REPORT"], "w"))
atexit.register(report)
"""
FLOOR = (
    WRAPPER
    + """
import subprocess, urllib.request
messages = [{"role": "user", "content": "fix add"}]
while True:
    body = json.dumps({"model": "m", "messages": messages, "tools": [{"type": "function", "function": {"name": "shell",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}}]}).encode()
    request = urllib.request.Request(sys.argv[1] + "/chat/completions", body, {"content-type": "application/json"})
    reply = json.load(urllib.request.urlopen(request))["choices"][0]["message"]
    messages.append(reply)
    if not reply.get("tool_calls"):
        break
    for call in reply["tool_calls"]:
        command = json.loads(call["function"]["arguments"])["command"]
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": done.stdout[:10000]})
"""
)


def calls(*named: tuple[str, dict]) -> dict:
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(a)}}
            for n, (name, a) in enumerate(named)
        ],
    }


def text(content: str) -> dict:
    return {"role": "assistant", "content": content}


def role(body: dict) -> str:
    names = {t["function"]["name"] for t in body.get("tools", ())}
    for name, who in (
        ("submit_requirements", "analyst"),
        ("submit_tests", "author"),
        ("submit_review", "reviewer"),
    ):
        if name in names:
            return who
    return "coder" if "edit" in names else "floor"


def tokens(body: dict) -> int:
    return len(json.dumps([body["messages"], body.get("tools")], ensure_ascii=False)) // 4


class Server:
    """Answers by role and turn; keeps when each request came and each reply went."""

    def __init__(self, coder: list[dict] | Callable[[int], dict]) -> None:
        self.turns: Counter[str] = Counter()
        self.arrived: list[tuple[str, float, int]] = []
        self.sent: list[float] = []
        self.scripts: dict[str, list[dict]] = {
            "analyst": [
                calls(("read", {"path": "calc.py"})),
                calls(
                    ("submit_requirements", {"summary": "Make add add", "criteria": ["add(2, 3) returns 5"]})
                ),
            ],
            "reviewer": [calls(("submit_review", {"findings": []}))],
            "author": [
                calls(("write", {"path": "tests/test_add.py", "content": NEW_TEST})),
                calls(
                    (
                        "submit_tests",
                        {"tests": [{"test": "tests/test_add.py::test_add", "criteria": ["AC-1"]}]},
                    )
                ),
            ],
        }
        self.coder = coder
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else 40 ms of delayed acknowledgements are measured

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                now = time.perf_counter()
                answer = json.dumps(outer.answer(body, now)).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                outer.sent.append(time.perf_counter())

            def log_message(self, *_: object) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    def answer(self, body: dict, now: float) -> dict:
        with self.lock:
            who = role(body)
            key = f"{who}/{body['messages'][0]['content']}" if who == "floor" else who
            self.arrived.append((who, now, tokens(body)))
            turn = self.turns[key]
            self.turns[key] += 1
        script = self.scripts.get(who, self.coder)
        message = script(turn) if callable(script) else script[min(turn, len(script) - 1)]
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "model": "scripted"}


def project(folder: Path) -> Path:
    root = folder / "calc"
    (root / "tests").mkdir(parents=True)
    (root / "calc.py").write_text(BUG)
    (root / "tests/test_calc.py").write_text(TEST)
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@localhost"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *arguments], cwd=root, check=True)
    return root


def spawn(argv: list[str], report: Path, home: Path) -> tuple[subprocess.Popen[bytes], float]:
    environ = os.environ | {"REPORT": str(report), "VULCAN_HOME": str(home), "OPENAI_API_KEY": "none"}
    log = (report.with_suffix(".log")).open("wb")
    started = time.perf_counter()
    return subprocess.Popen(argv, env=environ, stdout=log, stderr=log), started


def vulcan(server: Server, root: Path) -> list[str]:
    code = WRAPPER + "from vulcan.__main__ import main; main()"
    return [
        sys.executable, "-c", code, "run", "Make add add", "--repo", str(root), "--model", "m", "--base-url", server.url,
        "--max-calls", "1000", "-v",
    ]  # fmt: skip


FIX = [
    calls(("shell", {"command": "python3 -m pytest -q 2>&1 | tail -3"})),
    calls(("read", {"path": "calc.py"})),
    calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"})),
    calls(("shell", {"command": "python3 -m pytest -q 2>&1 | tail -3"})),
    text("done"),
]
FLOOR_FIX = [
    calls(("shell", {"command": "python3 -m pytest -q 2>&1 | tail -3"})),
    calls(("shell", {"command": "cat calc.py"})),
    calls(("shell", {"command": "sed -i 's/a - b/a + b/' calc.py"})),
    calls(("shell", {"command": "python3 -m pytest -q 2>&1 | tail -3"})),
    text("done"),
]
missed: list[str] = []


def say(name: str, value: float, bar: float | None, unit: str, floor: float | None = None) -> None:
    beside = f"   floor {floor:,.2f} {unit} (x{value / floor:.1f})" if floor and floor > 0.001 else ""
    limit = "" if bar is None else f"   bar {bar:,g}"
    verdict = "" if bar is None else ("   ok" if value <= bar else "   MISSED")
    if bar is not None and value > bar:
        missed.append(name)
    print(f"{name:<46}{value:>12,.2f} {unit}{limit}{verdict}{beside}", flush=True)


def run(server: Server, argv: list[str], folder: Path, home: Path, name: str) -> dict:
    report = folder / f"{name}.json"
    process, started = spawn(argv, report, home)
    code = process.wait()
    if code:
        raise SystemExit(f"{name} ended with {code}:\n{report.with_suffix('.log').read_text()[-2000:]}")
    result = json.loads(report.read_text())
    first = min(t for _, t, _ in server.arrived)
    return result | {"first": 1000 * (first - started), "wall": time.perf_counter() - started}


def version() -> None:
    def cpu(argv: list[str]) -> float:
        before = os.times()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    floor = min(cpu([sys.executable, "-c", "pass"]) for _ in range(5))
    say(
        "vulcan --version, CPU",
        min(cpu([sys.executable, "-m", "vulcan", "--version"]) for _ in range(5)),
        0.1,
        "s",
        floor,
    )


def one_fix(folder: Path, home: Path) -> None:
    results, floors = [], []
    for n in range(4):
        where = folder / f"fix{n}"
        where.mkdir()
        server = Server(FIX)
        results.append(
            run(server, vulcan(server, project(where)), where, home, "vulcan") | {"server": server}
        )
        server = Server(FLOOR_FIX)
        root = project(where / "floor")
        process, started = spawn(
            [sys.executable, "-c", f"import os; os.chdir({str(root)!r})\n" + FLOOR, server.url],
            where / "floor.json",
            home,
        )
        process.wait()
        floors.append(
            json.loads((where / "floor.json").read_text())
            | {"first": 1000 * (server.arrived[0][1] - started)}
        )
    warm = results[1:]  # the first one prepares the project's environment
    best = {key: min(r[key] for r in warm) for key in ("cpu", "mb", "first", "wall")}
    floor = {key: min(r[key] for r in floors) for key in ("cpu", "mb", "first")}
    say("one-line fix with all evidence, own CPU", best["cpu"], 1.3, "s", floor["cpu"])
    say("one-line fix, own memory", best["mb"], 130, "MB", floor["mb"])
    say("first model request after", best["first"], 700, "ms", floor["first"])
    say("whole job, wall", best["wall"], None, "s")
    arrived = warm[0]["server"].arrived
    coder = [t for who, _, t in arrived if who == "coder"]
    say("model calls of the whole job", len(arrived), 12, "")
    say("input tokens of the whole job", sum(t for _, _, t in arrived), 40_000, "")
    say("first request of the coder, tokens", coder[0], 2_000, "")
    say("five turns of the coder, input tokens", sum(coder), 13_000, "")
    print("heavy modules loaded:", warm[0]["heavy"] or "none", flush=True)


def long_job(folder: Path, home: Path) -> None:
    folder.mkdir()
    edit = calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))
    trivial = "for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i of turn %d; done"

    def coder(turn: int) -> dict:
        if turn < 200:
            return calls(("shell", {"command": trivial % turn}))
        return edit if turn == 200 else text("done")

    server = Server(coder)
    result = run(server, vulcan(server, project(folder)), folder, home, "vulcan")
    coder_turns = [(at, t) for who, at, t in server.arrived if who == "coder"]
    sent = sorted(server.sent)
    gaps = []
    for at, _ in coder_turns[1:]:
        gaps.append(1000 * (at - max(s for s in sent if s < at)))
    say("gap a turn at turn 10 (command included)", statistics.median(gaps[5:15]), 10, "ms")
    say("gap a turn at turn 200 (command included)", statistics.median(gaps[190:200]), 10, "ms")
    say("200 trivial turns, input tokens", sum(t for _, t in coder_turns), 3_000_000, "")
    say("200 trivial turns, own CPU", result["cpu"], None, "s")
    say("200 trivial turns, own memory", result["mb"], None, "MB")


def big_output(folder: Path, home: Path) -> None:
    folder.mkdir()
    script = [
        calls(("shell", {"command": "seq 1 2000000"})),
        calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"})),
        text("done"),
    ]
    server = Server(script)
    run(server, vulcan(server, project(folder)), folder, home, "vulcan")
    coder = [t for who, _, t in server.arrived if who == "coder"]
    # digits make short tokens: 2.5 characters each is what o200k_base gives for `seq`
    say("15 MB of output, tokens added (2.5 characters each)", (coder[1] - coder[0]) * 4 / 2.5, 5_000, "")


def eight(folder: Path, home: Path) -> None:
    folder.mkdir()
    jobs = []
    for n in range(8):
        server = Server(FIX)
        where = folder / str(n)
        where.mkdir()
        jobs.append(spawn(vulcan(server, project(where)), where / "vulcan.json", home)[0])
    started = time.perf_counter()
    codes = [job.wait() for job in jobs]
    if any(codes):
        raise SystemExit(f"eight jobs at once ended with {codes}")
    reports = [json.loads((folder / str(n) / "vulcan.json").read_text()) for n in range(8)]
    say("eight jobs at once, own memory of all", sum(r["mb"] for r in reports), 900, "MB")
    say("eight jobs at once, wall", time.perf_counter() - started, None, "s")


def main() -> None:
    version()
    with tempfile.TemporaryDirectory(prefix="vulcan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        home = folder / "home"
        one_fix(folder, home)
        if "--quick" not in sys.argv:
            long_job(folder / "long", home)
            big_output(folder / "big", home)
            eight(folder / "eight", home)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
