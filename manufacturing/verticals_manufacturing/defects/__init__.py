"""Inspection of pieces by photo: which to accept, to reject, to look at by hand."""
