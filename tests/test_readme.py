"""What the README and the pages of its guide show works: their commands parse and their paths exist."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from bloodcells.cli import parser
from bloodcells.competition import VARIABLE

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "reports" / "guide").glob("*.md")))
GUIDE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
BLOCKS = {"shell": "", "text": ""}
for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE):
    BLOCKS[language or "shell"] += block
COMMANDS = [line.split("#")[0].strip() for line in BLOCKS["shell"].splitlines()]
OF_OTHERS = {"--help", "--no-deps", "--notebooks"}
"""Options that are no verb's own."""
VERBS = [line for line in COMMANDS if line.startswith("bloodcells ")]


@pytest.mark.parametrize("command", VERBS)
def test_command_parses(command: str) -> None:
    assert parser().parse_args(shlex.split(command)[1:]).verb.name == shlex.split(command)[1]


def test_every_verb_is_described_and_no_other() -> None:
    page = (REPOSITORY / "reports" / "guide" / "verbs.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    (verbs,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
    assert sorted(listed) == sorted(verbs)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", GUIDE)) - OF_OTHERS))
def test_option_exists(option: str) -> None:
    (verbs,) = [action.choices for action in parser()._actions if isinstance(action.choices, dict)]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_readme_is_short_and_leads_to_every_page_of_the_guide() -> None:
    readme, *guide = PAGES
    text = readme.read_text(encoding="utf-8")
    assert len(text.split()) <= 1100
    assert [page.name for page in guide if f"](reports/guide/{page.name})" not in text] == []
    first_screen = "\n".join(text.splitlines()[:12])
    assert all(f"\n{command}" in first_screen for command in ("pip install", "make run", "make test"))


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
    named = set(re.findall(r"BLOODCELLS_\w+", GUIDE)) - {VARIABLE}
    named = {name.removeprefix("BLOODCELLS_") for name in named}
    assert named and all(f'"{name}"' in source for name in named)
