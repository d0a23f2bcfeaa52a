"""Readers of the file formats of this industry."""

from verticals_manufacturing.adapters.coco import COCO
from verticals_manufacturing.adapters.folders import FOLDERS
from verticals_manufacturing.adapters.listing import LISTING
from verticals_manufacturing.adapters.voc import VOC
from verticals_manufacturing.adapters.yolo import YOLO

ALL = (FOLDERS, LISTING, VOC, COCO, YOLO)
