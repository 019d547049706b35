"""What can be read off a submission without running it: remarks, none of which decides anything.

    python3 inspection.py OUTPUT PROGRAM SUBMISSION

OUTPUT gets ``remarks.json``, a list of lines. Beside this file lie ``competition.json`` and ``modelfiles.py``.
"""

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import modelfiles

BROUGHT_BY_TENSORFLOW = """
absl astunparse certifi charset_normalizer clang flatbuffers gast google grpc h5py idna keras markdown markdown_it
markupsafe mdurl ml_dtypes namex numpy opt_einsum optree packaging pasta pip pkg_resources pygments requests rich
setuptools six tensorboard tensorflow termcolor typing_extensions urllib3 werkzeug wheel wrapt
"""
"""What can be imported where nothing but TensorFlow 2.17 was installed."""
LONGEST = 900
"""Characters of a remark."""


def main() -> None:
    """Look, write the remarks."""
    output, program, submission = (Path(argument) for argument in sys.argv[1:4])
    versions = json.loads((program / "competition.json").read_text("utf-8"))["worker_versions"]
    remarks = import_remarks(submission, versions) + modelfiles.model_file_remarks(submission, versions["keras"])
    (output / "remarks.json").write_text(json.dumps([remark[:LONGEST] for remark in remarks]), "utf-8")


def import_remarks(submission: Path, versions: dict[str, str]) -> list[str]:
    """A remark if the code needs packages that the competition's machine is not known to have."""
    own = {path.stem for path in submission.rglob("*.py")} | {path.name for path in submission.rglob("*")}
    known = {*sys.stdlib_module_names, *BROUGHT_BY_TENSORFLOW.split(), *versions, *own}
    foreign = {name for path in submission.rglob("*.py") for name in needed_packages(path)} - known
    if not foreign:
        return []
    machine = ", ".join(f"{name} {version}" for name, version in versions.items())
    return [
        f"imports {', '.join(sorted(foreign))}: as far as is known, the competition's machine has {machine} and what "
        "these bring, and no more. Do without, or try it with --worker"
    ]


def needed_packages(path: Path) -> Iterator[str]:
    """The packages that a file imports, but for those whose absence it would notice."""
    try:
        tree = ast.parse(path.read_bytes())
    except Exception:  # the run says what is wrong with it
        return
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Try):
            pending += [*node.handlers, *node.orelse, *node.finalbody]
        else:
            pending += ast.iter_child_nodes(node)


if __name__ == "__main__":
    main()
