"""What is compiled is compiled from what is in the tree: the style sheet and the messages; and templates keep house."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import polib
import pytest
from lucide.templatetags.lucide import lucide

from keydesk.web.templatetags import icons

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "keydesk"
LOCALE = SOURCE / "web" / "locale" / "id" / "LC_MESSAGES"
TEMPLATES = sorted(
    path
    for room in ("web", "dashboard", "console")
    for path in (SOURCE / room / "templates").rglob("*.html")
)
ELEMENTS = SOURCE / "web" / "templates" / "cotton"
ICON = re.compile(r'(?:<c-icon name|(?<!:)\bicon)="([^"{]+)"')
GETTEXT = ("_", "gettext", "gettext_lazy", "ngettext")
IN_TEMPLATES = re.compile(r"""{%\s*trans\s+(?:"([^"]*)"|'([^']*)')""")


def test_the_style_sheet_is_compiled_from_these_sources():
    done = subprocess.run(
        [sys.executable, ROOT / "styles" / "compile.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_icon_that_a_page_names_exists():
    named = {name for path in TEMPLATES for name in ICON.findall(path.read_text())}
    for name in named:
        icons.drawn(name, "16")  # raises KeyError
    assert len(named) > 20


def test_an_icon_is_drawn_as_the_package_draws_it():
    drawn = lucide("send", size=20, aria_hidden="true", focusable="false")
    assert icons.drawn("send", "20") == drawn.strip()


def test_every_message_is_translated_and_none_is_a_guess():
    messages = polib.pofile(str(LOCALE / "django.po"))
    open_ones = [
        entry.msgid
        for entry in messages
        if entry.fuzzy or not (entry.msgstr or entry.msgstr_plural.get(0))
    ]
    assert (len(messages) > 100, open_ones) == (True, [])


def test_the_compiled_messages_are_the_written_ones():
    def texts(messages):
        return {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in messages}

    written, compiled = (LOCALE / "django.po", LOCALE / "django.mo")
    assert texts(polib.mofile(str(compiled))) == texts(polib.pofile(str(written)))


def test_every_text_of_the_pages_is_among_the_messages():
    known = {entry.msgid for entry in polib.pofile(str(LOCALE / "django.po"))}
    used = {
        first or second
        for path in TEMPLATES
        for first, second in IN_TEMPLATES.findall(path.read_text())
    }
    for room in ("web", "dashboard", "console"):
        for path in (SOURCE / room).rglob("*.py"):
            used |= set(texts_in(path.read_text()))
    assert sorted(used - known) == []


def texts_in(source):
    """Give each text that code translates, also within an f-string, where xgettext sees none."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(name), args=[ast.Constant(text), *_]) if name in GETTEXT:
                yield text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_nothing_inline_and_controls_only_in_elements(path):
    text = path.read_text()
    inline = re.findall(r"""\sstyle=|\son[a-z]+=|javascript:|<style|<script(?![^>]*\ssrc=)""", text)
    controls = (
        []
        if path.is_relative_to(ELEMENTS)
        else re.findall(r"<(?:button|input|select|dialog)\b", text)
    )
    assert (inline, controls) == ([], [])
