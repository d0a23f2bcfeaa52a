"""Self-supervised losses for pretraining."""

from verticals.model.objectives.masked_field import MASKED_FIELD
from verticals.model.objectives.masked_patch import MASKED_PATCH
from verticals.model.objectives.next_event import NEXT_EVENT
from verticals.model.objectives.next_item import NEXT_ITEM
from verticals.model.objectives.synthetic import SYNTHETIC

ALL = (MASKED_FIELD, NEXT_EVENT, NEXT_ITEM, MASKED_PATCH, SYNTHETIC)
