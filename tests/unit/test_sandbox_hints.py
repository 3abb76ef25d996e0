"""What a person is told when bubblewrap does not start."""

from vulcan.infrastructure.sandbox.bubblewrap import INSTALL, hint


def test_an_old_bubblewrap_is_to_be_replaced():
    assert hint("The sandbox did not start: bwrap: Unknown option --disable-userns") == INSTALL


def test_there_is_always_something_to_do():
    assert hint("bwrap: setting up uid map: Permission denied")


def test_a_path_that_can_not_be_shown_is_no_matter_of_user_namespaces() -> None:
    said = hint("The sandbox did not start: bwrap: Can't mkdir /workspace/.pdm-build: Read-only file system")
    assert "can't be shown" in said
    assert "namespaces" not in said
