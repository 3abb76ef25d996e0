"""A person's message becomes a new job, steering, an approval, a question or a command; and the answer to it."""
