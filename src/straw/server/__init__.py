"""A server of one base model: it speaks the Tinker protocol, OpenAI's, and to people by a page."""
