"""The retail plugin."""
