"""Another address of a server, which can be cut off: a forwarder in a thread of its own."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import Self


class Line:
    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._threads = [Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._ends:
            end.close()

    def cut(self) -> None:
        """Drop all connections and take no more."""
        for end in (self._listener, *self._ends):
            with suppress(OSError):  # it may be closed at the other side
                end.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._there)
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    self._threads.append(Thread(target=_copy, args=(source, target)))
                    self._threads[-1].start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
