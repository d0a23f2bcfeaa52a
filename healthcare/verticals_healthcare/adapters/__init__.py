"""Readers of the file formats of this industry."""

from verticals_healthcare.adapters.cases import CASES
from verticals_healthcare.adapters.dicom import DICOM
from verticals_healthcare.adapters.fhir import FHIR
from verticals_healthcare.adapters.medmnist import MEDMNIST
from verticals_healthcare.adapters.meds import MEDS
from verticals_healthcare.adapters.physionet import PHYSIONET2012
from verticals_plugins import Adapter

ADAPTERS: tuple[Adapter, ...] = (FHIR, MEDS, PHYSIONET2012, MEDMNIST, DICOM, CASES)
