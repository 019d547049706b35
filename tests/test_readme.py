"""What the README shows works: its commands parse and its paths exist."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from bloodcells.cli import _parser
from bloodcells.competition import VARIABLE

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = {"shell": "", "text": ""}
for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
    BLOCKS[language or "shell"] += block
COMMANDS = [line.split("#")[0].strip() for line in BLOCKS["shell"].splitlines()]
OF_OTHERS = {"--help", "--no-deps", "--notebooks"}
"""Options that are no verb's own."""
VERBS = [line for line in COMMANDS if line.startswith("bloodcells ")]


@pytest.mark.parametrize("command", VERBS)
def test_command_parses(command: str) -> None:
    assert callable(_parser().parse_args(shlex.split(command)[1:]).verb)


def test_every_verb_is_described_and_no_other() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    (verbs,) = [action.choices for action in _parser()._actions if isinstance(action.choices, dict)]
    assert sorted(listed) == sorted(verbs)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) - OF_OTHERS))
def test_option_exists(option: str) -> None:
    (verbs,) = [action.choices for action in _parser()._actions if isinstance(action.choices, dict)]
    assert any(option in verb._option_string_actions for verb in verbs.values())


def test_every_other_command_exists() -> None:
    others = [line for line in COMMANDS if line and line not in VERBS and not line.startswith(("source ", "export "))]
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for words in map(str.split, others):
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words
        elif words[0] == "pip":
            assert words == ["pip", "install", "."]
        else:
            assert words[:2] == ["python", "-m"], words
            assert importlib.util.find_spec(words[2]), words


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https:)([^)]+)\)", README))))
def test_linked_file_exists(target: str) -> None:
    assert (REPOSITORY / target).exists()


def test_the_tree_shows_what_is_there() -> None:
    tree = BLOCKS["text"].splitlines()
    shown = [line.split("  ")[0] for line in tree if not line.startswith(" ")]
    inside = [line.split()[0] for line in tree if line.startswith(" ")]
    for path in (*shown, *(f"src/bloodcells/{name}" for name in inside)):
        assert (REPOSITORY / path).exists(), path
    package = REPOSITORY / "src" / "bloodcells"
    rooms = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    modules = {path.name for path in package.glob("[!_]*.py")}
    assert rooms | modules <= set(inside)


def test_variables_are_read() -> None:
    source = (REPOSITORY / "src" / "bloodcells" / "notebook.py").read_text(encoding="utf-8")
    named = set(re.findall(r"BLOODCELLS_\w+", README)) - {VARIABLE}
    named = {name.removeprefix("BLOODCELLS_") for name in named}
    assert named and all(f'"{name}"' in source for name in named)
