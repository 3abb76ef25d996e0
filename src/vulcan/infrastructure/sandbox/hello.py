"""The server name that a TLS client asks for, read from its first message (RFC 8446, section 4.1.2; RFC 6066)."""

from __future__ import annotations

HANDSHAKE, CLIENT_HELLO = 22, 1
SERVER_NAME, ENCRYPTED_HELLO = 0, 0xFE0D
RECORD_HEADER = 5
LARGEST_RECORD = 2**14 + 256


class NotTls(Exception):  # noqa: N818 - never leaves this room
    """The bytes are no ClientHello, or one that hides the name."""


class _Reader:
    """Takes length-prefixed fields off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, count: int) -> bytes:
        """The next bytes; `NotTls` if there are not so many."""
        if count > len(self._data):
            raise NotTls
        taken, self._data = self._data[:count], self._data[count:]
        return taken

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def field(self, size: int) -> bytes:
        """A field whose length stands before it in `size` bytes."""
        return self.take(self.number(size))

    def __bool__(self) -> bool:
        return bool(self._data)


def record_length(header: bytes) -> int:
    """How many bytes follow the header of the first record."""
    length = int.from_bytes(header[3:5], "big")
    if len(header) != RECORD_HEADER or header[0] != HANDSHAKE or not 0 < length <= LARGEST_RECORD:
        raise NotTls
    return length


def server_name(record: bytes) -> str:
    """The name in a ClientHello's record (without the record's header); empty if it names none."""
    reader = _Reader(record)
    if reader.number(1) != CLIENT_HELLO:
        raise NotTls
    hello = _Reader(reader.field(3))
    hello.take(2 + 32)  # version, random
    hello.field(1)  # session
    hello.field(2)  # cipher suites
    hello.field(1)  # compression
    extensions = _Reader(hello.field(2))
    name = ""
    while extensions:
        kind, content = extensions.number(2), extensions.field(2)
        if kind == ENCRYPTED_HELLO:
            raise NotTls
        if kind == SERVER_NAME:
            name = _first_name(content)
    return name


def _first_name(content: bytes) -> str:
    names = _Reader(_Reader(content).field(2))
    if names.number(1) != 0:
        raise NotTls
    return names.field(2).decode("ascii", "replace")
