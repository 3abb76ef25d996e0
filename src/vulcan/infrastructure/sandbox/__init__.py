"""Where commands run: bubblewrap, Landlock as the fallback, or nothing for a person who asks for that."""

from vulcan.infrastructure.sandbox.box import ServedBox
from vulcan.infrastructure.sandbox.bubblewrap import BubblewrapSandbox
from vulcan.infrastructure.sandbox.canary import canary
from vulcan.infrastructure.sandbox.choose import choose_sandbox
from vulcan.infrastructure.sandbox.landlock import LandlockSandbox
from vulcan.infrastructure.sandbox.unconfined import NoSandbox

__all__ = [
    "BubblewrapSandbox",
    "LandlockSandbox",
    "NoSandbox",
    "ServedBox",
    "canary",
    "choose_sandbox",
]
