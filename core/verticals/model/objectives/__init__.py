"""Self-supervised losses for pretraining."""

from verticals.model.objectives.masked_field import MASKED_FIELD
from verticals.model.objectives.next_event import NEXT_EVENT
from verticals.model.objectives.next_item import NEXT_ITEM

ALL = (MASKED_FIELD, NEXT_EVENT, NEXT_ITEM)
