"""Payment fraud: which payments to stop, to review, and to let pass."""
