"""The server as OpenAI's clients know one: models, completions and chat."""
