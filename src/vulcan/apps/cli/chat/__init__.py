"""`vulcan chat`: a conversation in the terminal, in a pipe, or with a machine."""
