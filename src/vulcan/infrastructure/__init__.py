"""One room for each outside thing; rooms do not know each other."""
