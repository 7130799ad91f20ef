"""The tokenizer of the served model, offered as Hugging Face's hub offers them."""
