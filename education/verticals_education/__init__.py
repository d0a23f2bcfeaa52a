"""The education plugin."""
