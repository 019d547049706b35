"""TensorFlow without the dozen lines that its libraries write to standard error while they are loaded.

They come from C++, before TensorFlow has read ``TF_CPP_MIN_LOG_LEVEL`` or Python could filter anything: only the file
descriptor can be turned aside. ``import bloodcells`` prepares it, whoever imports TensorFlow afterwards.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_ERRORS_ALONE = "3"


def quieten_tensorflow() -> None:
    """Let the first import of TensorFlow be silent, and its later lines be errors alone.

    What was written while it failed to load is shown. Nothing changes where ``TF_CPP_MIN_LOG_LEVEL`` asks for more.
    """
    asked = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", _ERRORS_ALONE)
    if asked == _ERRORS_ALONE and "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _SilentTensorFlow())


class _SilentTensorFlow(MetaPathFinder):
    def find_spec(self, fullname: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        spec = PathFinder.find_spec(fullname, None, target)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_in_silence(module: ModuleType) -> None:
            logging.getLogger("tensorflow").setLevel(logging.ERROR)  # such as that a function is traced again
            with standard_error_aside():
                execute(module)
                module.config.list_physical_devices()  # the first look at GPUs is as talkative

        spec.loader.exec_module = execute_in_silence  # type: ignore[method-assign]
        return spec


@contextmanager
def standard_error_aside() -> Iterator[None]:
    """Keep back what the process writes to file descriptor 2 inside the block; show it if the block fails."""
    try:
        kept = os.dup(2)
    except OSError:  # it is closed: nobody reads it
        yield
        return
    with tempfile.TemporaryFile() as aside:
        _flush()
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            with suppress(OSError):
                os.write(kept, aside.read())
            raise
        finally:
            _flush()
            os.dup2(kept, 2)
            os.close(kept)


def _flush() -> None:
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
