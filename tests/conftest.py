"""Present so that tests import their fakes as `fakes.<module>`."""
