"""Compile the one style sheet of the pages (needs Node), or check that the one in the tree is fresh (needs nothing).

The compiled file carries the SHA-256 of what it was made from: this folder's style, the locked packages and the class
names in the templates. Text in a template may change without compiling anew; a class name may not.

    python styles/compile.py           compile
    python styles/compile.py --check   say whether the file in the tree is fresh; ends with 1 if it is stale
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "styles" / "keydesk.css"
LOCK = ROOT / "package-lock.json"
TEMPLATES = [ROOT / "src/keydesk" / room / "templates" for room in ("web", "dashboard", "console")]
COMPILED = ROOT / "src/keydesk/web/static/keydesk/keydesk.css"

CLASS = re.compile(r'\bclass="([^"]*)"', re.DOTALL)
TAG = re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL)


def class_names() -> list[str]:
    """Give every class name that a template writes, sorted."""
    names: set[str] = set()
    for folder in TEMPLATES:
        for path in folder.rglob("*.html"):
            for match in CLASS.finditer(path.read_text()):
                names.update(TAG.sub(" ", match[1]).split())
    return sorted(names)


def fingerprint() -> str:
    """Give the SHA-256 of all that the compiled file depends on."""
    digest = hashlib.sha256()
    for part in (SOURCE.read_text(), LOCK.read_text(), " ".join(class_names())):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def is_fresh() -> bool:
    """Say whether the compiled file was made from what is in the tree now."""
    return COMPILED.is_file() and f"sources sha256:{fingerprint()}" in COMPILED.read_text()[:400]


def main() -> int:
    """Compile or check; gives the exit code."""
    if "--check" in sys.argv:
        if is_fresh():
            return 0
        print(f"{COMPILED.relative_to(ROOT)} is stale: run `make css` and commit it.")
        return 1
    command = ["npx", "--no-install", "@tailwindcss/cli", "-i", SOURCE, "-o", COMPILED, "--minify"]
    subprocess.run(command, cwd=ROOT, check=True)
    text = COMPILED.read_text()
    COMPILED.write_text(f"/*! Compiled by make css; sources sha256:{fingerprint()} */\n{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
