"""Where the pages' own files lie: at an address that changes with any of them, so that browsers may keep them."""

from collections.abc import Iterable
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Final

DIGEST_BYTES: Final = 8


def static_url(packages: Iterable[str]) -> str:
    """Give the address below which the packages' static files lie: it holds a digest of their names and contents.

    The files keep their own names, so that the scripts find each other as they lie in the tree.
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    for folder in map(static_folder, packages):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
                digest.update(len(part).to_bytes(8))
                digest.update(part)
    return f"/static/{digest.hexdigest()}/"


def static_folder(package: str) -> Path:
    """Give the folder of a package's static files; raises ModuleNotFoundError if there is no such package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent / "static"
