"""What a box reaches through its proxy, and what it does not: the servers that its spec names, by their own names."""

import asyncio
import contextlib
import shutil
import ssl
import sys
import tempfile
from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec, Egress, Origin
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox
from vulcan.infrastructure.sandbox.egress import MOST_UPLOADED, is_public, serve
from vulcan.infrastructure.sandbox.hello import NotTls, server_name
from vulcan.infrastructure.sandbox.user import box_user

LISTED = "index.example"


@contextlib.asynccontextmanager
async def listening(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", *, to_the_end=False):
    """A server of this machine and what it was sent."""
    heard = []

    def client(reader, writer):
        async def talk():
            heard.append(await reader.read(65536))
            writer.write(answer)
            await writer.drain()
            if to_the_end:
                await reader.read()
            writer.close()

        tasks.append(asyncio.ensure_future(talk()))

    tasks = []
    server = await asyncio.start_server(client, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def proxy(*origins, upstream=""):
    """A proxy and a way to say something to it; what it refused is collected."""
    refused = []
    egress = Egress(origins, refused.append, upstream)
    async with serve(egress, box_user(), by_port=True) as address:

        async def say(*parts):
            reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
            answers = b""
            for part in parts:
                writer.write(part)
                with contextlib.suppress(TimeoutError, ConnectionError):
                    await asyncio.wait_for(writer.drain(), 5)
                    answers += await asyncio.wait_for(reader.read(65536), 5)
            writer.close()
            return answers

        yield say, refused


def hello(name: str) -> bytes:
    """The record of a real ClientHello."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def connect(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode("latin-1")


@pytest.mark.parametrize(
    "target",
    [
        "other.example:443",
        "127.0.0.1:443",
        "[::1]:443",
        "localhost:443",
        "0x7f.1:443",
        "2130706433:443",
        f"{LISTED}:80",
        f"{LISTED}:8443",
        f"{LISTED}.:443",
        f"evil\0.{LISTED}:443",
        f"evil%00.{LISTED}:443",
        f"user@{LISTED}:443",
        f"{LISTED}@evil.example:443",
        f"{LISTED}.evil.example:443",
        f"x.{LISTED}:443",
        f"{LISTED}\t:443",
        "169.254.169.254:443",
        "",
    ],
)
async def test_a_tunnel_leads_only_to_listed_names(target):
    async with proxy(Origin("https", LISTED, 443)) as (say, refused):
        assert (await say(connect(target))).split(b" ")[1:2] in ([b"400"], [b"403"])
    assert refused


async def test_a_listed_name_that_is_this_machine_is_refused_unless_the_user_named_it():
    async with listening() as (port, heard):
        async with proxy(Origin("https", "localhost", port)) as (say, refused):
            assert b" 403 " in await say(connect(f"localhost:{port}"))
        assert "not public" in refused[0]
        async with proxy(Origin("https", "localhost", port, trusted=True)) as (say, refused):
            assert b"200" in await say(connect(f"localhost:{port}"), hello("localhost"))
        assert not refused
    assert len(heard) == 1


@pytest.mark.parametrize(
    "first",
    [
        hello("evil.example"),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x16\x03\x01\xff\xff",
    ],
)
async def test_what_goes_through_a_tunnel_is_tls_to_the_server_that_was_asked_for(first):
    async with listening() as (port, heard):
        async with proxy(Origin("https", "localhost", port, trusted=True)) as (say, refused):
            await say(connect(f"localhost:{port}"), first)
        assert refused
    assert b"".join(heard) == b""


@pytest.mark.parametrize(
    "request_line",
    [
        "POST http://localhost:{port}/x HTTP/1.1",
        "PUT http://localhost:{port}/ HTTP/1.1",
        "GET / HTTP/1.1",
        "BREW x",
        "GET ftp://localhost:{port}/ HTTP/1.1",
    ],
)
async def test_plain_requests_only_read(request_line):
    async with listening() as (port, heard):
        async with proxy(Origin("http", "localhost", port, trusted=True)) as (say, refused):
            answer = await say(f"{request_line.format(port=port)}\r\n\r\n".encode())
            assert answer.split(b" ")[1] == b"405"
        assert refused
    assert not heard


async def test_a_plain_request_carries_neither_a_body_nor_the_boxs_own_credentials():
    async with (
        listening() as (port, heard),
        proxy(Origin("http", "localhost", port, trusted=True)) as (say, _),
    ):
        head = f"GET http://localhost:{port}/simple/ HTTP/1.1\r\nAuthorization: Basic eDp5\r\nCookie: a=b\r\nAccept: */*\r\n"
        assert b"200 OK" in await say(f"{head}\r\n".encode())
        assert b" 400 " in await say(f"{head}Content-Length: 5\r\n\r\nhello".encode())
    assert len(heard) == 1
    assert b"GET /simple/ HTTP/1.1" in heard[0]
    assert b"Accept: */*" in heard[0]
    assert b"Authorization" not in heard[0]
    assert b"Cookie" not in heard[0]


LOOKED_UP = []
sys.addaudithook(lambda event, args: LOOKED_UP.append(args[0]) if event == "socket.getaddrinfo" else None)


async def test_no_name_that_is_not_listed_is_looked_up():
    async with proxy(Origin("https", LISTED, 443)) as (say, _):
        await say(connect("secret-data.evil.example:443"))
    async with proxy(Origin("https", "listed.invalid", 443)) as (say, _):
        await say(connect("listed.invalid:443"))
    assert "listed.invalid" in LOOKED_UP
    assert "secret-data.evil.example" not in LOOKED_UP


async def test_the_machines_own_proxy_is_gone_through():
    async with listening(b"HTTP/1.1 200 Connection established\r\n\r\n") as (port, heard):
        upstream = f"http://me:word@127.0.0.1:{port}"
        async with proxy(Origin("https", LISTED, 443), upstream=upstream) as (say, _):
            assert b"200" in await say(connect(f"{LISTED}:443"))
    assert heard[0].startswith(f"CONNECT {LISTED}:443 HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic bWU6d29yZA==" in heard[0]


async def test_more_than_a_package_tool_ever_says_does_not_get_out():
    lot = b"x" * (MOST_UPLOADED + 1)
    async with listening(to_the_end=True) as (port, _):
        async with proxy(Origin("https", "localhost", port, trusted=True)) as (say, refused):
            await say(connect(f"localhost:{port}"), hello("localhost") + lot, b"")
        assert any("sent out" in what for what in refused)


def test_the_name_in_a_real_hello_is_found():
    assert server_name(hello("pypi.org")[5:]) == "pypi.org"


@pytest.mark.parametrize("cut", [0, 1, 4, 40, 100, -1])
def test_a_hello_that_ends_early_is_none(cut):
    with pytest.raises(NotTls):
        server_name(hello("pypi.org")[5:][:cut])


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("10.1.2.3", False), ("172.20.0.1", False), ("192.168.1.1", False),
        ("100.64.0.1", False), ("169.254.169.254", False), ("127.0.0.2", False), ("0.1.2.3", False), ("::1", False),
        ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("2002:7f00:1::", False), ("224.0.0.1", False), ("255.255.255.255", False),
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_networks_are_not_public(address, public):
    assert is_public(address) is public


# ---------------------------------------------------------------------------------------- from inside of a box


@pytest.fixture
def ground():
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "workspace").mkdir()
    yield folder
    shutil.rmtree(folder)


ASK = """
import sys, urllib.request, socket
for url in sys.argv[1:]:
    try:
        print(url, urllib.request.urlopen(url, timeout=10).read(20))
    except Exception as error:
        print(url, "refused", type(error).__name__)
for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_STREAM)):
    try:
        s = socket.socket(family, kind); s.connect(("8.8.8.8" if family == socket.AF_INET else "2001:4860:4860::8888", 53)); s.send(b"x")
        print("sent")
    except OSError as error:
        print("direct refused")
"""


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", [BubblewrapSandbox, LandlockSandbox])
async def test_programs_in_a_box_reach_what_is_listed_and_nothing_else(kind, ground):
    sandbox = kind()
    sandbox.hand_over(ground / "workspace")
    async with listening() as (port, heard), listening() as (other, has_pending_steering):
        refused = []
        egress = Egress((Origin("http", "localhost", port, trusted=True),), refused.append)
        async with sandbox.open(BoxSpec(ground / "workspace", egress=egress)) as box:
            urls = [f"http://localhost:{port}/a", f"http://localhost:{other}/b", "http://evil.example/c"]
            result = await box.run(["/usr/bin/python3", "-c", ASK, *urls], timeout=60)
    assert f"http://localhost:{port}/a b'ok'" in result.output
    assert result.output.count("/b refused") == 1
    assert result.output.count("/c refused") == 1
    assert "sent" not in result.output
    assert len(heard) == 1
    assert not has_pending_steering
    assert refused == [f"localhost:{other}", "evil.example:80"]


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", [BubblewrapSandbox, LandlockSandbox])
async def test_without_a_proxy_nothing_is_reached(kind, ground):
    sandbox = kind()
    sandbox.hand_over(ground / "workspace")
    async with listening() as (port, heard), sandbox.open(BoxSpec(ground / "workspace")) as box:
        result = await box.run(["/usr/bin/python3", "-c", ASK, f"http://127.0.0.1:{port}/a"], timeout=60)
    assert "/a refused" in result.output
    assert not heard
