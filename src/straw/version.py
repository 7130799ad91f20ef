"""The version: pyproject.toml reads it here, and so does `straw --version`, installed or run from the sources."""

VERSION = "0.2.0.dev0"
