"""Readers of the file formats of this industry."""
