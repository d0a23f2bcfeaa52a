"""Every format: the facts of public samples, and what must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from verticals_manufacturing.adapters import ALL, COCO, FOLDERS, LISTING, VOC, YOLO
from verticals_manufacturing.adapters.coco import _runs as runs_of
from verticals_manufacturing.bad_inputs import BAD_INPUTS
from verticals_manufacturing.records import is_good
from verticals_manufacturing.schema import SCHEMA
from verticals_plugins import Adapter, BadInput, DataError, Dataset, ReadOptions, UsageError

Shared = Callable[[str], Path]
FORMATS = "formats/manufacturing/"


def read(adapter: Adapter, path: Path, *, need_target: bool = True, **options: str) -> Dataset:
    return adapter.read(path, ReadOptions(schema=SCHEMA, options=options, need_target=need_target))


def surest(path: Path) -> Adapter:
    return max(ALL, key=lambda one: one.sniff(path).score)


def draw(path: Path, level: int = 100, size: tuple[int, int] = (16, 12)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(level).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def boxes_of(dataset: Dataset) -> list[list[float]]:
    return dataset.tables["boxes"][["xmin", "ymin", "xmax", "ymax"]].round(3).to_numpy().tolist()


# ------------------------------------------------------------------------------------------------- public samples


def test_coco_category_ids_with_gaps_and_masks_that_disagree(shared: Shared) -> None:
    path = shared(FORMATS + "coco/datumaro_coco")
    assert surest(path) is COCO
    dataset = read(COCO, path)
    assert dataset.main["class"].tolist() == ["b", "b"]
    assert boxes_of(dataset) == [[2, 2, 5, 3], [0, 0, 1, 2], [0, 0, 1, 9]]
    assert dataset.tables["boxes"]["area"].tolist() == [3, 2, 20]
    assert dataset.tables["boxes"]["crowd"].tolist() == [False, False, True]
    assert any("area 20 is larger than its box 9" in line for line in dataset.provenance.ledger.warnings)


def test_coco_labels_without_boxes(shared: Shared) -> None:
    dataset = read(COCO, shared(FORMATS + "coco/datumaro_coco/annotations/labels_val.json"))
    assert dataset.main["class"].tolist() == ["a"]


def test_roboflow_coco(shared: Shared) -> None:
    dataset = read(COCO, shared(FORMATS + "coco/roboflow"))
    assert dataset.main["split"].tolist() == ["train", "train", "valid"]
    assert boxes_of(dataset) == [[2, 1, 5, 2], [0, 0, 2, 4], [0, 0, 1, 2], [0, 0, 9, 1]]


def test_voc_reads_corners_by_name_and_reports_missing_pictures(shared: Shared) -> None:
    path = shared(FORMATS + "voc/roboflow")
    assert surest(path) is VOC
    dataset = read(VOC, path)
    assert boxes_of(dataset) == [[2, 1, 5, 2], [0, 0, 1, 2], [0, 0, 9, 1]]
    assert dataset.provenance.ledger.dropped == {"picture file is not there": 1}


def test_voc_parts_are_no_objects(shared: Shared, tmp_path: Path) -> None:
    text = shared(FORMATS + "voc/2007_000001.xml").read_text()
    (tmp_path / "2007_000001.xml").write_text(text)
    draw(tmp_path / "2007_000001.jpg", size=(20, 10))
    assert boxes_of(read(VOC, tmp_path)) == [[1, 2, 3, 4], [4, 5, 6, 7]]


def test_yolo_darknet_paths_of_another_machine(shared: Shared) -> None:
    dataset = read(YOLO, shared(FORMATS + "yolo/darknet"))
    assert dataset.tables["boxes"]["class"].tolist() == ["label_2", "label_4"]
    assert np.allclose(boxes_of(dataset), [[0, 2, 4, 4], [3, 3, 5, 6]], atol=1e-3)


def test_yolo_folders_that_are_not_where_the_yaml_says(shared: Shared) -> None:
    dataset = read(YOLO, shared(FORMATS + "yolo/roboflow"))
    assert dataset.main["split"].tolist() == ["train", "train", "valid"]
    assert np.allclose(boxes_of(dataset), [[2, 1, 5, 2], [0, 0, 2, 4], [0, 0, 1, 2], [0, 0, 9, 1]], atol=1e-3)


def test_mvtec_without_train_good_says_so(shared: Shared) -> None:
    with pytest.raises(DataError, match="no train/good"):
        read(FOLDERS, shared(FORMATS + "mvtec_ad/category_0"))


def test_visa_list_asks_for_one_product_and_reports_missing_pictures(shared: Shared) -> None:
    path = shared(FORMATS + "visa/split_csv/1cls_first2000.csv")
    assert surest(path.parent) is LISTING
    with pytest.raises(DataError, match=r"3 products \(candle, capsules, cashew\)"):
        read(LISTING, path)
    with pytest.raises(DataError, match="None of 1100 pictures can be used"):
        read(LISTING, path, product="candle")


def test_neu_list(shared: Shared) -> None:
    path = shared("manufacturing/neu_det")
    assert surest(path) is LISTING
    dataset = LISTING.read(path, ReadOptions(schema=SCHEMA, limit=40))
    assert dataset.arrays["image"].shape == (40, 200, 200, 1)
    assert dataset.main["class"].unique().tolist() == ["crazing"]


# --------------------------------------------------------------------------------------------------- made-up files


def test_mvtec_layout_with_masks(tmp_path: Path) -> None:
    for name in ("train/good/000", "train/good/001", "test/good/000", "test/crack/000"):
        draw(tmp_path / f"{name}.png", len(name))
    mask = np.zeros((12, 16), dtype=np.uint8)
    mask[2:4, 3:8] = 255
    (tmp_path / "ground_truth/crack").mkdir(parents=True)
    Image.fromarray(mask).save(tmp_path / "ground_truth/crack/000_mask.png")
    dataset = read(surest(tmp_path), tmp_path)
    assert dataset.main["class"].tolist() == ["good", "good", "good", "crack"]
    assert dataset.main["split"].tolist() == ["train", "train", "test", "test"]
    assert dataset.tables["masks"]["defect_pixels"].tolist() == [10]


def test_yolo_boxes_are_shares_of_the_upright_picture(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("dent\n")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (100, 40), 128).save(tmp_path / "images/a.jpg", exif=exif)
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.25 0.2 0.5\n")
    dataset = read(YOLO, tmp_path)
    row = dataset.tables["boxes"].iloc[0]
    assert (row["width"], row["height"]) == (40, 100)
    assert boxes_of(dataset) == [[16, 0, 24, 50]]


def test_yolo_polygons_empty_files_and_bad_lines(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("path: .\ntrain: images\nnames:\n  0: dent\n  1: hole\n")
    for name, text in (("a", "1 0.1 0.1 0.5 0.1 0.5 0.4\n"), ("b", ""), ("c", "7 0.5 0.5 0.1 0.1\n")):
        draw(tmp_path / f"images/{name}.png")
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{name}.txt").write_text(text)
    draw(tmp_path / "images/d.png")
    dataset = read(YOLO, tmp_path)
    assert dataset.main["class"].tolist() == ["hole", "good", "good"]
    assert np.allclose(boxes_of(dataset), [[1.6, 1.2, 8, 4.8]])
    where = dataset.provenance.ledger.where["label file cannot be used"]
    assert where == ["c.txt, line 1: class 7 has no name (2 classes)"]


def test_coco_annotation_of_an_unknown_image_is_counted(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 16, "height": 12}],
        "categories": [{"id": 3, "name": "dent"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]},
            {"id": 2, "image_id": 9, "category_id": 3, "bbox": [1, 1, 2, 2]},
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = read(COCO, tmp_path)
    assert dataset.provenance.ledger.dropped == {"annotation of an image that is not listed": 1}


def test_an_annotation_for_another_size_is_dropped_and_counted(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png")
    for name, width in (("a", 16), ("b", 99)):
        (tmp_path / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename><size><width>{width}</width><height>12</height></size>"
            "<object><name>dent</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
            "</object></annotation>"
        )
    dataset = read(VOC, tmp_path)
    assert len(dataset.main) == 1
    assert dataset.provenance.ledger.dropped == {"picture cannot be used": 1}


def test_neu_det_original_layout_takes_the_class_of_the_file_name(tmp_path: Path) -> None:
    for name, marked in (("crazing_1", "crazing"), ("crazing_2", "scratches"), ("scratches_1", "scratches")):
        draw(tmp_path / f"IMAGES/{name}.jpg")
        (tmp_path / "ANNOTATIONS").mkdir(exist_ok=True)
        (tmp_path / f"ANNOTATIONS/{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><object><name>{marked}</name><bndbox><xmin>1</xmin>"
            "<ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object></annotation>"
        )
    dataset = read(surest(tmp_path), tmp_path)
    assert dataset.main["class"].tolist() == ["crazing", "crazing", "scratches"]
    assert "1 marked areas carry another class" in dataset.provenance.ledger.warnings[0]


def test_a_list_with_process_values_pieces_and_zero_one_classes(tmp_path: Path) -> None:
    for name in "abc":
        draw(tmp_path / f"photos/{name}.png", ord(name))
    (tmp_path / "list.csv").write_text(
        "path;label;part_id;temp;boxes\nphotos/a.png;0;p1;181,5;0\nphotos/b.png;1;p1;182,0;3\nphotos/c.png;0;p2;;0\n"
    )
    dataset = read(surest(tmp_path), tmp_path, process="temp")
    assert dataset.main["class"].tolist() == ["good", "defect", "good"]
    assert dataset.main["piece"].tolist() == ["p1", "p1", "p2"]
    assert dataset.main["temp"].tolist()[:2] == [181.5, 182.0]
    assert "boxes" not in dataset.main
    assert any("boxes" in line for line in dataset.provenance.ledger.warnings)


def test_a_picture_listed_with_two_classes_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("image,class\na.png,good\na.png,dent\n")
    with pytest.raises(DataError, match="several classes"):
        read(LISTING, tmp_path / "list.csv")


def test_an_unknown_product_or_column_is_a_usage_error(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "list.csv").write_text("image,class,product\na.png,good,bolt\n")
    with pytest.raises(UsageError, match="no product"):
        read(LISTING, tmp_path / "list.csv", product="nut")
    with pytest.raises(UsageError, match="no column"):
        read(LISTING, tmp_path / "list.csv", process="pressure")


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_bad_inputs_are_refused_with_a_way_out(bad: BadInput, tmp_path: Path) -> None:
    path = bad.make(tmp_path)
    with pytest.raises(bad.error, match=bad.match):
        read(surest(path), path)


def test_folders_below_a_class_and_a_wrapping_folder_are_followed(tmp_path: Path) -> None:
    draw(tmp_path / "export/ok_front/monday/a.png", 1)
    draw(tmp_path / "export/ok_front/b.png", 2)
    draw(tmp_path / "export/dent/c.png", 3)
    dataset = read(FOLDERS, tmp_path, good="ok_front")
    assert sorted(dataset.main["class"]) == ["dent", "good", "good"]
    with pytest.raises(UsageError, match="No picture has the class fine"):
        read(FOLDERS, tmp_path, good="fine")


def test_a_yolo_part_without_labels_is_left_out_not_called_good(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: /home/me/set/train/images\ntest: test/images\nnc: 1\nnames: [dent]\n")
    draw(tmp_path / "train/images/a.png", 1)
    draw(tmp_path / "test/images/b.png", 2)
    (tmp_path / "train/labels").mkdir()
    (tmp_path / "train/labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\r\n")
    dataset = read(YOLO, tmp_path)
    assert dataset.main["class"].tolist() == ["dent"]
    assert dataset.provenance.ledger.dropped == {"picture of the part test, which has no label file at all": 1}


def test_yolo_key_points_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: images\nkpt_shape: [2, 3]\nnames: [dent]\n")
    with pytest.raises(DataError, match="key points"):
        read(YOLO, tmp_path)


def test_coco_boxes_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    content = {
        "images": [{"id": "x", "file_name": "a.png", "width": None}],
        "categories": [{"id": 3, "name": "dent"}],
        "annotations": [
            {"id": 1, "image_id": "x", "category_id": 3, "bbox": ["a", 1, 2, 2]},
            {"id": 2, "image_id": "x", "category_id": 3, "segmentation": [[1, 1, 4, 1, 4, 3]]},
        ],
    }
    (tmp_path / "instances.json").write_text(json.dumps(content))
    dataset = read(COCO, tmp_path)
    assert dataset.provenance.ledger.dropped == {"annotation whose box or area cannot be read": 1}
    assert dataset.tables["boxes"]["area"].tolist() == [3]


def test_voc_lists_of_parts_are_kept(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw(tmp_path / f"JPEGImages/{name}.jpg")
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / f"Annotations/{name}.xml").write_text(
            f"<annotation><filename>{name}.jpg</filename><size><width>?</width></size></annotation>"
        )
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\n")
    (tmp_path / "ImageSets/Main/test.txt").write_text("b 1\n")
    dataset = read(VOC, tmp_path)
    assert dataset.main["split"].tolist() == ["train", "test"]
    assert dataset.main["class"].tolist() == ["good", "good"]


# ---------------------------------------------------------------------------------------- files that others may have


def voc(path: Path, *objects: tuple[str, int]) -> None:
    marked = "".join(
        f"<object><name>{name}</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>{side}</xmax><ymax>{side}</ymax></bndbox>"
        "</object>"
        for name, side in objects
    )
    path.write_text(f"<annotation><filename>{path.stem}.png</filename>{marked}</annotation>")


def test_a_large_area_marked_good_does_not_hide_a_small_defect(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    voc(tmp_path / "a.xml", ("OK", 12), ("dent", 2))
    voc(tmp_path / "b.xml", ("OK", 12))
    assert read(VOC, tmp_path).main["class"].tolist() == ["dent", "good"]


def test_annotations_in_an_unknown_encoding_or_with_entities_are_counted(tmp_path: Path) -> None:
    for name in "abc":
        draw(tmp_path / f"{name}.png", ord(name))
    voc(tmp_path / "a.xml", ("dent", 2))
    (tmp_path / "b.xml").write_text("<?xml version='1.0' encoding='klingon'?><annotation/>")
    bomb = "<?xml version='1.0' encoding='utf-16'?><!DOCTYPE a [<!ENTITY x 'y'>]><annotation/>"
    (tmp_path / "c.xml").write_bytes(bomb.encode("utf-16"))
    assert read(VOC, tmp_path).provenance.ledger.dropped["annotation cannot be read"] == 2


@pytest.mark.parametrize(
    ("column", "values", "right"),
    [("ok", ("1", "0"), ["good", "defect"]), ("is_good", ("True", "False"), ["good", "defect"]),
     ("defect", ("1", "0"), ["defect", "good"])],
)  # fmt: skip
def test_one_means_good_in_a_column_called_ok(
    tmp_path: Path, column: str, values: tuple[str, str], right: list[str]
) -> None:
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    (tmp_path / "list.csv").write_text(f"image,{column}\na.png,{values[0]}\nb.png,{values[1]}\n")
    told = ReadOptions(schema=SCHEMA, mapping={"class": column})
    assert LISTING.read(tmp_path / "list.csv", told).main["class"].tolist() == right


@pytest.mark.parametrize(
    ("name", "good"),
    [("OK_front", True), ("i.O.", True), ("Non-Defective", True), ("no crack", True), ("none", True), ("nok", False),
     ("not_ok", False), ("no_good", False), ("n.i.O.", False), ("defective", False)],
)  # fmt: skip
def test_words_for_good_pieces(name: str, good: bool) -> None:
    assert is_good(name) is good


def coco(folder: Path, annotations: list[dict[str, object]], ids: tuple[object, ...] = (1, 2)) -> Path:
    images = []
    for number, one in enumerate(ids):
        draw(folder / f"{number}.png", number)
        images.append({"id": one, "file_name": f"{number}.png", "width": 16, "height": 12})
    content = {"images": images, "categories": [{"id": 7, "name": "dent"}], "annotations": annotations}
    (folder / "instances.json").write_text(json.dumps(content))
    return folder


def test_a_picture_whose_annotations_are_lost_is_not_called_good(tmp_path: Path) -> None:
    path = coco(tmp_path, [{"id": 1, "image_id": 1, "category_id": 99, "bbox": [1, 1, 2, 2]}])
    found = read(COCO, path)
    assert found.main["class"].tolist() == ["good"]
    assert found.provenance.ledger.dropped["picture none of whose annotations can be used"] == 1


def test_image_ids_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = coco(tmp_path, [{"id": 1, "image_id": "1", "category_id": 7, "bbox": [1, 1, 2, 2]}])
    with pytest.raises(DataError, match="no annotation is of a listed image"):
        read(COCO, path)


@pytest.mark.parametrize(
    ("counts", "size", "box", "area"),
    [([0, 30, 70], [10, 10], [0, 0, 3, 10], 30), ([11, 3, 7, 3, 76], [10, 10], [1, 1, 3, 4], 6),
     ("61X13mN000`0", [9, 10], [0, 2, 8, 7], 13)],
)  # fmt: skip
def test_masks_in_run_lengths_give_box_and_area(
    tmp_path: Path, counts: object, size: list[int], box: list[float], area: float
) -> None:
    one = {"id": 1, "image_id": 1, "category_id": 7, "segmentation": {"counts": counts, "size": size}}
    found = read(COCO, coco(tmp_path, [one]))
    assert found.main["class"].tolist() == ["dent", "good"]
    assert found.tables["boxes"]["area"].tolist() == [area]
    assert boxes_of(found) == [box]


def test_an_empty_mask_still_names_its_class(tmp_path: Path) -> None:
    one = {"id": 1, "image_id": 1, "category_id": 7, "segmentation": {"counts": [100], "size": [10, 10]}}
    assert read(COCO, coco(tmp_path, [one])).main["class"].tolist() == ["dent", "good"]


def test_packed_runs_are_those_of_the_published_coding() -> None:
    """Six bits a letter from "0" (the COCO API); from the fourth run on differences to the last but one."""
    assert runs_of("61X13mN000`0") == runs_of([6, 1, 40, 4, 5, 4, 5, 4, 21])
    with pytest.raises(ValueError, match="holds"):
        runs_of("6 1")


def test_a_box_that_leaves_the_picture_is_told(tmp_path: Path) -> None:
    found = read(COCO, coco(tmp_path, [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 40, 2]}]))
    assert any("1 marked areas leave the picture" in line for line in found.provenance.ledger.warnings)


def test_a_picture_in_two_parts_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: images\nval: images\nnames: [dent]\n")
    draw(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (tmp_path / "labels/gone.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    found = read(YOLO, tmp_path)
    assert found.main["split"].tolist() == ["train"]
    assert sorted(found.provenance.ledger.dropped.values()) == [1, 1]
    assert found.provenance.ledger.where["label file without a picture"] == ["gone.txt"]


@pytest.mark.parametrize(
    ("text", "match"),
    [("names: {0: a, 2: b}", "numbers its names 0, 2"), ("names: [a]\nnc: 2", "nc: 2"), ("names: []", "no list")],
)
def test_class_names_that_do_not_count_are_refused(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "data.yaml").write_text(text + "\ntrain: images\n")
    draw(tmp_path / "images/a.png")
    with pytest.raises(DataError, match=match):
        read(YOLO, tmp_path)


@pytest.mark.parametrize(
    "line", ["0 0.5 0.5 0.1 0.1 0.9", "nan 0.5 0.5 0.1 0.1", "0 50 50 10 10", "1.5 0.5 0.5 0.1 0.1"]
)
def test_labels_that_are_none_are_dropped_with_their_picture(tmp_path: Path, line: str) -> None:
    (tmp_path / "classes.txt").write_text("dent\n")
    for name, text in (("a", line), ("b", "0 0.5 0.5 0.1 0.1")):
        draw(tmp_path / f"images/{name}.png", ord(name))
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / f"labels/{name}.txt").write_text(text)
    found = read(YOLO, tmp_path)
    assert found.main["id"].tolist() == ["images/b.png"]
    assert found.provenance.ledger.dropped == {"label file cannot be used": 1}


def test_a_part_without_pictures_is_told_and_nothing_is_good_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: train/images\nval: elsewhere/images\nnames: [dent]\n")
    draw(tmp_path / "train/images/a.png")
    found = read(YOLO, tmp_path, need_target=False)
    assert "class" not in found.main
    assert any("val: elsewhere/images" in line for line in found.provenance.ledger.warnings)


def test_mvtec_ad_2_and_loco_layouts(tmp_path: Path) -> None:
    for name in ("train/good/0", "validation/good/1", "test_public/good/2", "test_public/bad/3", "test_private/4"):
        draw(tmp_path / f"{name}.png", len(name))
    mask = np.zeros((12, 16), dtype=np.uint8)
    for number in range(2):
        mask[:] = 0
        mask[number, :5] = 255
        place = tmp_path / f"test_public/ground_truth/bad/3/00{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(place)
    found = read(surest(tmp_path), tmp_path)
    assert sorted(found.main["class"]) == ["bad", "good", "good", "good"]
    assert found.main.set_index("class").loc["bad", "split"] == "test"
    assert found.tables["masks"]["defect_pixels"].tolist() == [10]
    assert found.provenance.ledger.dropped == {"picture of a part without classes (test_private)": 1}


def test_pictures_of_other_kinds_are_counted(tmp_path: Path) -> None:
    draw(tmp_path / "good/a.png", 1)
    draw(tmp_path / "dent/b.png", 2)
    (tmp_path / "dent/c.heic").write_bytes(b"....ftypheic")
    assert read(FOLDERS, tmp_path).provenance.ledger.dropped == {"picture of a kind that is not read": 1}


def test_a_mask_of_another_size_is_told(tmp_path: Path) -> None:
    for name in ("train/good/0", "test/dent/1"):
        draw(tmp_path / f"{name}.png", len(name))
    draw(tmp_path / "ground_truth/dent/1_mask.png", size=(8, 8))
    assert any("another size" in line for line in read(FOLDERS, tmp_path).provenance.ledger.warnings)


def test_a_list_of_minus_one_and_one_asks_which_is_good(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    (tmp_path / "list.csv").write_text("image,label\na.png,-1\nb.png,1\n")
    with pytest.raises(DataError, match="either may be the good pieces"):
        read(LISTING, tmp_path / "list.csv")
    assert read(LISTING, tmp_path / "list.csv", good="-1").main["class"].tolist() == ["good", "1"]


def test_a_stated_good_class_is_not_overruled_by_zero_and_one(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 1)
    draw(tmp_path / "b.png", 2)
    (tmp_path / "list.csv").write_text("image,defect\na.png,no\nb.png,yes\n")
    assert read(LISTING, tmp_path / "list.csv").main["class"].tolist() == ["good", "defect"]
    (tmp_path / "list.csv").write_text("image,label\na.png,1\nb.png,0\n")
    assert read(LISTING, tmp_path / "list.csv", good="1").main["class"].tolist() == ["good", "0"]


def test_yolo_names_are_text_whatever_yaml_makes_of_them(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("train: images\nval: ~\ntest: null\nnc: 2\nnames: [off, 1e3]\n")
    draw(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.5 0.5\n")
    dataset = read(YOLO, tmp_path)
    assert dataset.tables["boxes"]["class"].tolist() == ["off", "1e3"]
    assert not dataset.provenance.ledger.warnings


def test_coco_pictures_of_a_part_without_annotations_are_not_good_pieces(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 2, 2]}
    for number, (part, marked) in enumerate((("train", [box]), ("test", []))):
        draw(tmp_path / f"{part}/{part}.png", number)
        content = {"images": [{"id": 1, "file_name": f"{part}.png"}], "annotations": marked,
                   "categories": [{"id": 3, "name": "dent"}]}  # fmt: skip
        (tmp_path / f"annotations/instances_{part}.json").write_text(json.dumps(content))
    dataset = read(COCO, tmp_path)
    assert dataset.main["class"].tolist() == ["dent"]
    assert sum(dataset.provenance.ledger.dropped.values()) == 1
    with pytest.raises(DataError, match=r"leaves no picture .*no annotation at all"):
        read(COCO, tmp_path / "annotations/instances_test.json")
    scored = COCO.read(tmp_path, ReadOptions(schema=SCHEMA, need_target=False))
    assert len(scored.main) == 2


def test_a_box_that_is_no_number_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text(
        "<annotation><filename>a.png</filename><object><name>dent</name><bndbox><xmin>nan</xmin><ymin>1</ymin>"
        "<xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"
    )
    with pytest.raises(DataError, match="ends before it begins"):
        read(VOC, tmp_path)


def test_the_layout_of_mvtec_with_other_words_for_good_is_read(tmp_path: Path) -> None:
    for number, name in enumerate(("train/ok/a", "test/ok/b", "test/ko/c", "ground_truth/ko/c")):
        draw(tmp_path / f"{name}.png", number)
    dataset = read(surest(tmp_path), tmp_path)
    assert dataset.main["class"].tolist() == ["ok", "ok", "ko"]
    assert dataset.tables["masks"]["id"].tolist() == ["test/ko/c.png"]
