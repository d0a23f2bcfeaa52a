"""Checks by what they look at; each takes a Subject and raises if the contract is broken."""
