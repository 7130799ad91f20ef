"""Keys and values of prompts and rows, and who has a place among them."""
