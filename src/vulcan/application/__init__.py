"""Use cases: knows the domain and the ports, nothing outside."""
