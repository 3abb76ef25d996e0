"""Running and reading a project's tests and code, always in a box."""
