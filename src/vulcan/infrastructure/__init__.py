"""Adapters: one room for each thing outside; rooms do not know each other."""
