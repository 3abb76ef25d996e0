"""A package index on this machine's loopback: wheels and source distributions made of a few files each."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


def wheel(name: str, version: str, files: Mapping[str, str], requires: str = "") -> tuple[str, bytes]:
    """File name and content of a wheel for every platform."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requires}"] if requires else []
    contents = dict(files) | {
        f"{info}/METADATA": "\n".join(lines) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text.encode())}" for path, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return f"{name}-{version}-py3-none-any.whl", packed.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sdist(name: str, version: str, files: Mapping[str, str]) -> tuple[str, bytes]:
    """File name and content of a source distribution."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        metadata = {"PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
        for path, text in (metadata | dict(files)).items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", packed.getvalue()


class PackageIndex:
    """Serves the packages that it is given and remembers what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.authorizations: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def add(self, package: tuple[str, bytes]) -> None:
        self.files[package[0]] = package[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.address}/simple"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                index.authorizations.add(self.headers.get("Authorization", ""))
                content = index.answer(self.path)
                self.send_response(404 if content is None else 200)
                kind = "text/html" if self.path.startswith("/simple") else "application/octet-stream"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content or b"")

            do_HEAD = do_GET  # noqa: N815 - the name that the server looks for

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def answer(self, path: str) -> bytes | None:
        if path.startswith("/files/"):
            return self.files.get(path.rsplit("/", 1)[-1])
        name = path.strip("/").rsplit("/", 1)[-1]
        fitting = [file for file in self.files if file.split("-", 1)[0].replace("_", "-") == name]
        if not path.startswith("/simple/") or not fitting:
            return None
        return "".join(f'<a href="/files/{file}">{file}</a>\n' for file in fitting).encode()
