"""The manufacturing plugin."""
