"""Where packages come from: the user's indexes, as what a setup box may reach and how its programs are told."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from vulcan.application.ports import Mount, Origin

PYPI = "https://pypi.org/simple"
PYPI_FILES = Origin("https", "files.pythonhosted.org", 443)
OTHER_INDEXES = (
    Origin("https", "registry.npmjs.org", 443),
    Origin("https", "proxy.golang.org", 443),
    Origin("https", "sum.golang.org", 443),
)
"""The public indexes of other languages: they serve packages and take no uploads without an account."""
PORTS = {"https": 443, "http": 80}
LINKS = "/opt/vulcan-links"
CERTIFICATES = "/opt/vulcan-certificates.pem"
PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Index:
    """What a setup box may reach, and the variables and mounts that tell its programs."""

    origins: tuple[Origin, ...]
    variables: Mapping[str, str]
    mounts: tuple[Mount, ...] = ()
    upstream: str = field(default="", repr=False)


def read_index(environ: Mapping[str, str], allowed_hosts: Iterable[str] = ()) -> Index:
    """The indexes that the user's environment names (uv's variables, else pip's), or PyPI.

    Args:
        environ: the host's environment.
        allowed_hosts: further servers that the user allows, as `HOST` or `HOST:PORT`.
    """
    default = (
        environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or environ.get("PIP_INDEX_URL") or ""
    )
    more = " ".join(
        environ.get(n, "") for n in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
    ).split()
    urls = [url for url in (default, *more) if "://" in url and not url.startswith("file:")]
    origins: list[Origin] = [] if default else [Origin("https", "pypi.org", 443), PYPI_FILES]
    for url in urls:
        origins += _origins(url.partition("=")[2] if "=" in url.partition("://")[0] else url)
    origins += [*OTHER_INDEXES, *map(_allowed, allowed_hosts)]
    variables = _variables(
        _inside(default) if default else PYPI, [_inside(url) for url in more if url in urls]
    )
    links, mounts = _links(environ)
    if certificates := environ.get("SSL_CERT_FILE", ""):
        mounts.append(Mount(Path(certificates), CERTIFICATES))
        variables |= dict.fromkeys(("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS"), CERTIFICATES)
    upstream = next(filter(None, map(environ.get, PROXIES)), "")
    return Index(tuple(dict.fromkeys(origins)), variables | links, tuple(mounts), upstream)


def _allowed(host: str) -> Origin:
    name, _, port = host.partition(":")
    return Origin("https", name.lower(), int(port or 443), trusted=True)


def _origins(url: str) -> list[Origin]:
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in PORTS:
        return []
    port = parts.port or PORTS[parts.scheme]
    if parts.hostname == "pypi.org":
        return [Origin("https", "pypi.org", 443, trusted=True), PYPI_FILES]
    return [Origin(parts.scheme, parts.hostname, port, trusted=True, authorization=_authorization(parts))]


def _authorization(parts: SplitResult) -> str:
    if not parts.username:
        return ""
    word = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(word.encode()).decode()}"


def _inside(url: str) -> str:
    """The URL as programs in the box know it: without credentials, which the proxy adds."""
    name, equals, rest = url.partition("=")
    if equals and "://" not in name:
        return f"{name}={_inside(rest)}"
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not parts.username:
        return url
    port = parts.port or PORTS.get(parts.scheme, 443)
    return parts._replace(scheme="http", netloc=f"{host}:{port}").geturl()


def _variables(default: str, more: list[str]) -> dict[str, str]:
    plain = [url.partition("=")[2] if "=" in url.partition("://")[0] else url for url in more]
    variables = {"UV_DEFAULT_INDEX": default, "PIP_INDEX_URL": default}
    if more:
        variables |= {"UV_INDEX": " ".join(more), "PIP_EXTRA_INDEX_URL": " ".join(plain)}
    return variables


def _links(environ: Mapping[str, str]) -> tuple[dict[str, str], list[Mount]]:
    """Folders of packages on this machine that uv is told of."""
    folders = [Path(word) for word in environ.get("UV_FIND_LINKS", "").replace(",", " ").split()]
    mounts = [Mount(path, f"{LINKS}/{n}") for n, path in enumerate(folders) if path.is_dir()]
    return ({"UV_FIND_LINKS": ",".join(m.target for m in mounts)} if mounts else {}), mounts
