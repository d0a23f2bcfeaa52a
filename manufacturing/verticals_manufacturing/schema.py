"""What the inspection tasks need to know of a piece."""

from verticals_plugins import Category, Id, Image, Schema, Time

SCHEMA = Schema(
    id=Id("id", required=True, help="names the photo"),
    entity=Category("piece", aliases=("part", "serial", "part_id", "unit"), help="several photos may show one piece"),
    time=Time("time", aliases=("timestamp", "taken_at", "inspected_at")),
    target=Category("class", aliases=("label", "defect", "target", "category", "defect_class")),
    fields=(
        Image("image", required=True, aliases=("path", "file", "filename", "file_name", "image_path", "photo")),
        Category("lot", aliases=("batch", "charge", "lot_id")),
        Category("split", aliases=("part_of", "subset", "fold")),
    ),
)
