"""Posting with a deadline, on the standard library; what came of it is an error that says whether to try again."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping

from vulcan.domain.errors import NotSent, Refused, masked

REFUSED = frozenset({400, 404, 405, 413, 415, 422})
LARGEST_ANSWER = 1_000_000
LONGEST_WAIT = 300.0
LONGEST_REASON = 10_000


def request(
    url: str, headers: Mapping[str, str], timeout: float, body: bytes | None = None, *, receiver: str
) -> bytes:
    """POST `body`, or GET without one; the answer's body.

    Raises:
        NotSent: there was no answer in time, or one that says no.
        Refused: this very body is not taken.
    """
    if not url.startswith(("http://", "https://")):
        raise NotSent(f"{receiver}: {url} is no HTTP address", hint="Check its base URL.", again=False)
    try:
        sent = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - checked above
        with _OPENER.open(sent, timeout=timeout) as answer:
            content: bytes = answer.read(LARGEST_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(error, receiver) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise NotSent(
            f"{receiver} can't be reached: {reason}", hint="It stays in the log; send it later."
        ) from error
    return content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys go to the address that was configured and to no other."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _refusal(error: urllib.error.HTTPError, receiver: str) -> NotSent:
    said = masked(error.read(LONGEST_REASON).decode(errors="replace"))[:300].strip()
    what = f"{receiver} answers {error.code}{f': {said}' if said else ''}"
    if error.code in REFUSED:
        return Refused(what, hint="Check its base URL and version.", again=False)
    if error.code in {401, 403}:
        return NotSent(what, hint="Check its keys, then send again.", again=False)
    if 300 <= error.code < 400:  # noqa: PLR2004 - redirects
        return NotSent(what, hint="It redirects; configure the address it names.", again=False)
    return NotSent(what, hint="It stays in the log; send it later.", wait=_wait(error))


def _wait(error: urllib.error.HTTPError) -> float:
    try:
        return max(0.0, min(float(error.headers.get("Retry-After", "0")), LONGEST_WAIT))
    except ValueError:
        return 0.0
