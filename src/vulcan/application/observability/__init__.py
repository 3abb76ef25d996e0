"""What jobs did and cost, derived from their logs: figures, traces, the activity log."""
