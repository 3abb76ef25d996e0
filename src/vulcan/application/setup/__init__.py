"""`vulcan setup`: a project's recipe is found, proven on builds from scratch, and proposed."""
