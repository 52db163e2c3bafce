"""The version of everything here; alone in a file, so that every room may say which version made a file."""

VERSION = "0.2.0"
