"""A project's dependencies, prepared once per digest of what names them and shown read-only in boxes."""
