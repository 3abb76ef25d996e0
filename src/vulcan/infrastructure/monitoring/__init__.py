"""Watchers: traces to Langfuse, metrics to OpenTelemetry. Nothing in here is loaded unless it is configured."""
