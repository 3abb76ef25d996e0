"""The intent journal of outward effects: announced, looked up, tried, recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from vulcan.application.jobs.log import JobLog
from vulcan.domain.events import EffectDone, EffectIntended
from vulcan.domain.job import Job


async def perform(
    log: JobLog,
    key: str,
    what: str,
    *,
    look_up: Callable[[], Awaitable[str]],
    act: Callable[[], Awaitable[str]],
    unless: Callable[[Job], bool] | None = None,
) -> str:
    """Make an outward effect happen exactly once, over any number of kills.

    Args:
        log: the job's.
        key: made of stage and effect (and the commit it is for), never of the attempt.
        what: the effect in words, for people.
        look_up: says what the effect's result is if it already happened, else an empty string.
        act: makes it happen and says its result.
        unless: what keeps an effect from being begun; the result is empty then.
    """
    done = log.job.effects_done.get(key)
    if done is not None:
        return done
    result = ""
    if key in log.job.effects_intended:
        result = await look_up()
    elif not log.append(EffectIntended(key, what), unless=unless):
        return ""
    if not result:
        result = await act()
    log.append(EffectDone(key, result))
    return result
