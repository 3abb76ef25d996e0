"""The `vulcan` command."""
