"""A run's weights for the rest of the world: a folder in Hugging Face's form, or one GGUF file."""

from straw.export.folder import export_run as export_run
from straw.export.folder import merged as merged
from straw.export.folder import write_model as write_model
