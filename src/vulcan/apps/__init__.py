"""Presentation, thin: parse, call a use case, render the event stream."""
