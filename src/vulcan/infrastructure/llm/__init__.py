"""Models: by name through Pydantic AI's providers, any OpenAI-compatible URL, and recordings."""
