"""Frameworks in this process, which leave it as they found it."""

import logging

import pytest


@pytest.fixture(autouse=True)
def logging_stays():
    """Undo what a framework does to the log of the whole process: Litestar sets its level and adds handlers."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
