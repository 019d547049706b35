import json
import zipfile

import pytest

from bloodcells.errors import KitError
from bloodcells.files import (
    claim,
    expanded,
    read_json,
    read_toml,
    refuse_bomb,
    replacing,
    scratch_folder,
    sha256_of,
    write_csv,
    write_json,
)


def test_a_failed_write_leaves_the_previous_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"kept": True})
    with pytest.raises(RuntimeError), replacing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert json.loads(path.read_text()) == {"kept": True}
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_in_one_line_and_the_previous_file_stays(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, 1)
    with (
        pytest.raises(KitError, match=r"cannot write .*result\.json: No space left.*previous file is intact"),
        replacing(path),
    ):
        raise OSError(28, "No space left on device")
    assert read_json(path) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KitError, match=r"cannot write .*--out"):
        write_json(tmp_path / "file" / "result.json", 1)


def test_what_a_killed_process_left_beside_a_file_is_removed_when_it_is_written_again(tmp_path):
    stale, foreign = tmp_path / ".part-abcdefgh[1].json", tmp_path / ".part-abcdefghz[1].json"
    for path in (stale, foreign):
        path.write_text("half")
    write_json(tmp_path / "[1].json", 1)
    assert sorted(tmp_path.iterdir()) == [foreign, tmp_path / "[1].json"]


def test_a_scratch_folder_is_removed_in_the_end_or_by_the_next_one(tmp_path):
    (tmp_path / ".part-abcdefghtask" / "deep").mkdir(parents=True)
    with scratch_folder(tmp_path / "task") as folder:
        (folder / "labels").touch()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_kit_has_made_is_claimed(tmp_path):
    claim(tmp_path, ("report", "page.html"))
    (tmp_path / "report").mkdir()
    claim(tmp_path, ("report", "page.html"))
    (tmp_path / "mine").touch()
    with pytest.raises(KitError, match=r"holds mine, which this step would replace: .* Choose another folder"):
        claim(tmp_path, ("report", "mine"))
    claim(tmp_path, ("other",))
    claim(tmp_path, ("report", "other"))


def test_nan_is_never_written_as_json(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", float("nan"))
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(("content", "message"), [(None, "file not found"), ("{", "not complete JSON")])
def test_json_that_cannot_be_read_is_told(tmp_path, content, message):
    path = tmp_path / "with space.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(KitError, match=message):
        read_json(path)


def test_csv_has_unix_newlines_on_every_system(tmp_path):
    write_csv(tmp_path / "a.csv", ("id", "label"), [{"id": 0, "label": 3}])
    assert (tmp_path / "a.csv").read_bytes() == b"id,label\n0,3\n"


def test_sha256_of_a_known_file(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_a_home_that_nobody_has_is_a_name_like_any_other(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert str(expanded("~/a.npz")) == "/home/somebody/a.npz"
    assert str(expanded("~nobody-is-called-so/a.npz")) == "~nobody-is-called-so/a.npz"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a = ", "expected TOML, got Invalid value"),
        (b"a = \xff", "expected TOML, got 'utf-8' codec can't decode"),
        (b"a = " + b"[" * 9_000, "expected TOML, got "),
        (b"a = 2024-13-99", "expected TOML, got "),
        (b"a = " + b"9" * 5_000, "expected TOML, got "),
        (b"a." * 10_000, "expected at most 10,000 bytes, got 20,000. Shorten it."),
    ],
)
def test_what_is_no_toml_is_refused_in_a_line(tmp_path, content, line):
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(KitError) as caught:
        read_toml(path)
    assert str(caught.value).startswith(f"{path}: {line}")
    with pytest.raises(KitError, match=r"expected TOML, got .*No such file"):
        read_toml(tmp_path / "absent.toml")


def test_a_zip_that_would_fill_the_disk_is_refused_by_what_it_declares():
    member = zipfile.ZipInfo("a")
    member.compress_size, member.file_size = 1_000, 50_000_000
    refuse_bomb("x.zip", [member])
    with pytest.raises(KitError, match=r"^x.zip would unpack to 100,000,000 bytes from 2,000: expected at most 50,"):
        refuse_bomb("x.zip", [member, member])
    with pytest.raises(KitError, match=r"expected at most 4,000\. Write it again"):
        refuse_bomb("x.zip", [member], 4_000)
