"""A reading list."""
