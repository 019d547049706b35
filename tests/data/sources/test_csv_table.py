from pathlib import Path

import pytest
from data.sources.test_folder import pictures

from bloodcells.data.sources.csv_table import list_table, tables_in
from bloodcells.errors import KitError


def table(folder: Path, text: str, *names: str, file: str = "labels.csv") -> Path:
    pictures(folder, *(names or ("a.jpg", "b.jpg")))
    path = folder / file
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "file,label\na.jpg,cat\nb.jpg,dog\n",
        "label;file\ncat;a.jpg\ndog;b.jpg\n",
        "\ufeffid\tspecies\r\na\tcat\r\nb\tdog\r\n",
        "number,name,class,age\n1,a.jpg,cat,3\n2,b.jpg,dog,4\n",
        "image,cat,dog\na,1,0\nb,0.0,1.0\n",
        'path,y\n"../input/train/a.jpg","cat"\nC:\\pictures\\b.jpg,dog\n',
        "a.jpg,cat\nb.jpg,dog\n",
    ],
)
def test_the_columns_are_recognised_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    found = list_table(table(tmp_path, text))
    assert found.names == ("a.jpg", "b.jpg") and found.labels == ("cat", "dog")
    assert capsys.readouterr().err.startswith("labels.csv: files from column ")


def test_columns_that_are_named_are_taken(tmp_path: Path) -> None:
    path = table(tmp_path, "file,colour,kind\na.jpg,red,cat\nb.jpg,blue,dog\n")
    assert list_table(path, ("file", "kind")).labels == ("cat", "dog")
    with pytest.raises(KitError, match=r"expected the column sort, got file, colour, kind\. Correct --keys"):
        list_table(path, ("file", "sort"))


def test_labels_that_cannot_be_told_from_other_columns_are_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "file,colour,kind\na.jpg,red,cat\nb.jpg,blue,dog\n")
    with pytest.raises(KitError, match=r"got colour, kind\. Name the two with --keys file,LABEL\."):
        list_table(path)
    assert list_table(path, labelled=False).labels is None


def test_a_picture_is_found_in_a_folder_below_by_path_name_or_stem(tmp_path: Path) -> None:
    path = table(tmp_path, "id,label\nx/1.png,cat\n2.png,dog\n3,cat\n", "x/1.png", "y/1.png", "x/2.png", "y/3.png")
    assert list_table(path).names == ("x/1.png", "x/2.png", "y/3.png")


def test_a_picture_that_is_not_there_keeps_its_row_and_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    found = list_table(table(tmp_path, "file,label\na.jpg,cat\nb.jpg,cat\n/etc/../../outside.jpg,dog\n"))
    assert found.names[2] == "/etc/../../outside.jpg"
    assert found.files[2] == tmp_path / "outside.jpg"


def test_pictures_that_the_table_leaves_out_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_table(table(tmp_path, "file,label\na.jpg,cat\n"))
    assert "labels.csv: pictures beside it that it does not name are left out: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folders", "file"), [("train test", "train.csv"), ("test_images/x train_images/x", "Train_labels.csv")]
)
def test_of_two_pictures_of_one_name_that_below_the_folder_called_like_the_table_is_meant(
    tmp_path: Path, folders: str, file: str
) -> None:
    names = [f"{folder}/{number}.jpg" for folder in folders.split() for number in (1, 2)]
    found = list_table(table(tmp_path, "id,label\n1,cat\n2,dog\n", *names, file=file))
    assert found.names == tuple(name for name in names if name.startswith("train"))


def test_of_a_count_of_the_rows_and_a_path_the_path_names_the_pictures(tmp_path: Path) -> None:
    path = table(tmp_path, "index,path,label\n0,x/1.jpg,cat\n1,x/0.jpg,dog\n", "x/0.jpg", "x/1.jpg")
    assert list_table(path).names == ("x/1.jpg", "x/0.jpg")


def test_whole_numbers_lose_the_fraction_that_pandas_gives_them(tmp_path: Path) -> None:
    assert list_table(table(tmp_path, "file,label\na.jpg,6.0\nb.jpg,10\n")).labels == ("6", "10")
    assert list_table(table(tmp_path, "file,label\na.jpg,6.0\nb.jpg,6.5\n")).labels == ("6.0", "6.5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a header and a row for each picture, got 0 rows"),
        ("file,label\n", "got 1 rows"),
        ("file,label\na.jpg,cat\nb.jpg\n", "expected 2 columns in each row, got 1 in row 3"),
        ("file,label\nx.jpg,cat\ny.jpg,dog\n", "expected a column with names of pictures below"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(KitError, match=said) as refused:
        list_table(table(tmp_path, text))
    assert "\n" not in str(refused.value)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "")
    path.write_bytes("file,label\na.jpg,Blüte\n".encode("latin-1"))
    with pytest.raises(KitError, match="expected a table in UTF-8"):
        list_table(path)


def test_only_tables_that_name_pictures_count(tmp_path: Path) -> None:
    table(tmp_path, "file,label\na.jpg,cat\nb.jpg,dog\n")
    (tmp_path / "prices.csv").write_text("year,price\n2020,3\n")
    assert [path.name for path in tables_in(tmp_path)] == ["labels.csv"]
