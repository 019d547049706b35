import json

import pytest

from bloodcells.errors import KitError
from bloodcells.files import claim, expanded, read_json, replacing, scratch_folder, sha256_of, write_csv, write_json


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
