import gzip

import numpy as np
import pandas as pd
import pytest

from skgeh.command_line._files import read, separator_of
from skgeh.command_line._problem import Problem

FRAME = pd.DataFrame({"name": ["Zoé", "Müller, J."], "x": [1.5, np.nan], "n": [3, 4]})


def written(tmp_path, name="data.csv", encoding="utf-8", **options):
    path = tmp_path / name
    FRAME.to_csv(path, index=False, encoding=encoding, **options)
    return str(path)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.tsv", "data"])
def test_any_separator_and_compression(tmp_path, separator, name):
    path = written(tmp_path, name, sep=separator)
    pd.testing.assert_frame_equal(read(path).frame, FRAME)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_any_usual_encoding_and_unusual_ones_are_said(tmp_path, encoding):
    found = read(written(tmp_path, encoding=encoding))
    pd.testing.assert_frame_equal(found.frame, FRAME)
    assert bool(found.notes) is (encoding in ("utf-16", "latin-1"))


def test_a_gzipped_file_by_its_content(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))
    pd.testing.assert_frame_equal(read(str(path)).frame, FRAME)


def test_separators_inside_quotes_do_not_count():
    assert separator_of(['name;"a,b,c";x', '"1,2,3,4";2;3']) == ";"
    assert separator_of(["a,b", '"x;y;z",2', "u,3"]) == ","


def test_names_lose_their_spaces_and_unnamed_columns_get_one(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(", a ,b\n0, 1,2\n1, 3,4\n")
    found = read(str(path)).frame
    assert found.columns.tolist() == ["column 1", "a", "b"]
    assert found.a.tolist() == [1, 3]


def test_row_names_of_r_are_no_column(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b\nr1,1,2\nr2,3,4\n")
    found = read(str(path))
    assert found.frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]}
    assert "no name" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "is empty"),
        ("  \n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b,a\n1,2,3\n", "several columns are called 'a'"),
        ("a,b\n1,2\n3,4,5,6\n7,8\n", "line 3"),
        ('a,b\n1,"2\n3,4\n', "cannot be read"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, word):
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(Problem, match=word):
        read(str(path))


def test_a_header_of_numbers_is_said(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("1,2\n3,4\n5,6\n")
    assert "first line" in read(str(path)).notes[0]


def test_files_that_are_not_there_and_what_may_be_meant(tmp_path):
    path = written(tmp_path)
    with pytest.raises(Problem, match=r"did you mean .*data\.csv"):
        read(path.replace(".csv", ".txt"))
    with pytest.raises(Problem, match="check its name"):
        read(str(tmp_path / "nothing.csv"))
    with pytest.raises(Problem, match="is a folder"):
        read(str(tmp_path))
    sheet = tmp_path / "data.xlsx"
    sheet.write_bytes(b"PK")
    with pytest.raises(Problem, match="save it as CSV"):
        read(str(sheet))


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet is read by pyarrow")
    path = str(tmp_path / "data.parquet")
    FRAME.to_parquet(path)
    found = read(path)
    assert found.how == "Parquet"
    pd.testing.assert_frame_equal(found.frame, FRAME, check_dtype=False)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(Problem, match="no Parquet file"):
        read(str(tmp_path / "broken.parquet"))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    def missing(path):
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", missing)
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    with pytest.raises(Problem, match="pip install pyarrow"):
        read(str(tmp_path / "data.parquet"))


def test_codes_with_zeros_in_front_are_words(tmp_path):
    path = tmp_path / "codes.csv"
    path.write_text("zip,x\n" + "02139,1\n10001,2\n" * 5)
    frame = read(str(path)).frame
    assert frame["zip"].tolist() == ["02139", "10001"] * 5 and frame["x"].tolist() == [1, 2] * 5
