"""What the documentation says is what the code does."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if "node_modules" not in page.parts
)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("name", sorted(GENERATOR.PAGES))
def test_a_generated_page_is_what_the_code_gives_today(name):
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == GENERATOR.PAGES[name](), "run `make reference`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_decision_is_in_the_list_of_decisions_under_its_title():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"- \[(.+)\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text())
    assert listed == [
        (path.read_text().partition("\n")[0].removeprefix("# "), path.name)
        for path in sorted(folder.glob("[0-9]*.md"))
    ]


@pytest.mark.parametrize("contract", ["Dependencies point down", "Domains point down"])
def test_the_architecture_page_lists_rooms_and_domains_from_the_top_down(contract):
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [each["layers"] for each in settings["contracts"] if each["name"] == contract]
    place = {name: rank for rank, layer in enumerate(layers) for name in layer.split(" | ")}
    ends = "(?:/|[.]py)" if contract == "Dependencies point down" else ""
    listed = re.findall(rf"^\| `(\w+){ends}` \|", page, re.MULTILINE)
    places = [place[name] for name in listed if name in place]
    assert (places, len(places)) == (sorted(places), len(place))


def test_every_package_is_on_the_architecture_page():
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()
    source = ROOT / "src" / "keydesk"
    rooms = {path.parent.name + "/" for path in source.glob("*/__init__.py")}
    domains = {path.parent.name for path in source.glob("control/*/__init__.py")} - {"migrations"}
    named = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    assert (rooms | domains) - named == set()
