"""Readers of the file formats of this industry."""

from verticals_healthcare.adapters.medmnist import MEDMNIST
from verticals_healthcare.adapters.physionet import PHYSIONET2012
from verticals_plugins import Adapter

ADAPTERS: tuple[Adapter, ...] = (PHYSIONET2012, MEDMNIST)
