"""Heads: contextual vectors -> outputs, loss, decode."""

from verticals.model.heads.classify import CLASSIFY, LABELS

ALL = (CLASSIFY, LABELS)
