"""A Dust workspace in one process: its routes, its event streams, its limits, and its faults by script.

The shapes are checked by Dust's own client (tests/integration/test_dust_official_client.py). What a schema can't tell
is played too: 307 to another path, a handshake, windows that end in the middle, replays, lagging agent messages.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
Reply = dict[str, Any]
TERMINAL = frozenset(
    {
        "agent_message_success",
        "agent_message_gracefully_stopped",
        "agent_error",
        "agent_generation_cancelled",
        "user_message_error",
    }
)
PIECE = 24


# ------------------------------------------------------------------------------------------------ replies


def say(content: str, **more: Any) -> Reply:
    """What the agent answers. More keys make it misbehave:

    cut=n: the first connection breaks after n events; done=n: each window holds n events; silent=True or seconds: the first
    window sends nothing; replay=True: the cursor is ignored; expired=True: all windows are empty; missing=n: the
    first n event requests are answered 404; lag=n: the agent message is absent from n answers; hang=True: it never
    ends unless it is cancelled; ask=True: it wants an approval; pruned=True: its context was pruned; error=dict:
    it fails so; vanish=True: the connection of the post breaks after the message was taken.
    """
    return {"content": content, **more}


def final(text: str, **more: Any) -> Reply:
    return say(json.dumps({"kind": "final", "text": text, "calls": []}), **more)


def calls(*named: tuple[str, Any], text: str = "", **more: Any) -> Reply:
    made = [
        {
            "id": f"c{n}",
            "name": name,
            "arguments_json": given if isinstance(given, str) else json.dumps(given),
        }
        for n, (name, given) in enumerate(named)
    ]
    return say(json.dumps({"kind": "tool_calls", "text": text, "calls": made}), **more)


def refuse(status: int, kind: str, message: str = "scripted") -> Reply:
    """The post of the message is refused."""
    return {"status": status, "body": {"error": {"type": kind, "message": message}}}


def fails(category: str | None, code: str = "multi_actions_error") -> Reply:
    metadata = {"category": category, "errorTitle": "scripted"} if category else None
    return say("", error={"code": code, "message": "the model failed", "metadata": metadata})


BAD_GATEWAY: Reply = {"status": 502, "body": "<html>bad gateway</html>"}
BROKEN: Reply = {"broken": True}


# ------------------------------------------------------------------------------------------------ state


@dataclass
class Agent:
    sid: str
    name: str
    provider: str = "anthropic"
    model: str = "claude-sonnet-4-6"
    instructions: str = ""
    description: str = ""
    scope: str = "hidden"
    settings: Json = field(default_factory=dict)

    def to_json(self, number: int = 7) -> Json:
        return {
            "id": number,
            "versionCreatedAt": None,
            "sId": self.sid,
            "version": 0,
            "versionAuthorId": None,
            "instructions": self.instructions or None,
            "model": {"providerId": self.provider, "modelId": self.model, "temperature": 0.0},
            "status": "active",
            "scope": self.scope,
            "userFavorite": False,
            "name": self.name,
            "description": self.description,
            "pictureUrl": "",
            "maxStepsPerRun": 8,
            "templateId": None,
        }


@dataclass
class AgentMessage:
    """One answer of an agent: its events are there in full; when they are shown is the reply's matter."""

    sid: str
    number: int
    parent: str
    agent: Agent
    reply: Reply
    events: list[Json] = field(default_factory=list)
    status: str = "created"
    error: Json | None = None
    windows: int = 0
    asked: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def content(self) -> str | None:
        return self.reply["content"] if self.status == "succeeded" else None

    def to_json(self) -> Json:
        return {
            "id": self.number,
            "agentMessageId": self.number,
            "created": now(),
            "type": "agent_message",
            "sId": self.sid,
            "visibility": "visible",
            "version": 0,
            "parentMessageId": self.parent,
            "parentAgentMessageId": None,
            "configuration": self.agent.to_json(),
            "status": self.status,
            "actions": [],
            "content": self.content,
            "chainOfThought": None,
            "rawContents": [{"step": 0, "content": self.content}] if self.content else [],
            "error": self.error,
        }

    def emit(self, kind: str, **data: Any) -> None:
        event = {
            "type": kind,
            "created": now(),
            "configurationId": self.agent.sid,
            "messageId": self.sid,
            **data,
        }
        with self.changed:
            self.events.append({"eventId": f"{1700000000000 + len(self.events)}-0", "data": event})
            self.changed.notify_all()

    def run(self) -> None:
        """All the events of the answer, or none of its end if it hangs."""
        token = {"classification": "tokens"}
        self.emit("generation_tokens", text="Let me think.", classification="chain_of_thought")
        if self.reply.get("pruned"):
            self.emit("agent_context_pruned")
        if self.reply.get("ask"):
            self.emit(
                "tool_approve_execution",
                conversationId="c",
                actionId="act_1",
                inputs={},
                stake="low",
                metadata={"mcpServerName": "web", "toolName": "browse", "agentName": self.agent.name},
            )
            return
        content = self.reply["content"]
        for start in range(0, len(content), PIECE):
            self.emit("generation_tokens", text=content[start : start + PIECE], **token)
        if not self.reply.get("hang"):
            self.end()

    def end(self) -> None:
        error = self.reply.get("error")
        self.status = "failed" if error else "succeeded"
        self.error = error
        if error:
            self.emit("agent_error", error=error)
        else:
            self.emit("agent_message_success", message=self.to_json(), runIds=["run_1"])

    def cancel(self) -> None:
        if self.status == "created":
            self.status = "cancelled"
            self.emit("agent_generation_cancelled")


@dataclass
class Conversation:
    sid: str
    number: int
    title: str | None
    messages: list[Json | AgentMessage] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was said in it, as the agent sees it."""
        return "\n".join(
            m.reply.get("content", "") if isinstance(m, AgentMessage) else m["content"] for m in self.messages
        )

    @property
    def answers(self) -> list[AgentMessage]:
        return [m for m in self.messages if isinstance(m, AgentMessage)]

    def to_json(self) -> Json:
        content = []
        for message in self.messages:
            if not isinstance(message, AgentMessage):
                content.append([message])
            elif message.asked >= message.reply.get("lag", 0):
                content.append([message.to_json()])
            else:
                message.asked += 1
        return {
            "id": self.number,
            "created": now(),
            "unread": False,
            "actionRequired": False,
            "owner": {
                "id": 1,
                "sId": "w1",
                "name": "Workspace",
                "role": "user",
                "segmentation": None,
                "whiteListedProviders": None,
                "defaultEmbeddingProvider": None,
            },
            "sId": self.sid,
            "title": self.title,
            "visibility": "unlisted",
            "url": f"http://localhost/w/w1/assistant/{self.sid}",
            "content": content,
        }


def now() -> int:
    return int(time.time() * 1000)


class RefusedError(Exception):
    def __init__(self, status: int, kind: str, message: str = "") -> None:
        super().__init__(kind)
        self.status, self.kind, self.message = status, kind, message or kind


# ------------------------------------------------------------------------------------------------ chaos


class Chaos:
    """Cuts, delays or refuses a share of all requests; the seed decides which."""

    def __init__(self, seed: int, share: float) -> None:
        self._random, self._share = random.Random(seed), share  # noqa: S311 - repeatable on purpose
        self._lock = threading.Lock()
        self.done: list[str] = []

    def draw(self, kinds: tuple[str, ...]) -> str:
        with self._lock:
            if self._random.random() >= self._share:
                return ""
            kind = self._random.choice(kinds)
            self.done.append(kind)
            return kind


REFUSALS = {
    "limited_429": refuse(429, "rate_limit_error"),
    "limited_403": refuse(403, "rate_limit_error"),
    "unavailable": refuse(503, "service_unavailable"),
    "bad_gateway": BAD_GATEWAY,
}


# ------------------------------------------------------------------------------------------------ server


class DustServer:
    """Answers posts from `script`: a list of replies, or a function of the conversation. Remembers all bodies."""

    def __init__(
        self,
        script: list[Reply] | Callable[[Conversation], Reply],
        *,
        agents: tuple[Agent, ...] = (Agent("ag1", "vulcan-claude-sonnet-4-6-medium"),),
        chaos: Chaos | None = None,
        credits_each: float | None = None,
        import_refused: str = "",
        hides_imports: bool = False,
    ) -> None:
        self.agents = {agent.sid: agent for agent in agents}
        self.conversations: dict[str, Conversation] = {}
        self.bodies: list[tuple[str, Json]] = []
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled: list[str] = []
        self.import_refused, self.hides_imports = import_refused, hides_imports
        self.chaos = chaos
        self.credits_each = credits_each
        self._script, self._posts = script, 0
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._numbers = 0

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"dust": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def posted(self) -> list[str]:
        """The contents of all messages that were posted."""
        return [
            (body.get("message") or body)["content"]
            for route, body in self.bodies
            if route in {"conversations", "messages"}
        ]

    def wait(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def new_id(self, prefix: str) -> tuple[str, int]:
        with self._lock:
            self._numbers += 1
            return f"{prefix}{self._numbers:04d}", self._numbers

    # ---------------------------------------------------------------------------------------- messages

    def check_message(self, message: Json) -> Agent:
        context = message.get("context") or {}
        if not message.get("content") or not context.get("username"):
            raise RefusedError(400, "invalid_request_error", "content and username must not be empty")
        if context.get("timezone") not in zoneinfo.available_timezones():
            raise RefusedError(400, "invalid_request_error", "the timezone is no IANA name")
        if context.get("clientSideMCPServerIds"):
            raise RefusedError(401, "not_authenticated", "client-side MCP needs a person's token")
        if message.get("modelSelection"):
            raise RefusedError(403, "feature_flag_not_found", "models_picker")
        mentions = [m.get("configurationId") for m in message.get("mentions", ())]
        if not mentions or mentions[0] not in self.agents:
            raise RefusedError(404, "agent_configuration_not_found", f"no agent {mentions}")
        return self.agents[mentions[0]]

    def post(self, conversation: Conversation, message: Json) -> tuple[Json, AgentMessage]:
        """Take a message and let the agent answer it; raises what the script wants refused."""
        agent = self.check_message(message)
        with self._lock:
            if any(m.status == "created" for m in conversation.answers):
                raise RefusedError(
                    400, "invalid_request_error", "an agent is still running in the conversation"
                )
            sid, number = self.new_id("um")
            user = {
                "id": number,
                "created": now(),
                "type": "user_message",
                "sId": sid,
                "visibility": "visible",
                "version": 0,
                "user": None,
                "mentions": message["mentions"],
                "content": message["content"],
                "context": {
                    "username": message["context"]["username"],
                    "timezone": message["context"]["timezone"],
                    "origin": "api",
                },
            }
            conversation.messages.append(user)
            reply = self._next(conversation)
            if "status" in reply or reply.get("broken"):
                conversation.messages.pop()
                raise ScriptedError(reply)
            asid, anumber = self.new_id("am")
            answer = AgentMessage(asid, anumber, sid, agent, reply)
            conversation.messages.append(answer)
            self.conversations[conversation.sid] = conversation
        answer.run()
        if reply.get("vanish"):
            raise ScriptedError(BROKEN)
        return user, answer

    def _next(self, conversation: Conversation) -> Reply:
        self._posts += 1
        if callable(self._script):
            return self._script(conversation)
        return self._script[min(self._posts, len(self._script)) - 1]

    def conversation(self, sid: str) -> Conversation:
        if sid not in self.conversations:
            raise RefusedError(404, "conversation_not_found")
        return self.conversations[sid]

    def answer(self, conversation: str, sid: str) -> AgentMessage:
        for message in self.conversation(conversation).messages:
            if isinstance(message, AgentMessage):
                if message.sid == sid:
                    return message
            elif message["sId"] == sid:
                raise RefusedError(400, "invalid_request_error", "not an agent message")
        raise RefusedError(404, "message_not_found")

    # ---------------------------------------------------------------------------------------- agents

    def import_agent(self, body: Json) -> Json:
        for key in ("agent", "instructions", "generation_settings", "tags", "editors", "toolset"):
            if key not in body:
                raise RefusedError(400, "invalid_request_error", f"{key} is missing")
        if not body["editors"]:
            raise RefusedError(400, "invalid_request_error", "At least one editor is required.")
        if self.import_refused:
            raise RefusedError(403, self.import_refused)
        settings = body["generation_settings"]
        effort_known = settings["reasoning_effort"] in {"none", "light", "medium", "high"}
        if not effort_known or not 0 <= settings["temperature"] <= 1:
            raise RefusedError(400, "invalid_request_error", "generation_settings")
        sid, _ = self.new_id("ag_")
        agent = Agent(
            sid,
            body["agent"]["handle"],
            settings["provider_id"],
            settings["model_id"],
            body["instructions"],
            body["agent"]["description"],
            "unlisted" if self.hides_imports else body["agent"]["scope"],
            settings,
        )
        self.agents[sid] = agent
        return {"agentConfiguration": agent.to_json(), "skippedActions": []}


class ScriptedError(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__("scripted")
        self.reply = reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    dust: DustServer

    def log_message(self, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._serve("GET", {})

    def do_POST(self) -> None:
        self._serve(
            "POST", json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        )

    def _serve(self, method: str, body: Json) -> None:
        split = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self.dust.requests.append(f"{method} {self.path}")
        self._lost = False
        self.dust.headers.append(dict(self.headers))
        with suppress(BrokenPipeError, ConnectionResetError):
            try:
                self._disturbed(split.path)
                self._route(method, split.path.strip("/").split("/"), body)
            except RefusedError as refused:
                error = {"error": {"type": refused.kind, "message": refused.message}}
                self._send(refused.status, error)
            except ScriptedError as scripted:
                self._scripted(scripted.reply)

    def _disturbed(self, path: str) -> None:
        chaos = self.dust.chaos
        if chaos is None or path.startswith("/api/sse/"):
            return
        kind = chaos.draw(("cut", "lost", "delay", *REFUSALS))
        if kind == "cut":
            raise ScriptedError(BROKEN)
        if kind == "delay":
            self.dust.wait(0.2)
        elif kind == "lost":
            self._lost = True
        elif kind:
            raise ScriptedError(REFUSALS[kind])

    def _scripted(self, reply: Reply) -> None:
        self.close_connection = True
        if not reply.get("broken"):
            self._lost = False
            self._send(reply["status"], reply["body"])

    def _send(self, status: int, body: Json | str) -> None:
        if self._lost:  # what was asked is done, but nobody hears of it
            self.close_connection = True
            return
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def _route(self, method: str, parts: list[str], body: Json) -> None:  # noqa: C901, PLR0912 - a table
        sse = parts[1] == "sse"
        rest = parts[3 if sse else 2 :]
        if rest[:1] != ["w"] or len(rest) < 2 or rest[1] != "w1":
            raise RefusedError(404, "workspace_not_found")
        if self.headers.get("authorization") != "Bearer sk-test":
            raise RefusedError(401, "invalid_api_key_error", "The API key is invalid.")
        match (method, *rest[2:]):
            case ("GET", "exists"):
                self._send(200, {"exists": True})
            case ("GET", "assistant", "agent_configurations"):
                self._send(200, {"agentConfigurations": self._agents()})
            case ("GET", "assistant", "agent_configurations", sid):
                self._send(200, {"agentConfiguration": self._agent(sid)})
            case ("POST", "assistant", "agent_configurations", "import"):
                self.dust.bodies.append(("import", body))
                self._send(200, self.dust.import_agent(body))
            case ("POST", "assistant", "conversations"):
                self._create(body)
            case ("GET", "assistant", "conversations", conversation):
                self._send(200, {"conversation": self.dust.conversation(conversation).to_json()})
            case ("POST", "assistant", "conversations", conversation, "messages"):
                self._post(self.dust.conversation(conversation), body)
            case ("POST", "assistant", "conversations", conversation, "cancel"):
                self._cancel(conversation, body)
            case ("GET", "assistant", "conversations", conversation, "consumption"):
                self._consumption(self.dust.conversation(conversation))
            case ("GET", "assistant", "conversations", conversation, "events") if not sse:
                self._see_other()
            case ("GET", "assistant", "conversations", conversation, "events"):
                self._stream_conversation(self.dust.conversation(conversation))
            case ("GET", "assistant", "conversations", conversation, "messages", sid, "events") if not sse:
                self._redirect(conversation, sid)
            case ("GET", "assistant", "conversations", conversation, "messages", sid, "events"):
                self._stream(self.dust.answer(conversation, sid))
            case ("POST", "mcp", "register"):
                raise RefusedError(403, "mcp_auth_error", "API keys are not allowed to register MCP servers.")
            case _:
                raise RefusedError(404, "invalid_request_error", f"no route {self.path}")

    # ---------------------------------------------------------------------------------------- routes

    def _agents(self) -> list[Json]:
        if self.query.get("view") in {"list", "favorites"}:
            raise RefusedError(401, "not_authenticated", "this view needs a person's token")
        return [a.to_json(n) for n, a in enumerate(self.dust.agents.values()) if a.scope != "unlisted"]

    def _agent(self, sid: str) -> Json:
        if sid not in self.dust.agents:
            raise RefusedError(404, "agent_configuration_not_found")
        if self.dust.agents[sid].scope in {"hidden", "unlisted"}:
            raise RefusedError(403, "workspace_auth_error", "the agent is hidden")
        return self.dust.agents[sid].to_json()

    def _create(self, body: Json) -> None:
        self.dust.bodies.append(("conversations", body))
        sid, number = self.dust.new_id("conv")
        conversation = Conversation(sid, number, body.get("title"))
        if body.get("message"):
            user, _ = self.dust.post(conversation, body["message"])
            self._send(200, {"conversation": conversation.to_json(), "message": user})
        else:
            self.dust.conversations[sid] = conversation
            self._send(200, {"conversation": conversation.to_json()})

    def _post(self, conversation: Conversation, body: Json) -> None:
        self.dust.bodies.append(("messages", body))
        user, answer = self.dust.post(conversation, body)
        shown = [] if answer.reply.get("lag") else [answer.to_json()]
        self._send(200, {"message": user, "agentMessages": shown})

    def _cancel(self, conversation: str, body: Json) -> None:
        self.dust.bodies.append(("cancel", body))
        for sid in body["messageIds"]:
            self.dust.cancelled.append(sid)
            self.dust.answer(conversation, sid).cancel()
        self._send(200, {"success": True})

    def _consumption(self, conversation: Conversation) -> None:
        if self.dust.credits_each is None:
            raise RefusedError(404, "invalid_request_error", "no such route")
        ended = sum(m.status != "created" for m in conversation.answers)
        self._send(200, {"billedCredits": self.dust.credits_each * ended, "details": None})

    # ---------------------------------------------------------------------------------------- events

    def _redirect(self, conversation: str, sid: str) -> None:
        answer = self.dust.answer(conversation, sid)
        if answer.windows < answer.reply.get("missing", 0):
            answer.windows += 1
            raise RefusedError(404, "message_not_found")
        self._see_other()

    def _see_other(self) -> None:
        self.send_response(307)
        self.send_header("location", self.path.replace("/api/v1/", "/api/sse/v1/"))
        self.send_header("content-length", "0")
        self.end_headers()

    def _stream(self, answer: AgentMessage) -> None:
        answer.windows += 1
        first = answer.windows == 1 + answer.reply.get("missing", 0)
        self._begin_stream()
        if answer.reply.get("silent") and first:
            self.dust.wait(30 if answer.reply["silent"] is True else answer.reply["silent"])
            return
        if not answer.reply.get("expired") and not self._window(answer, first):
            return
        self.wfile.write(b"data: done\n\n")

    def _begin_stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(b"event: dust-handshake\ndata: {}\n\n")
        self.wfile.flush()

    def _stream_conversation(self, conversation: Conversation) -> None:
        """What happened in a conversation so far; its answers run at once, so nothing is added later."""
        self._begin_stream()
        for rank, message in enumerate(conversation.messages):
            number = f"{rank}-0"
            agent = isinstance(message, AgentMessage)
            body = message.to_json() if agent else message
            data = {
                "type": "agent_message_new" if agent else "user_message_new",
                "created": now(),
                "messageId": body["sId"],
                "message": {**body, "rank": rank},
            }
            if agent:
                data["configurationId"] = message.agent.sid
            self._event({"eventId": number, "data": data})
        self.wfile.write(b"data: done\n\n")

    def _window(self, answer: AgentMessage, first: bool) -> bool:
        """Events from the cursor on; False if the connection broke."""
        reply = answer.reply
        start = self._start(answer)
        if start and not reply.get("replay"):
            self._event({"eventId": "0-0", "data": {"type": "end-of-stream"}})
        limit = reply.get("done")
        if limit and reply.get("replay"):
            limit *= answer.windows
        cut = reply.get("cut") if first else None
        if self.dust.chaos and self.dust.chaos.draw(("stream_cut",)):
            cut = 1
        sent, deadline = 0, time.monotonic() + 5
        while True:
            with answer.changed:
                while len(answer.events) <= start + sent:
                    if time.monotonic() > deadline or self.dust._stop.is_set():
                        return True
                    answer.changed.wait(0.05)
                event = answer.events[start + sent]
            self._event(event)
            sent += 1
            if cut is not None and sent >= cut:
                return False
            if event["data"]["type"] in TERMINAL:
                self._done_event(answer)
                return True
            if limit is not None and sent >= limit:
                return True

    def _start(self, answer: AgentMessage) -> int:
        cursor = self.query.get("lastEventId", "")
        if answer.reply.get("replay"):
            return 0
        return next((n + 1 for n, e in enumerate(answer.events) if e["eventId"] == cursor), 0)

    def _done_event(self, answer: AgentMessage) -> None:
        data = {
            "type": "agent_message_done",
            "created": now(),
            "configurationId": answer.agent.sid,
            "messageId": answer.sid,
            "conversationId": "conv",
            "status": "success",
        }
        self._event({"eventId": "9999999999999-0", "data": data})

    def _event(self, event: Json) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()


@contextmanager
def dusty(script: list[Reply] | Callable[[Conversation], Reply], **more: Any) -> Iterator[DustServer]:
    server = DustServer(script, **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


# ------------------------------------------------------------------------------------------------ recordings

AGENT_BY_TOOL = {"submit_requirements": "analyst", "submit_tests": "test_author", "submit_review": "reviewer"}
STAGES = {"analyst": "analyze", "coder": "generate", "test_author": "write_tests", "reviewer": "validate"}
YOU = re.compile(r"<[0-9a-f]{8} you>")


def replaying(lines: Sequence[str]) -> Callable[[Conversation], Reply]:
    """Plays a recording's first rounds: whose turn it is, is told by the tools, and which one by what was said."""
    replies = {line["key"]: line for line in map(json.loads, lines)}

    def script(conversation: Conversation) -> Reply:
        head = next(m["content"] for m in conversation.messages if not isinstance(m, AgentMessage))
        agent = next((a for tool, a in AGENT_BY_TOOL.items() if f"- {tool}:" in head), "coder")
        turn = len(YOU.findall(head)) + len(conversation.answers)
        line = replies[f"{STAGES[agent]}/1/{agent}/{turn}"]
        made = [(call["name"], call["arguments"]) for call in line.get("tool_calls", ())]
        return calls(*made, text=line.get("text", "")) if made else final(line["text"])

    return script
