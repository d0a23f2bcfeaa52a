"""Payment messages: ISO 20022 pacs.008 and ISO 8583."""

from __future__ import annotations

from verticals_finance.adapters.iso8583 import ISO8583
from verticals_finance.adapters.iso20022 import PACS008

ALL = (PACS008, ISO8583)
