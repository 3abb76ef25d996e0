"""Runs in a box: passes connections to a port of the box's loopback on to the proxy's socket.

Arguments: the port, then the socket's path. Returns once it listens; what it leaves in the background relays.
"""

import asyncio
import os
import socket
import sys

CHUNK = 64 * 1024


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Until the source ends."""
    try:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except OSError:
        sink.close()


async def serve(listener: socket.socket, path: str) -> None:
    """Relay until the box ends."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, ours = await asyncio.open_unix_connection(path)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, ours), pump(theirs, writer))
        ours.close()
        writer.close()

    server = await asyncio.start_server(client, sock=listener)
    await server.serve_forever()


def main() -> None:
    """Listen, then go on in the background."""
    port, path = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    if os.fork():
        return
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    asyncio.run(serve(listener, path))


if __name__ == "__main__":
    main()
