"""Which run of the machine this is: what is in memory alone, or on the disk without a flush, belongs to one run."""

from pathlib import Path
from typing import Final

BOOT_ID_PATH: Final = Path("/proc/sys/kernel/random/boot_id")


def read_boot_id(path: Path = BOOT_ID_PATH) -> str:
    """Give the name of this run of the machine, empty where the system does not tell."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


BOOT_ID: Final = read_boot_id()
