"""BloodMNIST (MedMNIST v2, Yang et al. 2023, doi:10.1038/s41597-022-01721-8; CC BY 4.0), by download.

It holds the same PBC images as the competition's file, centre-cropped to 200 pixels. Its labels are in the
competition's order, so they need no mapping: 0 basophil, 1 eosinophil, 2 erythroblast, 3 immature granulocyte,
4 lymphocyte, 5 monocyte, 6 neutrophil, 7 platelet. The class counts of its training split are exactly those of the
competition's file without junk (852, 2181, 1085, 2026, 849, 993, 2330, 1643), so only that split is read; the
validation and test splits stay held out.
"""

import sys
from pathlib import Path

import pooch
import requests

from bloodcells.competition import Competition
from bloodcells.data.cells import CellSet
from bloodcells.data.sources.archive import load_archive
from bloodcells.errors import KitError
from bloodcells.files import replacing, scratch_folder

ZENODO = "https://zenodo.org/records/10519652/files/"
NAME = "bloodmnist_128.npz"
"""The published file with images of 128 pixels: of its sizes, the next above the competition's 96."""

MD5 = "adace1e0ed228fccda1f39692059dd4c"

RETRIES = 2
"""How often a failed download is tried again."""

_TIMEOUT = 30.0  # seconds without a byte


def fetch_bloodmnist(folder: Path, base_url: str = ZENODO) -> Path:
    """Download BloodMNIST into ``folder``, once: a file with the right checksum is kept.

    The file appears under its name only when it is complete and its MD5 fits. It has about 0.5 GB.

    Raises:
        KitError: no network, a server's refusal, a truncated file or a wrong checksum.
    """
    path = folder / NAME
    if path.is_file() and pooch.file_hash(path, "md5") == MD5:
        return path
    url = f"{base_url.rstrip('/')}/{NAME}?download=1"
    download = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 20, timeout=_TIMEOUT)
    with scratch_folder(folder / "download") as scratch:
        # A retry starts from the first byte: Zenodo's answer to a range request is not to be relied on.
        store = pooch.create(
            scratch, base_url, registry={NAME: f"md5:{MD5}"}, urls={NAME: url}, retry_if_failed=RETRIES
        )
        try:
            fetched = Path(store.fetch(NAME, downloader=download))
        except (ValueError, OSError) as error:  # pooch tells a wrong checksum by a ValueError
            raise KitError(_why(error, url, folder)) from error
        with replacing(path) as beside:
            fetched.replace(beside)
    return path


def _why(error: Exception, url: str, folder: Path) -> str:
    by_hand = f"Try again, or put {NAME} into {folder} yourself from {url}."
    if isinstance(error, requests.HTTPError):
        return f"cannot download {NAME}: expected the file, got {error}. {by_hand}"
    if "IncompleteRead" in str(error):
        return f"cannot download {NAME}: the connection broke off and the file is truncated. {by_hand}"
    if isinstance(error, requests.RequestException):
        return f"cannot download {NAME}: no connection to the server. {by_hand}"
    if isinstance(error, OSError):
        return f"cannot write {NAME} into {folder}: {error.strerror}. Choose another folder."
    return f"cannot download {NAME}: what came has a wrong checksum (corrupted or truncated). {by_hand}"


def load_bloodmnist(path: Path, competition: Competition) -> CellSet:
    """The training split of a BloodMNIST file, each image resized with antialiasing to the competition's size.

    Raises:
        KitError: the file is damaged or is not BloodMNIST.
    """
    return load_archive(path, competition, ("train_images", "train_labels"), resize=True)
