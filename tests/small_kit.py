"""The command line with a small backbone, for a fork server: it loads this once, which takes longer than most verbs."""

import inspect
import os
import shutil
import sys
from pathlib import Path

import keras
import small_efficientnet
import tensorflow as tf

from bloodcells import cli, walk
from bloodcells.ablation import experiment
from bloodcells.codabench import packager
from bloodcells.data.sources import bloodmnist
from bloodcells.pages import ablation_page, run_page
from bloodcells.training import callbacks

__all__ = ["ablation_page", "experiment", "run_page", "walk"]  # loaded for the processes to come


def code_with_small_backbone(code: Path) -> Path:
    """A copy of what travels in a zip, for `packager`, whose EfficientNetB3 is the small one."""
    shutil.copytree(packager._NETWORK, code)
    builder, small = (code / "network.py").read_text(), inspect.getsource(small_efficientnet)
    swapped = "import keras\n\nkeras.applications.EfficientNetB3 = small_efficientnet\n"
    (code / "network.py").write_text(f"{small}\n{swapped}{builder}")
    return code


def run_verb(folder: Path, arguments: list[str], server: str, md5: str) -> None:
    """What ``bloodcells ARGUMENTS`` does in ``folder``, in a process of its own; what it prints goes to ``log.txt``."""
    os.chdir(folder)
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tf.config.run_functions_eagerly(True)  # of the few steps here, tracing would be the longest part
    keras.applications.EfficientNetB3 = small_efficientnet.small_efficientnet
    packager._NETWORK = code_with_small_backbone(Path(os.path.realpath(f"code-{os.getpid()}")) / "network")
    bloodmnist.fetch_bloodmnist.__defaults__ = (server,)
    bloodmnist.MD5 = md5
    callbacks.REST = 0
    code = cli.main(arguments)
    sys.stdout.flush()
    os._exit(code)
