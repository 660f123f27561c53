"""`djangorestframework-api-key` by itself: its permission, asked with a request, over the table in SQLite.

Arguments: the file of keys; the database at $PEER_DATABASE has been filled. Prints the microseconds of a check.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from django_app import HasAPIKey
from timing import fresh, microseconds_of


def main(keys_file):
    has_permission = HasAPIKey().has_permission

    def check(key):
        if not has_permission(SimpleNamespace(META={"HTTP_X_API_KEY": key}), None):
            sys.exit("A good key was refused.")

    keys = keys_file.read_text().split()
    sys.stdout.write(f"{microseconds_of(check, keys, fresh):.3f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
