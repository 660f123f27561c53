"""The command line as an operator meets it: real processes on an installation of their own."""

import shutil

import pytest
from tests.fixtures.hosts import Host


@pytest.fixture
def host(tmp_path):
    """A host on which nothing was done yet."""
    return Host(tmp_path / "data")


@pytest.fixture
def prepared(host, prepared_once):
    """A host with secrets and a database."""
    shutil.copytree(prepared_once, host.folder)
    return host


@pytest.fixture
def desk(host, desk_once):
    """A host with an approved account that may use one product."""
    shutil.copytree(desk_once, host.folder)
    return host
