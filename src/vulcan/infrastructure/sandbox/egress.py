"""The proxy through which a box reaches the few servers that its spec names; one proxy a box.

It tunnels TLS (CONNECT) to servers that are named as `https`, after it has seen the same name in the client's first
message, and reads plain requests (GET, HEAD) to those named as `http` or called with credentials of the user. A name
that is not listed is never looked up; an address that was checked is the one that is dialled.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import re
import shutil
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vulcan.application.ports import Egress, Origin
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.sandbox.hello import RECORD_HEADER, NotTls, record_length, server_name
from vulcan.infrastructure.sandbox.plan import Address
from vulcan.infrastructure.sandbox.user import User, scratch_root

HEAD_SECONDS, IDLE_SECONDS, DIAL_SECONDS = 10.0, 300.0, 30.0
MOST_CONNECTIONS = 256
MOST_UPLOADED = 50 * 1024**2
CHUNK = 64 * 1024
LARGEST_HEAD = 64 * 1024
SHOWN = 200

_TARGET = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):([0-9]{1,5})")
_REQUEST = re.compile(r"(GET|HEAD) http://([^/@\s?#]+)(/[^\s]*)? HTTP/1\.[01]")
_DROPPED = ("proxy-", "connection:", "authorization:", "host:", "keep-alive:", "te:", "upgrade:", "cookie:")

_PRIVATE = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.168.0.0/16", "224.0.0.0/3", "::/127", "fc00::/7", "fe80::/10", "ff00::/8",
        ),
    )
)  # fmt: skip
"""Addresses of this machine, its networks and groups. Source: RFC 6890."""


class Refused(Exception):  # noqa: N818 - never leaves this room
    """What the client asks for is not allowed; the status goes back to it."""

    def __init__(self, status: str, what: str) -> None:
        super().__init__(what)
        self.status, self.what = status, what


@asynccontextmanager
async def serve(egress: Egress, user: User, *, by_port: bool) -> AsyncIterator[Address]:
    """Run the proxy for one box."""
    proxy = _Proxy(egress)
    folder = Path(tempfile.mkdtemp(prefix=owned("egress"), dir=scratch_root()))
    try:
        if by_port:
            server = await asyncio.start_server(proxy.client, "127.0.0.1", 0, limit=LARGEST_HEAD)
            address = Address(port=server.sockets[0].getsockname()[1])
        else:
            folder.chmod(0o711)
            path = folder / "socket"
            server = await asyncio.start_unix_server(proxy.client, path, limit=LARGEST_HEAD)
            os.chown(path, user.uid, user.gid)
            path.chmod(0o600)
            address = Address(path=path)
        try:
            yield address
        finally:
            server.close()
            await proxy.end()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Proxy:
    """Serves one box's connections and counts what it sends out."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._uploaded = 0

    def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, from its request to its end."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with self._places:
            try:
                await self._answer(reader, writer)
            except Refused as refusal:
                self._egress.on_refused(refusal.what[:SHOWN])
                with suppress(OSError):
                    writer.write(
                        f"HTTP/1.1 {refusal.status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                    )
                    await writer.drain()
            except (
                OSError,
                TimeoutError,
                asyncio.IncompleteReadError,
                asyncio.LimitOverrunError,
                ValueError,
            ):
                pass  # the client sees its connection end
            finally:
                writer.close()

    async def end(self) -> None:
        """End every connection."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.rstrip("\r\n").split("\r\n")
        if line.startswith("CONNECT "):
            await self._tunnel(line, reader, writer)
        else:
            await self._forward(line, headers, writer)

    async def _tunnel(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = line.removeprefix("CONNECT ").rpartition(" HTTP/1.")[0]
        origin = self._origin(target, lambda o: o.scheme == "https" and not o.authorization)
        theirs, ours = await self._dial(origin)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await self._check_name(origin, reader, ours)
            await self._both_ways(reader, writer, theirs, ours)
        finally:
            ours.close()

    async def _check_name(
        self, origin: Origin, reader: asyncio.StreamReader, ours: asyncio.StreamWriter
    ) -> None:
        """Pass the client's first message on if it asks for the server that the tunnel was opened to."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                header = await reader.readexactly(RECORD_HEADER)
                record = await reader.readexactly(record_length(header))
            name = server_name(record)
        except NotTls as error:
            raise ValueError from self._told(f"{origin.host}:{origin.port}: not TLS", error)
        if name.lower() != origin.host:
            raise ValueError from self._told(f"{origin.host}:{origin.port}: asks for {name!r}")
        self._count(header + record)
        ours.write(header + record)
        await ours.drain()

    def _told(self, what: str, error: Exception | None = None) -> Exception | None:
        self._egress.on_refused(what[:SHOWN])
        return error

    async def _both_ways(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        theirs: asyncio.StreamReader,
        ours: asyncio.StreamWriter,
    ) -> None:
        up = asyncio.ensure_future(_pump(reader, ours, self._count))
        down = asyncio.ensure_future(_pump(theirs, writer, lambda _: None))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            if not down.done():  # the client has said all; the answer may still be coming
                await down
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    def _count(self, data: bytes) -> None:
        self._uploaded += len(data)
        if self._uploaded > MOST_UPLOADED:
            self._told(f"more than {MOST_UPLOADED // 1024**2} MiB sent out")
            raise ValueError

    async def _forward(self, line: str, headers: list[str], writer: asyncio.StreamWriter) -> None:
        match = _REQUEST.fullmatch(line)
        if not match:
            raise Refused("405 Method Not Allowed", line)
        method, target, path = match.groups()
        target = target if ":" in target else f"{target}:80"
        origin = self._origin(target, lambda o: o.scheme == "http" or bool(o.authorization))
        kept = [h for h in headers if not h.lower().startswith(_DROPPED)]
        if any(h.lower().startswith(("content-length:", "transfer-encoding:")) for h in kept):
            raise Refused("400 Bad Request", f"{line}: with a body")
        kept += [f"Host: {target.removesuffix(':80')}", "Connection: close"]
        if origin.authorization:
            kept.append(f"Authorization: {origin.authorization}")
        request = "\r\n".join((f"{method} {path or '/'} HTTP/1.1", *kept, "", "")).encode("latin-1")
        self._count(request)
        theirs, ours = await self._dial(origin)
        try:
            if origin.scheme == "https":
                await ours.start_tls(ssl.create_default_context(), server_hostname=origin.host)
            ours.write(request)
            await ours.drain()
            await _pump(theirs, writer, lambda _: None)
        finally:
            ours.close()

    def _origin(self, target: str, fits: Callable[[Origin], bool]) -> Origin:
        """The listed server that a target names, exactly."""
        match = _TARGET.fullmatch(target)
        if not match or not target.isascii():
            raise Refused("400 Bad Request", target)
        host, port = match[1].lower(), int(match[2])
        for origin in self._egress.origins:
            if (origin.host, origin.port) == (host, port) and fits(origin):
                return origin
        raise Refused("403 Forbidden", target)

    async def _dial(self, origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(DIAL_SECONDS):
            if self._egress.upstream:
                return await _through(self._egress.upstream, origin)
            return await _directly(origin)


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Callable[[bytes], None]
) -> None:
    while True:
        async with asyncio.timeout(IDLE_SECONDS):
            data = await source.read(CHUNK)
        if not data:
            return
        count(data)
        sink.write(data)
        await sink.drain()


async def _directly(origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address of a server that may be dialled."""
    found = await asyncio.get_running_loop().getaddrinfo(
        origin.host, origin.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    addresses = [str(entry[4][0]) for entry in found]
    allowed = [address for address in addresses if origin.trusted or is_public(address)]
    if not allowed:
        raise Refused("403 Forbidden", f"{origin.host}:{origin.port}: its address is not public")
    failure: OSError = OSError()
    for address in allowed:
        try:
            return await asyncio.open_connection(address, origin.port, limit=LARGEST_HEAD)
        except OSError as error:
            failure = error
    raise Refused("502 Bad Gateway", f"{origin.host}:{origin.port}: {failure.strerror}")


def is_public(address: str) -> bool:
    """Whether an address lies outside of this machine and of private networks."""
    parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or parsed
    return not any(parsed in network for network in _PRIVATE)


async def _through(upstream: str, origin: Origin) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A tunnel through the machine's own proxy, which looks the name up itself."""
    parts = urlsplit(upstream if "//" in upstream else f"//{upstream}")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 3128, limit=LARGEST_HEAD)
    lines = [f"CONNECT {origin.host}:{origin.port} HTTP/1.1", f"Host: {origin.host}:{origin.port}"]
    if parts.username:
        word = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(word.encode()).decode()}")
    writer.write("\r\n".join((*lines, "", "")).encode())
    await writer.drain()
    status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1:2]
    if status != [b"200"]:
        writer.close()
        raise Refused("502 Bad Gateway", f"{origin.host}:{origin.port}: the machine's proxy refuses it")
    return reader, writer
