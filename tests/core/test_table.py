"""Plain tables: what is read, what is dropped and counted with its line, what is refused and with which words."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from verticals.data.stream import stream_table
from verticals.data.table import classes_of, dataset_of_frame, read_table, sniff_table
from verticals_plugins import Category, DataError, Dataset, Id, Number, ReadOptions, Schema, Time, UsageError

SCHEMA = Schema(
    id=Id("id"),
    entity=Category("account", aliases=("card",)),
    time=Time("when", aliases=("booked_at",)),
    target=Category("late"),
    fields=(Number("amount", unit="EUR", lower=0, upper=1e5, required=True), Category("kind"), Number("rate")),
)
HEAD = "id,account,when,amount,kind,late\n"
ROWS = "1,a,2024-01-01 10:00,5.5,x,0\n2,b,2024-01-02 10:00,6.5,y,1\n"
GOOD = HEAD + ROWS


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def from_text(
        content: str | bytes,
        options: Mapping[str, str] | None = None,
        mapping: Mapping[str, str] | None = None,
        *,
        name: str = "x.csv",
        **more: Any,
    ) -> Dataset:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        wanted = ReadOptions(schema=SCHEMA, options=options or {}, mapping=mapping or {}, **more)
        return read_table(tmp_path / name, wanted)

    return from_text


def parquet(frame: pd.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


def frame() -> pd.DataFrame:
    times = pd.to_datetime(["2024-01-01T10:00", "2024-01-02T10:00"])
    return pd.DataFrame(
        {"id": [1, 2], "account": ["a", "b"], "when": times, "amount": [5.5, 6.5], "kind": ["x", "y"], "late": [0, 1]}
    )


WRITTEN = {
    "plain": (GOOD.encode(), {}),
    "byte-order mark": (b"\xef\xbb\xbf" + GOOD.encode(), {}),
    "UTF-16": (GOOD.encode("utf-16"), {}),
    "UTF-16 without mark, stated": (GOOD.encode("utf-16-le"), {"encoding": "utf-16-le"}),
    "semicolons": (GOOD.replace(",", ";").encode(), {}),
    "semicolons and decimal commas": (GOOD.replace(",", ";").replace("5.5", "5,5").replace("6.5", "6,5").encode(), {}),
    "tabs": (GOOD.replace(",", "\t").encode(), {}),
    "bars": (GOOD.replace(",", "|").encode(), {}),
    "Windows lines": (GOOD.replace("\n", "\r\n").encode(), {}),
    "old Mac lines": (GOOD.replace("\n", "\r").encode(), {}),
    "no last line end": (GOOD.rstrip().encode(), {}),
    "blank lines": (GOOD.replace("\n", "\n\n").encode(), {}),
    "all cells quoted": (re.sub(r"[^,\n]+", r'"\g<0>"', GOOD).encode(), {}),
    "a stated separator in the first line": (b"sep=;\n" + GOOD.replace(",", ";").encode(), {}),
    "lines before the header, stated": (b"My bank\nAccount 7\n\n" + GOOD.encode(), {"header": "4"}),
    "blanks after the commas": (GOOD.replace(",", ", ").encode(), {}),
    "gzip": (gzip.compress(GOOD.encode()), {}),
    "parquet under another name": (parquet(frame()), {}),
}  # fmt: skip


@pytest.mark.parametrize("way", WRITTEN)
def test_however_it_is_written_the_same_table_is_read(read: Callable[..., Dataset], way: str) -> None:
    content, options = WRITTEN[way]
    main = read(content, options).main
    assert main["id"].tolist() == [1, 2]
    assert main["account"].tolist() == ["a", "b"]
    assert main["amount"].tolist() == [5.5, 6.5]
    assert main["kind"].tolist() == ["x", "y"]
    assert main["when"].astype(str).tolist() == ["2024-01-01 10:00:00", "2024-01-02 10:00:00"]


REFUSED = {
    "empty": (b"", "is empty"),
    "a mark alone": (b"\xef\xbb\xbf", "is empty"),
    "blanks alone": (b" \n \n", "is empty"),
    "a header alone": (HEAD.encode(), "no rows"),
    "a needed column missing": (GOOD.replace("amount", "amnt").encode(), r"no column for 'amount'.*--map amount=amnt"),
    "no header": (ROWS.encode(), "first line looks like data"),
    "header further down": (b"Bank\n\n" + GOOD.encode(), "Line 3 looks like the header: pass --option header=3"),
    "words for numbers": (re.sub(r"\d\.5", "abc", GOOD).encode(), "'amount' cannot be read as a number"),
    "words for times": (GOOD.replace("2024-01-0", "day ").encode(), "'when' cannot be read as a time"),
    "ids that repeat": ((GOOD + "1,z,2024-03-01,9,x,1\n").encode(), "id 1 in line 2 and line 4"),
    "not UTF-8": (GOOD.replace("x", "é").encode("cp1252"), r"byte 0xe9 at offset \d+ \(line 2\).*encoding=cp1252"),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), "utf-16-le"),
    "a byte 0": (GOOD.encode() + b"3,a\0b,2024-01-03,1,x,0\n", "value 0 in line 4"),
    "rows wider than the header": (b"a;b\n" + GOOD.encode(), "Line 2 looks like the header"),
    "an open quote": ((HEAD + '1,a,2024-01-01,5,"x,0\n' + ROWS).encode(), "quote opened in line 2 is not closed"),
    "a stray quote": ((HEAD + '1,a,2024-01-01,5,"x"y",0\n' + ROWS).encode(), "quotes in lines 2 to 2 do not pair"),
    "a web page": (b"<!DOCTYPE html><html>login</html>", "is a web page"),
    "JSON": (b'{"rows": [1]}', "is a JSON file"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + b"0" * 100, "Excel"),
    "gzip cut short": (gzip.compress(GOOD.encode() * 999)[:-20], "truncated compressed"),
    "open dates": (re.sub(r"2024-01-0(\d)", r"03/0\1/2024", GOOD).encode(), "day-first and month-first"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_rightly_is_refused(read: Callable[..., Dataset], case: str) -> None:
    content, words = REFUSED[case]
    with pytest.raises(DataError, match=f"(?s){words}"):
        read(content)


def test_rows_that_cannot_be_used_are_dropped_and_counted_with_line_and_content(read: Callable[..., Dataset]) -> None:
    found = read(
        GOOD + "3,c,2024-01-03,n/a,x,0\n4,c,2024-02-30,7,x,0\n5,c,2024-01-03,seven,x,0\n6,,2024-01-03,7,x,0\n"
        "7,c,2024-01-03,7,x\n8,c,2024-01-03,7,x,1,9\n9,c,2024-01-03,7,x,\n"
    )
    ledger = found.provenance.ledger
    assert len(found.main) == 2
    assert ledger.dropped == {
        "amount is missing": 1, "amount cannot be read as a number": 1, "when cannot be read as a time": 1,
        "account is missing": 1, "late is missing": 1, "5 cells instead of 6": 1, "7 cells instead of 6": 1,
    }  # fmt: skip
    assert ledger.where["when cannot be read as a time"] == ["line 5: '2024-02-30'"]
    assert ledger.where["amount cannot be read as a number"] == ["line 6: 'seven'"]
    assert ledger.where["5 cells instead of 6"] == ["line 8"]
    assert ledger.where["7 cells instead of 6"] == ["line 9"]


def test_lines_are_counted_right_after_cells_that_hold_line_ends(read: Callable[..., Dataset]) -> None:
    found = read(HEAD + '1,a,2024-01-01,5,"x\ny",0\n2,b,2024-01-02,bad,z,1\n3,b,2024-01-02,7,z,1\n')
    assert found.main["kind"].tolist() == ["x\ny", "z"]
    assert found.provenance.ledger.where["amount cannot be read as a number"] == ["line 4: 'bad'"]
    assert found.provenance.ledger.warnings == ["x.csv: 1 lines are empty or end inside quotes"]


def test_unreadable_cells_of_other_fields_become_missing_and_are_told(read: Callable[..., Dataset]) -> None:
    rows = "".join(f"{i},a,2024-01-01,5,x,0,{i}.5\n" for i in range(3))
    found = read(HEAD.replace("late\n", "late,rate\n") + rows + "9,a,2024-01-01,5,x,0,high\n")
    assert len(found.main) == 4
    assert np.isnan(found.main["rate"].iloc[3])
    warnings = found.provenance.ledger.warnings
    assert warnings == ["1 cells of rate cannot be read as a number, for example 'high'; they count as missing"]


def test_absurd_amounts_are_told_and_never_clipped(read: Callable[..., Dataset]) -> None:
    found = read(GOOD.replace("5.5", "-5").replace("6.5", "1e12"))
    assert found.main["amount"].tolist() == [-5, 1e12]
    assert found.provenance.ledger.warnings == [
        "1 values of amount are below 0 EUR (down to -5)", "1 values of amount are above 100000 EUR (up to 1e+12)",
    ]  # fmt: skip


def test_a_repeated_row_counts_once_even_if_columns_that_nobody_reads_differ(read: Callable[..., Dataset]) -> None:
    rows = "10:59,1,a,2024-01-01,5,x,0\n11:00,2,a,2024-01-02,5,x,1\n11:05,1,a,2024-01-01,5,x,0\n"
    found = read("arrived," + HEAD + rows)
    assert found.main["id"].tolist() == [1, 2]
    assert found.provenance.ledger.where == {"a repetition of an earlier row": ["line 4"]}


def test_rows_out_of_order_are_put_in_order_and_told(read: Callable[..., Dataset]) -> None:
    found = read(HEAD + "1,a,2024-01-05,5,x,0\n2,a,2024-01-01,6,y,1\n3,b,2024-01-03,6,y,1\n")
    assert found.main["id"].tolist() == [2, 3, 1]
    assert found.provenance.ledger.warnings == ["1 rows came after a later one; all were put in order of when"]
    by_account = read(HEAD + "1,a,2024-01-05,5,x,0\n2,b,2024-01-01,6,y,1\n")
    assert by_account.provenance.ledger.warnings == []


def test_ids_keep_their_zeros_and_their_digits(read: Callable[..., Dataset]) -> None:
    assert read(GOOD.replace("\n1,", "\n007,").replace("\n2,", "\n7,")).main["id"].tolist() == ["007", "7"]
    assert read(GOOD.replace("\n2,", "\n98765432109876543210,")).main["id"].tolist() == ["1", "98765432109876543210"]


def test_na_is_a_category_and_an_empty_cell_is_not(read: Callable[..., Dataset]) -> None:
    kinds = read(GOOD.replace(",x,", ",NA,").replace(",y,", ",,")).main["kind"]
    assert kinds.iloc[0] == "NA"
    assert pd.isna(kinds.iloc[1])


def test_na_among_numbers_of_a_further_column_is_missing(read: Callable[..., Dataset]) -> None:
    head, *rows = GOOD.splitlines()
    lines = (f"{head},age,code", f"{rows[0]},NA,NA", f"{rows[1]},31.5,x")
    found = read("\n".join(lines) + "\n").main
    assert np.isnan(found["age"][0])
    assert found["age"][1] == 31.5
    assert found["code"].tolist() == ["NA", "x"]


def test_columns_are_found_by_alias_and_by_map(read: Callable[..., Dataset]) -> None:
    assert read(GOOD.replace("account", "CARD").replace("when", "Booked At")).provenance.mapping["when"] == "Booked At"
    found = read(GOOD.replace("amount", "AMT"), mapping={"amount": "AMT"})
    assert found.main["amount"].tolist() == [5.5, 6.5]
    with pytest.raises(DataError, match=r"no column 'AMNT'.*Did you mean AMT"):
        read(GOOD.replace("amount", "AMT"), mapping={"amount": "AMNT"})
    with pytest.raises(UsageError, match="no field 'sum'"):
        read(GOOD, mapping={"sum": "amount"})
    with pytest.raises(DataError, match="2 columns could be 'account': card, CARD"):
        read(GOOD.replace("account", "card").replace("kind", "CARD"))


def test_a_target_of_dates_says_what_happened_and_when_it_became_known(read: Callable[..., Dataset]) -> None:
    main = read(HEAD + "1,a,2024-01-01,5,x,\n2,b,2024-01-02,6,y,2024-01-20\n").main
    assert main["late"].tolist() == ["0", "1"]
    assert main["label_known_at"].astype(str).tolist() == ["NaT", "2024-01-20"]


def test_a_word_can_be_stated_as_the_positive_class(read: Callable[..., Dataset]) -> None:
    content = HEAD + "1,a,2024-01-01,5,x,good\n2,b,2024-01-02,6,y,fell\n"
    assert read(content, {"positive": "fell"}).main["late"].tolist() == [0, 1]
    with pytest.raises(DataError, match="never says 'lost'"):
        read(content, {"positive": "lost"})


def test_without_need_of_a_target_none_is_asked_for(read: Callable[..., Dataset]) -> None:
    assert "late" not in read(GOOD.replace("late", "other"), need_target=False).main


def test_the_mark_that_other_columns_prove_decides_in_a_file_of_semicolons(read: Callable[..., Dataset]) -> None:
    head = "id;account;when;amount;kind;late;rate\n"
    found = read(head + "1;a;2024-01-01;1.650;x;0;2,5\n2;b;2024-01-02;2.750;y;1;3,25\n")
    assert found.main["amount"].tolist() == [1650, 2750]
    with pytest.raises(DataError, match="state the mark with --option decimal"):
        read(head + "1;a;2024-01-01;1.650;x;0;2\n2;b;2024-01-02;2.750;y;1;3\n")


def test_a_line_without_end_is_refused_before_it_fills_memory(read: Callable[..., Dataset]) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as out:
        out.write(HEAD.encode())
        for _ in range(64):
            out.write(b"a" * (1 << 20))
    with pytest.raises(DataError, match="line 2 is longer than 4 MiB"):
        read(packed.getvalue(), name="x.csv.gz")


def test_a_workbook_and_a_zip_of_several_files_are_named(read: Callable[..., Dataset]) -> None:
    for names, words in ((["[Content_Types].xml", "xl/a.xml"], "Excel"), (["a.csv", "b.csv"], "holds 2 files")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name in names:
                archive.writestr(name, GOOD)
        with pytest.raises(DataError, match=words):
            read(packed.getvalue(), name="x.zip")


# ------------------------------------------------------------------------------------------------ columnar files


def test_parquet_feather_and_arrow_are_read(read: Callable[..., Dataset]) -> None:
    feather, stream, table = io.BytesIO(), io.BytesIO(), pa.Table.from_pandas(frame())
    pyarrow.feather.write_feather(frame(), feather)
    with pa.ipc.new_stream(stream, table.schema) as out:
        out.write_table(table)
    contents = {"x.parquet": parquet(frame()), "x.feather": feather.getvalue(), "x.arrow": stream.getvalue()}
    for name, content in contents.items():
        assert read(content, name=name).main["amount"].tolist() == [5.5, 6.5]


def test_zoned_parquet_times_become_utc_and_the_zone_is_kept_as_a_note(read: Callable[..., Dataset]) -> None:
    zoned = frame().assign(when=frame()["when"].dt.tz_localize("Europe/Berlin"))
    found = read(parquet(zoned), name="x.parquet")
    assert found.main["when"].iloc[0] == pd.Timestamp("2024-01-01T09:00")
    assert found.provenance.notes["when"] == "zone Europe/Berlin, normalised to UTC"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello,world\n1,2\n", "not a parquet"),
        (parquet(frame())[:-30], "damaged or truncated"),
        (parquet(frame())[:40], "damaged or truncated"),
        (parquet(frame().head(0)), "no rows"),
    ],
)
def test_damaged_parquet_is_refused(read: Callable[..., Dataset], content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(content, name="x.parquet")


def test_whole_numbers_held_as_floats_keep_their_names(read: Callable[..., Dataset]) -> None:
    found = read(parquet(frame().assign(account=[7.0, np.nan])), name="x.parquet")
    assert found.main["account"].tolist() == ["7"]
    assert found.provenance.ledger.where == {"account is missing": ["row 2"]}


# ------------------------------------------------------------------------------------------------------- folders


def test_a_folder_is_one_table_in_order_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(
        "late,kind,amount,when,account,id\n1,z,9,2024-05-05,q,77\n0,z,bad,2024-05-05,q,78\n"
    )
    (tmp_path / ".hidden.csv").write_text("x\n1\n")
    found = read_table(tmp_path, ReadOptions(schema=SCHEMA))
    assert found.main["id"].tolist() == [1, 2, 77]
    assert found.provenance.ledger.where == {"amount cannot be read as a number": ["b.csv line 3: 'bad'"]}
    assert [(Path(one.path).name, one.rows) for one in found.provenance.sources] == [("a.csv", 2), ("b.csv", 2)]


def test_folders_below_name_a_column(tmp_path: Path) -> None:
    for kind in ("x", "y"):
        (tmp_path / f"kind={kind}").mkdir()
        part = frame().assign(id=[f"{kind}1", f"{kind}2"]).drop(columns="kind")
        pq.write_table(pa.Table.from_pandas(part), tmp_path / f"kind={kind}" / "part-0.parquet")
    main = read_table(tmp_path, ReadOptions(schema=SCHEMA)).main
    assert sorted(zip(main["id"], main["kind"], strict=True)) == [("x1", "x"), ("x2", "x"), ("y1", "y"), ("y2", "y")]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": b"hi"}, "holds no table"),
        ({"a.csv": GOOD.encode(), "b.parquet": parquet(frame())}, "mixes text tables"),
        ({"a.csv": GOOD.encode(), "b.csv": b"x,y\n1,2\n"}, "b.csv has other columns than a.csv"),
    ],
)
def test_folders_that_are_not_one_table_are_refused(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_table(tmp_path, ReadOptions(schema=SCHEMA))


# ----------------------------------------------------------------------------------------- frames, streams, sniffs


def test_a_frame_in_memory_is_read_by_the_same_rules() -> None:
    found = dataset_of_frame(frame().astype({"amount": str}), ReadOptions(schema=SCHEMA))
    assert found.main["amount"].tolist() == [5.5, 6.5]
    with pytest.raises(DataError, match="mixes types"):
        dataset_of_frame(frame().assign(kind=[1, "x"]), ReadOptions(schema=SCHEMA))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_stream_gives_the_rows_and_the_ledger_of_the_whole(tmp_path: Path, kind: str) -> None:
    n = 1000
    amount = [f"{i},50" if i % 100 else "bad" for i in range(n)]
    when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), unit="h")
    whole = pd.DataFrame(
        {"id": np.arange(n), "account": "a", "when": when.strftime("%d.%m.%Y %H:%M"), "amount": amount, "late": 0}
    )
    path = tmp_path / f"x.{kind}"
    whole.to_csv(path, index=False, sep=";") if kind == "csv" else whole.to_parquet(path)
    batches = list(stream_table(path, ReadOptions(schema=SCHEMA), rows=300))
    assert [len(one.main) for one in batches] == [297, 297, 297, 99]
    together = pd.concat([one.main for one in batches], ignore_index=True)
    once = read_table(path, ReadOptions(schema=SCHEMA))
    pd.testing.assert_frame_equal(together, once.main, check_categorical=False)
    assert batches[-1].provenance.ledger.dropped == once.provenance.ledger.dropped
    assert batches[-1].provenance.ledger.where == once.provenance.ledger.where


def test_a_stream_stops_at_its_limit_and_refuses_when_no_row_is_of_use(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEAD + "".join(f"{i},a,2024-01-01,5,x,0\n" for i in range(50)))
    batches = stream_table(tmp_path / "x.csv", ReadOptions(schema=SCHEMA, limit=25), rows=10)
    assert [len(one.main) for one in batches] == [10, 10, 5]
    (tmp_path / "x.csv").write_text(HEAD + "1,,2024-01-01,5,x,0\n")
    with pytest.raises(DataError, match="no row can be used"):
        list(stream_table(tmp_path / "x.csv", ReadOptions(schema=SCHEMA)))


def test_a_sniff_never_raises_and_is_surer_of_tables(tmp_path: Path) -> None:
    files = {"a.csv": GOOD.encode(), "b.csv": b"", "c.parquet": b"x", "d.png": b"\x89PNG", "e.csv.gz": b"\x1f\x8bx"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    scores = {one.name: sniff_table(one).score for one in sorted(tmp_path.iterdir())}
    assert scores["a.csv"] > scores["b.csv"] > scores["d.png"] == 0
    assert sniff_table(tmp_path / "absent").score == 0


def test_classes_put_no_before_yes_and_numbers_in_order() -> None:
    assert classes_of(pd.Series(["yes", "no", None, "yes"])).names == ("no", "yes")
    assert classes_of(pd.Series(["yes", "no", None, "yes"])).codes.tolist() == [1, 0, -1, 1]
    assert classes_of(pd.Series([10.0, 2.0])).names == ("2", "10")
    assert classes_of(pd.Series(["fell", "normal"])).names == ("normal", "fell")


@pytest.mark.parametrize(
    ("words", "right"),
    [
        (["ckd", "notckd"], ["notckd", "ckd"]), (["Finding", "No Finding"], ["No Finding", "Finding"]),
        (["died", "lived"], ["lived", "died"]), (["fraud", "non-fraud"], ["non-fraud", "fraud"]),
        (["affected", "unaffected"], ["unaffected", "affected"]), (["10", "9", "-1"], ["-1", "9", "10"]),
        (["B", "M"], ["B", "M"]), (["note", "noise"], ["noise", "note"]), (["T", "F"], ["F", "T"]),
        (["F", "N"], ["N", "F"]), (["ok", "not ok"], ["ok", "not ok"]), (["non-ok", "ok"], ["ok", "non-ok"]),
        (["nonok", "ok"], ["ok", "nonok"]), (["no good", "good"], ["good", "no good"]),
    ],
)  # fmt: skip
def test_class_that_says_no_comes_first(words: list[str], right: list[str]) -> None:
    assert list(classes_of(pd.Series(words)).names) == right


def test_decimal_commas_of_a_further_column_are_read_where_the_file_may_have_them(read: Callable[..., Dataset]) -> None:
    head, *rows = GOOD.replace(",", ";").splitlines()
    text = f"{head};height;dose\n{rows[0]};1,75;1,750\n{rows[1]};1,8;2,500\n"
    found = read(text).main
    assert found["height"].tolist() == [1.75, 1.8]
    assert found["dose"].tolist() == ["1,750", "2,500"]
    assert read(text.replace(",", "<").replace(";", ",").replace("<", ".")).main["height"].tolist() == [1.75, 1.8]
