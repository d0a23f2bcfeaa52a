"""Layouts and exports that tools and people write beside the plain ones, read as a user would: the surest adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from verticals.pipeline.reading import choose
from verticals_manufacturing.defects import DEFECTS
from verticals_plugins import DataError, Dataset, ReadOptions, UsageError

GOOD_LABEL = "0 0.5 0.5 0.25 0.5\n"


def read(path: Path, *, need_target: bool = True, mapping: Mapping[str, str] | None = None, **options: str) -> Dataset:
    told = ReadOptions(schema=DEFECTS.schema, mapping=mapping or {}, options=options, need_target=need_target)
    return choose(DEFECTS, path).adapter.read(path, told)


def draw(folder: Path, *names: str, size: tuple[int, int] = (16, 12)) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number + 7 * len(name)).integers(0, 255, (size[1], size[0]), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)


def draw_mask(path: Path, pixels: int) -> None:
    mask = np.zeros((12, 16), dtype=np.uint8)
    mask.flat[:pixels] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


def write(path: Path, text: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def coco(path: Path, names: Sequence[str], *annotations: dict[str, object], **sides: object) -> None:
    images = [{"id": n, "file_name": name, "width": 16, "height": 12, **sides} for n, name in enumerate(names, 1)]
    content = {"images": images, "categories": [{"id": 1, "name": "dent"}, {"id": 3, "name": "hole"}]}
    write(path, json.dumps({"annotations": list(annotations), **content}))


def voc(path: Path, name: str, label: str = "dent", encoding: str = "utf-8", head: str = "") -> None:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox>"
    body = f"<filename>{name}</filename><object><name>{label}</name>{box}</object>"
    write(path, f"{head}<annotation>{body}</annotation>", encoding)


def by_id(dataset: Dataset, column: str) -> dict[str, object]:
    return dict(zip(dataset.main["id"], dataset.main[column], strict=True))


def masks_of(dataset: Dataset) -> dict[str, int]:
    table = dataset.tables["masks"]
    return dict(zip(table["id"], table["defect_pixels"], strict=True))


def boxes_of(dataset: Dataset) -> list[list[float]]:
    return dataset.tables["boxes"][["xmin", "ymin", "xmax", "ymax"]].round(3).to_numpy().tolist()


def told(dataset: Dataset, part: str) -> bool:
    return any(part in line for line in dataset.provenance.ledger.warnings)


# ------------------------------------------------------------------------------------------------------ folders


def test_folders_of_masks_in_any_case_are_no_class(tmp_path: Path) -> None:
    draw(tmp_path, "Train/Good/0.png", "Test/Good/1.png", "Test/Crack/2.png")
    draw_mask(tmp_path / "Ground_Truth/Crack/2_mask.png", 9)
    found = read(tmp_path)
    assert sorted(found.main["class"]) == ["Crack", "Good", "Good"]
    assert masks_of(found) == {"Test/Crack/2.png": 9}


def test_defects_without_their_mask_are_told(tmp_path: Path) -> None:
    draw(tmp_path, "good/0.png", "dent/1.png")
    draw_mask(tmp_path / "masks/1.png", 3)
    found = read(tmp_path)
    assert sorted(found.main["class"]) == ["dent", "good"]
    assert told(found, "1 pictures with a defect have no mask in masks/ (dent/1.png")


def test_pictures_with_masks_in_a_folder_of_labels_have_no_class(tmp_path: Path) -> None:
    """The layout of DAGM 2007: Train/ holds pictures and a folder Label/ with masks of some."""
    draw(tmp_path, "Train/0001.PNG", "Train/0002.PNG")
    draw_mask(tmp_path / "Train/Label/0001_label.PNG", 9)
    with pytest.raises(DataError, match="2 pictures, and nothing says which are good"):
        read(tmp_path)


def test_masks_beside_their_pictures_are_no_pictures(tmp_path: Path) -> None:
    """The layouts of the magnetic tiles (x.png is the mask of x.jpg) and of KolektorSDD (x_label.bmp)."""
    draw(tmp_path, "MT_Free/Imgs/a.jpg", "MT_Blowhole/Imgs/b.jpg", "MT_Break/c.jpg", "MT_Break/c.png")
    draw_mask(tmp_path / "MT_Free/Imgs/a.png", 0)
    draw_mask(tmp_path / "MT_Blowhole/Imgs/b.png", 7)
    draw(tmp_path, "MT_Break/d.jpg")
    draw_mask(tmp_path / "MT_Break/d_label.bmp", 4)
    found = read(tmp_path)
    assert found.main["class"].tolist() == ["MT_Free", "MT_Blowhole", "MT_Break", "MT_Break", "MT_Break"]
    assert masks_of(found) == {"MT_Free/Imgs/a.jpg": 0, "MT_Blowhole/Imgs/b.jpg": 7, "MT_Break/d.jpg": 4}


def test_masks_in_a_folder_below_the_class_are_no_pictures(tmp_path: Path) -> None:
    draw(tmp_path, "good/images/a.png", "bad/images/b.png")
    draw_mask(tmp_path / "bad/masks/b.png", 6)
    found = read(tmp_path)
    assert by_id(found, "class") == {"good/images/a.png": "good", "bad/images/b.png": "bad"}
    assert masks_of(found) == {"bad/images/b.png": 6}


def test_masks_of_any_kind_of_picture_are_found(tmp_path: Path) -> None:
    draw(tmp_path, "train/ok/0.bmp", "test/ok/1.bmp", "test/ko/2.bmp")
    draw_mask(tmp_path / "ground_truth/ko/2.bmp", 5)
    assert masks_of(read(tmp_path)) == {"test/ko/2.bmp": 5}


def test_several_products_with_other_words_for_good_are_refused(tmp_path: Path) -> None:
    draw(tmp_path, "01/train/ok/0.bmp", "01/test/ko/1.bmp", "02/train/ok/0.bmp", "02/test/ko/1.bmp")
    with pytest.raises(DataError, match=r"2 products \(01, 02\)"):
        read(tmp_path)


def test_pictures_beside_the_folders_of_classes_are_counted(tmp_path: Path) -> None:
    draw(tmp_path, "train/good/0.png", "train/dent/1.png", "train/loose.png", "test/2.png")
    found = read(tmp_path)
    assert found.provenance.ledger.dropped == {"picture that lies in no folder of a class": 2}
    scored = read(tmp_path, need_target=False)
    assert by_id(scored, "class")["test/2.png"] is None
    assert len(scored.main) == 4


def test_good_pieces_in_folders_by_day_stay_good(tmp_path: Path) -> None:
    draw(tmp_path, "good/monday/a.png", "good/tuesday/b.png")
    assert read(tmp_path).main["class"].tolist() == ["good", "good"]
    draw(tmp_path, "dent/monday/c.png")
    assert by_id(read(tmp_path), "class")["dent/monday/c.png"] == "dent"


def test_parts_below_the_classes_are_kept(tmp_path: Path) -> None:
    draw(tmp_path, "good/train/0.png", "good/test/1.png", "bad/test/2.png")
    parts = by_id(read(tmp_path), "split")
    assert parts == {"good/train/0.png": "train", "good/test/1.png": "test", "bad/test/2.png": "test"}


def test_empty_folders_and_classes_that_differ_in_case_are_told(tmp_path: Path) -> None:
    draw(tmp_path, "train/Dent/0.png", "train/good/1.png", "test/dent/2.png")
    (tmp_path / "test/good").mkdir()
    found = read(tmp_path)
    assert told(found, "test/good/ holds no picture")
    assert told(found, "differ only in case stay apart: Dent, dent")


def test_folders_called_images_are_no_class(tmp_path: Path) -> None:
    draw(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(DataError, match="in no format"):
        read(tmp_path)


def test_an_invented_time_is_not_reported_as_read(tmp_path: Path) -> None:
    draw(tmp_path, "good/a.png", "dent/b.png")
    found = read(tmp_path)
    assert "time" not in found.provenance.mapping
    assert "1970-01-01 stands for it" in found.provenance.notes["time"]


# -------------------------------------------------------------------------------------------------------- lists


@pytest.mark.parametrize("place", ["candle/image_anno.csv", "split_csv/1cls.csv"])
def test_masks_of_visa_lie_beside_its_pictures(tmp_path: Path, place: str) -> None:
    draw(tmp_path, "candle/Data/Images/Normal/0.JPG", "candle/Data/Images/Anomaly/0.JPG")
    draw_mask(tmp_path / "candle/Data/Masks/Anomaly/0.png", 9)
    rows = "candle/Data/Images/Normal/0.JPG,normal,\ncandle/Data/Images/Anomaly/0.JPG,anomaly,"
    write(tmp_path / place, f"image,label,mask\n{rows}candle/Data/Masks/Anomaly/0.png\n")
    found = read(tmp_path / place)
    assert found.main["class"].tolist() == ["normal", "anomaly"]
    assert masks_of(found) == {"candle/Data/Images/Anomaly/0.JPG": 9}


def test_a_missing_mask_is_told_and_never_its_namesake(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", "b.png")
    draw_mask(tmp_path / "gt/c.png", 4)
    write(tmp_path / "list.csv", "image,class,mask\na.png,good,gt\\c.png\nb.png,bad,gt\\b.png\nc.png,bad,\n")
    found = read(tmp_path)
    assert masks_of(found) == {"a.png": 4}
    assert told(found, "b.png: mask:")
    assert found.provenance.ledger.dropped == {"picture file is not there": 1}


def test_times_with_offsets_are_moved_to_utc(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", "b.png", "c.png")
    times = ("2026-07-23T10:00:00+05:00", "2026-07-23T06:00:00Z", "")
    rows = "".join(f"{name}.png,good,{time}\n" for name, time in zip("abc", times, strict=True))
    write(tmp_path / "list.csv", "image,class,timestamp\n" + rows)
    found = read(tmp_path)
    time = by_id(found, "time")
    assert time["a.png"] == pd.Timestamp("2026-07-23 05:00")
    assert time["b.png"] == pd.Timestamp("2026-07-23 06:00")
    assert told(found, "1 of 3 pictures have no time")


@pytest.mark.parametrize(
    ("text", "encoding", "match"),
    [
        ("image;class\na.png;gut\nb.png;Riß\n", "cp1252", "not UTF-8.*encoding=cp1252"),
        ("", "utf-8", "is empty"),
        ("image,class\n", "utf-8", "no rows"),
        ("Bild;Klasse\na.png;gut\n", "utf-8", r"no column for .*--map"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(tmp_path: Path, text: str, encoding: str, match: str) -> None:
    draw(tmp_path, "a.png", "b.png")
    write(tmp_path / "list.csv", text, encoding)
    for path in (tmp_path, tmp_path / "list.csv"):
        with pytest.raises(DataError, match=match):
            read(path)


def test_columns_of_other_names_are_mapped_without_naming_the_adapter(tmp_path: Path) -> None:
    draw(tmp_path, "0001.png", "0002.png")
    write(tmp_path / "liste.csv", "\ufeffBild;Klasse;lot\r\n0001.png;gut;007\r\n0002.png;Riß;008\r\n")
    found = read(tmp_path / "liste.csv", mapping={"image": "Bild", "class": "Klasse"}, good="gut")
    assert found.main["class"].tolist() == ["good", "Riß"]
    assert found.main["lot"].tolist() == ["007", "008"]
    assert found.provenance.mapping == {"image": "Bild", "class": "Klasse", "lot": "lot", "id": "Bild"}


def test_a_foreign_table_beside_pictures_does_not_hinder_scoring(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", "b.png")
    write(tmp_path / "results.csv", "x,y\n1,2\n")
    assert len(read(tmp_path, need_target=False).main) == 2


@pytest.mark.parametrize("name", ["labels.tsv", "list.csv.gz", "list.parquet"])
def test_the_only_table_of_a_folder_is_its_list(tmp_path: Path, name: str) -> None:
    draw(tmp_path, "a.png", "b.png")
    table = pd.DataFrame({"image": ["a.png", "b.png"], "class": ["good", "bad"]})
    if name.endswith("parquet"):
        table.to_parquet(tmp_path / name)
    else:
        table.to_csv(tmp_path / name, sep="\t" if name.endswith("tsv") else ",", index=False)
    assert read(tmp_path).main["class"].tolist() == ["good", "bad"]


def test_process_columns_may_be_empty_but_tell_no_class(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", "b.png")
    write(tmp_path / "list.csv", "image,class,temp\na.png,good,\nb.png,bad,\n")
    assert read(tmp_path, process="temp").main["temp"].isna().all()
    with pytest.raises(UsageError, match="class is no process value"):
        read(tmp_path, process="class")


def test_words_of_the_split_that_are_no_part_are_told(tmp_path: Path) -> None:
    draw(tmp_path, "a.png", "b.png", "c.png")
    write(tmp_path / "list.csv", "image,class,split\na.png,good,TRAIN\nb.png,bad,Val\nc.png,good,holdout\n")
    found = read(tmp_path)
    assert found.main["split"].tolist()[:2] == ["train", "valid"]
    assert told(found, "The split says holdout (1)")
    write(tmp_path / "list.csv", "image,class,split\na.png,good,train\nb.png,bad,test\nc.png,good,\n")
    assert told(read(tmp_path), "1 pictures have no split")


# ---------------------------------------------------------------------------------------------------------- VOC


def test_lists_of_parts_with_a_byte_order_mark_or_of_no_text(tmp_path: Path) -> None:
    draw(tmp_path, "JPEGImages/a.jpg", "JPEGImages/b.jpg")
    for name in "ab":
        voc(tmp_path / f"Annotations/{name}.xml", f"{name}.jpg")
    write(tmp_path / "ImageSets/Main/train.txt", "\ufeffa\r\n")
    write(tmp_path / "ImageSets/Main/test.txt", "b\r\n")
    (tmp_path / "ImageSets/Main/val.txt").write_bytes(b"\xff\xfe\x81")
    assert read(tmp_path).main["split"].tolist() == ["train", "test"]


def test_other_xml_beside_annotations_is_passed_over(tmp_path: Path) -> None:
    draw(tmp_path, "b.png")
    write(tmp_path / ".idea/misc.xml", "<project/>")
    (tmp_path / "._b.xml").write_bytes(b"\0\5\26\7")
    write(tmp_path / "a_project.xml", "<project/>")
    voc(tmp_path / "b.xml", "b.png", "Riß", "utf-16", "<?xml version='1.0' encoding='utf-16'?>")
    found = read(tmp_path)
    assert found.main["class"].tolist() == ["Riß"]
    assert found.provenance.ledger.dropped == {"annotation cannot be read": 1}


def test_annotations_of_another_kind_are_refused_with_advice(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    write(tmp_path / "cvat.xml", "<annotations><image name='a.png'/></annotations>")
    with pytest.raises(DataError, match="without <annotation>"):
        read(tmp_path / "cvat.xml")
    write(tmp_path / "a.xml", "<annotation><object><name>dent</name></object></annotation>")
    with pytest.raises(DataError, match=r"no four numbers.*Export the labels as Pascal VOC"):
        read(tmp_path / "a.xml")


def test_neu_det_with_pictures_in_folders_by_class(tmp_path: Path) -> None:
    for part, number in (("train", 1), ("validation", 241)):
        for label in ("crazing", "rolled-in_scale"):
            draw(tmp_path, f"NEU-DET/{part}/images/{label}/{label}_{number}.jpg")
            voc(tmp_path / f"NEU-DET/{part}/annotations/{label}_{number}.xml", f"{label}_{number}", label)
    found = read(tmp_path)
    assert found.main["class"].tolist() == ["crazing", "rolled-in_scale"] * 2
    assert found.main["split"].tolist() == ["train", "train", "valid", "valid"]


# --------------------------------------------------------------------------------------------------------- COCO


def test_other_json_beside_annotations_is_not_read_and_told(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    write(tmp_path / "dataset_info.json", '{"name": 1}')
    coco(tmp_path / "labels.json", ["a.png"], {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]})
    found = read(tmp_path)
    assert boxes_of(found) == [[1, 2, 4, 6]]
    assert told(found, "Not read: dataset_info.json")


def test_a_large_file_that_begins_with_annotations_is_known(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    one = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], "note": "x" * 4_100_000}
    coco(tmp_path / "a.json", ["a.png"], one)
    assert read(tmp_path).main["class"].tolist() == ["hole"]


def test_numbers_as_text_and_sizes_beyond_number(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    told_as_text = {"bbox": ["1", "2", "3", "4"], "area": "12", "iscrowd": "0"}
    mask = {"counts": [1, 2], "size": [0, 16]}
    coco(
        tmp_path / "a.json", ["a.png"], {"id": 1, "image_id": 1, "category_id": 3, **told_as_text},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": mask}, width=float("inf"),
    )  # fmt: skip
    found = read(tmp_path)
    assert boxes_of(found) == [[1, 2, 4, 6]]
    assert found.tables["boxes"]["crowd"].tolist() == [False]
    assert found.provenance.ledger.dropped == {"annotation whose box or area cannot be read": 1}


def test_pictures_to_score_have_no_class_where_nothing_is_annotated(tmp_path: Path) -> None:
    draw(tmp_path, "a.png")
    coco(tmp_path / "a.json", ["a.png"])
    assert "class" not in read(tmp_path, need_target=False).main


def test_parts_named_with_their_year_are_known(tmp_path: Path) -> None:
    draw(tmp_path, "train2017/000000000001.jpg", "val2017/000000000002.jpg")
    for part, number in (("train2017", 1), ("val2017", 2)):
        box: dict[str, object] = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}
        coco(tmp_path / f"annotations/instances_{part}.json", [f"{number:012}.jpg"], box)
    assert read(tmp_path).main["split"].tolist() == ["train", "valid"]


def test_boxes_of_a_turned_photo_are_those_of_the_upright_one(tmp_path: Path) -> None:
    """As stored 100 x 40 with orientation 6; the same numbers without EXIF data and with orientation 1."""
    for name, turn in (("six", 6), ("one", 1), ("none", 0), ("half", 3)):
        exif = Image.Exif()
        if turn:
            exif[0x0112] = turn
        Image.new("L", (100, 40), 9).save(tmp_path / f"{name}.jpg", exif=exif)
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [0, 16, 50, 8]} for n in (1, 2, 3, 4)]
    coco(tmp_path / "a.json", ["six.jpg", "one.jpg", "none.jpg", "half.jpg"], *boxes, width=100, height=40)
    found = read(tmp_path)
    assert boxes_of(found) == [[16, 0, 24, 50], *[[0, 16, 50, 24]] * 3]
    assert found.tables["boxes"][["width", "height"]].to_numpy().tolist() == [[40, 100], *[[100, 40]] * 3]
    assert told(found, "half.jpg is turned by its EXIF data")


# --------------------------------------------------------------------------------------------------------- YOLO


def test_the_area_of_a_polygon_is_not_that_of_its_box(tmp_path: Path) -> None:
    draw(tmp_path, "images/a.png")
    write(tmp_path / "classes.txt", "dent\nhole\n")
    write(tmp_path / "labels/a.txt", "0 0.25 0.25 0.75 0.25 0.25 0.75\n1 0.5 0.5 0.5 0.4\n")
    found = read(tmp_path)
    assert found.main["class"].tolist() == ["hole"]
    assert np.allclose(found.tables["boxes"]["area"], [24, 38.4])


def test_parts_that_moved_into_one_folder_of_images_stay_apart(tmp_path: Path) -> None:
    write(tmp_path / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['dent']\n")
    for part in ("train", "val"):
        draw(tmp_path, f"images/{part}/{part}.png")
        write(tmp_path / f"labels/{part}/{part}.txt", GOOD_LABEL)
    found = read(tmp_path)
    assert found.main["split"].tolist() == ["train", "valid"]
    assert not found.provenance.ledger.dropped


def test_an_export_in_a_folder_of_its_own_is_read(tmp_path: Path) -> None:
    home = tmp_path / "steel.v1i.yolov8"
    write(home / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['dent']\n")
    for part in ("train", "valid"):
        draw(home, f"{part}/images/{part}_png.rf.0a.jpg")
        write(home / f"{part}/labels/{part}_png.rf.0a.txt", GOOD_LABEL)
    found = read(tmp_path)
    assert found.main["split"].tolist() == ["train", "valid"]
    assert boxes_of(found) == [[6, 3, 10, 9]] * 2


def test_lists_of_pictures_are_relative_to_their_own_folder(tmp_path: Path) -> None:
    write(tmp_path / "cfg/data.yaml", "path: ../set\ntrain: train.txt\nval: val.txt\nnames: {0: dent}\n")
    for part in ("train", "val"):
        draw(tmp_path, f"set/images/{part}/{part}.png")
        write(tmp_path / f"set/labels/{part}/{part}.txt", GOOD_LABEL)
        write(tmp_path / f"set/{part}.txt", f"./images/{part}/{part}.png\n")
    assert read(tmp_path / "cfg/data.yaml").main["split"].tolist() == ["train", "valid"]


def test_a_picture_named_by_two_paths_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "data.yaml", "path: .\ntrain: images\nval: images/../images\nnames: [dent]\n")
    draw(tmp_path, "images/a.png")
    write(tmp_path / "labels/a.txt", GOOD_LABEL)
    found = read(tmp_path)
    assert found.main["split"].tolist() == ["train"]
    assert sum(found.provenance.ledger.dropped.values()) == 1


def test_lists_and_labels_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    data = "classes = 1\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n"
    write(tmp_path / "obj.data", data)
    write(tmp_path / "obj.names", "dent\n\n")
    write(tmp_path / "train.txt", "data/obj/a.png\n")
    draw(tmp_path, "obj/a.png")
    for name in ("a.txt", "stray.txt", "B.TXT"):
        write(tmp_path / "obj" / name, GOOD_LABEL)
    write(tmp_path / "obj/notes.txt", "made on monday\n")
    found = read(tmp_path)
    assert told(found, "valid: data/valid.txt")
    assert found.provenance.ledger.where == {"label file without a picture": ["B.TXT", "stray.txt"]}


@pytest.mark.parametrize(
    ("name", "text", "encoding", "match"),
    [
        ("classes.txt", "dent\n\nhole\n", "utf-8", "empty line between its names"),
        ("classes.txt", "\n", "utf-8", "has no names"),
        ("classes.txt", "Kratzer\nRiß\n", "cp1252", "not UTF-8.*Save it again"),
        ("data.yaml", "names: [Kratzer, Riß]\ntrain: images\n", "cp1252", "no readable YAML.*Save it again"),
        ("data.yaml", "train: images\nnames: [a\n\tb", "utf-8", "no readable YAML.*Save it again"),
        ("data.yaml", "train: images\nnames: [dent, [hole]]\n", "utf-8", "no list of class names"),
    ],
)
def test_class_names_that_would_shift_or_garble_are_refused(
    tmp_path: Path, name: str, text: str, encoding: str, match: str
) -> None:
    draw(tmp_path, "images/a.png")
    write(tmp_path / "labels/a.txt", "1 0.5 0.5 0.25 0.5\n")
    write(tmp_path / name, text, encoding)
    with pytest.raises(DataError, match=match):
        read(tmp_path)


def test_files_that_only_look_like_yolo_do_not_take_folders_of_classes(tmp_path: Path) -> None:
    draw(tmp_path, "dent/a.png", "hole/b.png")
    write(tmp_path / "labels.txt", "0 dent\n1 hole\n")
    write(tmp_path / "compose.yaml", "filenames: 3\n")
    assert read(tmp_path).main["class"].tolist() == ["dent", "hole"]
