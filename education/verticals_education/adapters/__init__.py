"""Readers of the formats of education."""
