"""What test commands report, one module a form: pure functions from text to results."""
