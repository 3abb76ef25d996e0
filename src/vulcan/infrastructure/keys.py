"""Keys that a person gave to `vulcan init`: in the system's keyring where there is one, else in a file of mode 0600.

They stand in for variables of the same name that the environment does not have; what the environment has holds.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vulcan.domain.errors import UserError

FILE = "keys.toml"
SERVICE = "vulcan"
IN_KEYRING, IN_FILE = "in_keyring", "keys"
_NAME = re.compile(r"[A-Z][A-Z0-9_]*(?:KEY|TOKEN)[A-Z0-9_]*")
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class StoredKeys:
    """The keys in one folder of settings.

    Args:
        folder: the user's folder of settings.
        keyring: the keyring's backend, for tests; None: the system's, if it has a real one.
    """

    def __init__(self, folder: Path, keyring: Any = None) -> None:
        self._file, self._keyring = folder / FILE, keyring

    def places(self) -> dict[str, str]:
        """The names of the keys, with where each is."""
        table = self._table()
        return {name: str(self._file) for name in table.get(IN_FILE, {})} | dict.fromkeys(
            table.get(IN_KEYRING, []), "keyring"
        )

    def read(self) -> dict[str, str]:
        """The keys by name; one that the keyring does not give (any more) is left out."""
        table = self._table()
        found = {name: str(key) for name, key in table.get(IN_FILE, {}).items()}
        for name in table.get(IN_KEYRING, []):
            if (backend := self._backend()) and (key := backend.get_password(SERVICE, name)):
                found[name] = key
        return {name: key for name, key in found.items() if _NAME.fullmatch(name)}

    def store(self, name: str, key: str) -> str:
        """Keep a key; returns where, in words."""
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{name} is no name of a key", hint="It is that of a variable such as OPENAI_API_KEY."
            )
        table = self._table()
        in_file = {each: text for each, text in table.get(IN_FILE, {}).items() if each != name}
        in_keyring = [each for each in table.get(IN_KEYRING, []) if each != name]
        if backend := self._backend():
            backend.set_password(SERVICE, name, key)
            self._write([*in_keyring, name], in_file)
            return "the system's keyring"
        self._write(in_keyring, in_file | {name: key})
        return str(self._file)

    def _backend(self) -> Any:
        """A keyring that keeps what it is given; None where there is none."""
        if self._keyring is None and find_spec("keyring") is not None:
            chosen = import_module("keyring").get_keyring()  # few have one, and it is slow to ask
            real = chosen.priority > 0 and "fail" not in type(chosen).__module__
            self._keyring = chosen if real else None
        return self._keyring

    def _table(self) -> Mapping[str, Any]:
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UserError(
                f"{self._file}: {error.strerror}", hint="Put a plain file there, or remove it."
            ) from error
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_mode & OTHERS:
                raise UserError(f"{self._file} can be read by others", hint=f"Run: chmod 600 {self._file}")
            try:
                return tomllib.load(file)
            except ValueError as error:
                raise UserError(f"{self._file}: not TOML", hint="Remove it, then run: vulcan init") from error

    def _write(self, in_keyring: list[str], in_file: Mapping[str, str]) -> None:
        import tomlkit  # noqa: PLC0415 - every command reads keys, few write them

        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = "# Written by vulcan init. Keys stand in for variables that the environment does not have.\n"
        text += tomlkit.dumps({IN_KEYRING: in_keyring, IN_FILE: dict(in_file)})
        descriptor, name = tempfile.mkstemp(dir=self._file.parent, prefix=".keys-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(self._file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def with_setting(path: Path, section: str, values: Mapping[str, str]) -> None:
    """Set texts in a section of the user's settings; all else in the file stays as it is, comments too."""
    import tomlkit  # noqa: PLC0415 - as above

    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    try:
        document = tomlkit.parse(text)
    except ValueError as error:
        raise UserError(f"{path}: not TOML: {error}", hint="Mend it, then run again.") from error
    table = document.setdefault(section, tomlkit.table())
    for name, value in values.items():
        table[name] = value
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
