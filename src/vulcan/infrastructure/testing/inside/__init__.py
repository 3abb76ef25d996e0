"""Programs that run inside boxes, under the project's own interpreter: standard library (and pytest) only."""
