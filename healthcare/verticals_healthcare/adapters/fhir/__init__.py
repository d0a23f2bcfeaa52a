"""FHIR R4, R4B and R5: bundles, single resources, and bulk NDJSON."""

from verticals_healthcare.adapters.fhir.read import FHIR

__all__ = ["FHIR"]
