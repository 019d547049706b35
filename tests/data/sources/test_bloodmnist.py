import hashlib
import io
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from competitions import BLOOD

from bloodcells.data.sources import bloodmnist
from bloodcells.data.sources.bloodmnist import NAME, fetch_bloodmnist, load_bloodmnist
from bloodcells.errors import KitError


def published(size: int = 28, count: int = 24) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    labels = (np.arange(count) % 8).astype(np.uint8)[:, None]
    held_out = {
        "val_images": images[:3],
        "val_labels": labels[:3],
        "test_images": images[:5],
        "test_labels": labels[:5],
    }
    return {"train_images": images, "train_labels": labels, **held_out}


class Zenodo(ThreadingHTTPServer):
    """A server that answers its requests by the recipes in ``answers``, the last one for ever."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        stream = io.BytesIO()
        np.savez(stream, **published())
        self.content = stream.getvalue()
        self.answers = ["whole"]
        self.requests: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/files/"


class Answer(BaseHTTPRequestHandler):
    server: Zenodo

    def do_GET(self) -> None:
        recipe = self.server.answers[min(len(self.server.requests), len(self.server.answers) - 1)]
        self.server.requests.append(self.path)
        content = self.server.content
        if recipe == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        if recipe != "short without a length":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if recipe == "corrupted":
            content = content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
        self.wfile.write(content[: len(content) // 2] if recipe.startswith(("broken off", "short")) else content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def zenodo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zenodo]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(bloodmnist, "RETRIES", 0)
    with Zenodo() as server:
        monkeypatch.setattr(bloodmnist, "MD5", hashlib.md5(server.content).hexdigest())
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_good_download_is_kept_and_not_repeated(zenodo: Zenodo, tmp_path: Path) -> None:
    path = fetch_bloodmnist(tmp_path / "a cache", zenodo.address)
    assert path == tmp_path / "a cache" / NAME
    assert path.read_bytes() == zenodo.content
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]
    assert fetch_bloodmnist(tmp_path / "a cache", zenodo.address) == path
    assert zenodo.requests == ["/files/bloodmnist_128.npz?download=1"]


def test_what_a_killed_download_left_is_removed(zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / ".part-abcdefghdownload").mkdir()
    (tmp_path / ".part-abcdefghdownload" / "tmp12345678").write_bytes(b"half a file")
    fetch_bloodmnist(tmp_path, zenodo.address)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_damaged_file_in_the_cache_is_downloaded_again(zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"half a file")
    assert fetch_bloodmnist(tmp_path, zenodo.address).read_bytes() == zenodo.content


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("corrupted", "wrong checksum"),
        ("short without a length", "wrong checksum"),
        ("broken off", "truncated"),
        ("missing", "404"),
    ],
)
def test_a_bad_download_is_refused_and_leaves_nothing(zenodo: Zenodo, tmp_path: Path, recipe: str, reason: str) -> None:
    zenodo.answers = [recipe]
    with pytest.raises(KitError, match=rf"^cannot download bloodmnist_128\.npz: [^\n]*{reason}[^\n]*$"):
        fetch_bloodmnist(tmp_path, zenodo.address)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_download_leaves_the_previous_file(zenodo: Zenodo, tmp_path: Path) -> None:
    zenodo.answers = ["broken off"]
    previous = tmp_path / NAME
    previous.write_bytes(b"an older edition")
    with pytest.raises(KitError, match="truncated"):
        fetch_bloodmnist(tmp_path, zenodo.address)
    assert previous.read_bytes() == b"an older edition"


def test_an_interrupted_download_is_tried_again(
    zenodo: Zenodo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bloodmnist, "RETRIES", 1)
    zenodo.answers = ["broken off", "whole"]
    assert fetch_bloodmnist(tmp_path, zenodo.address).read_bytes() == zenodo.content
    assert len(zenodo.requests) == 2
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_no_network_is_one_line_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(bloodmnist, "RETRIES", 0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(KitError) as caught:
            fetch_bloodmnist(tmp_path, address)
    assert str(caught.value) == (
        "cannot download bloodmnist_128.npz: no connection to the server. Try again, or put bloodmnist_128.npz into "
        f"{tmp_path} yourself from {address}/bloodmnist_128.npz?download=1."
    )


@pytest.mark.parametrize("size", [28, 128])
def test_the_training_split_alone_is_loaded_at_the_size_of_the_competition(tmp_path: Path, size: int) -> None:
    arrays = published(size)
    path = tmp_path / "bloodmnist.npz"
    np.savez_compressed(path, **arrays)
    cells = load_bloodmnist(path, BLOOD)
    assert cells.images.shape == (24, 96, 96, 3)
    assert cells.images.dtype == np.uint8
    np.testing.assert_array_equal(cells.labels, np.arange(24) % 8)


def test_reducing_averages_instead_of_skipping_pixels(tmp_path: Path) -> None:
    arrays = published(224)
    arrays["train_images"] = np.zeros_like(arrays["train_images"])
    arrays["train_images"][:, ::2] = 200
    np.savez_compressed(tmp_path / "stripes.npz", **arrays)
    stripes = load_bloodmnist(tmp_path / "stripes.npz", BLOOD).images
    assert np.abs(stripes[:, 4:-4, 4:-4].astype(int) - 100).max() < 25


def test_another_archive_is_refused_by_its_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(KitError, match="expected the keys train_images, train_labels, got images"):
        load_bloodmnist(tmp_path / "other.npz", BLOOD)
