"""Stems: one kind of block -> vectors."""

from verticals.model.stems.events import EVENTS
from verticals.model.stems.image import IMAGE
from verticals.model.stems.items import ITEMS
from verticals.model.stems.nodes import NODES
from verticals.model.stems.series import SERIES
from verticals.model.stems.table import TABLE
from verticals.model.stems.text import TEXT
from verticals.model.stems.texture import TEXTURE

ALL = (TABLE, EVENTS, IMAGE, ITEMS, NODES, SERIES, TEXT, TEXTURE)
