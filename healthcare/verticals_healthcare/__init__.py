"""The healthcare plugin."""
