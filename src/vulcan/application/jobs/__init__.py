"""Jobs as people meet them: ordering them, working on them, asking how they stand."""
