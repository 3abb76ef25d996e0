"""Programs that run inside or beside a box, alone under the system's Python.

They are read as text and never imported by the host. They use builtin C modules (`_socket`, `_signal`) where
the public ones would import `enum` and cost a fifth of a box's start; `pathlib` would cost as much.
"""
