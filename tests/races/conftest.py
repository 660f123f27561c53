import msgspec
import pytest
from tests.races.crew import Crew

from keydesk.control.access.actor import HOST_OPERATOR
from keydesk.control.policies.actions import change_policies
from keydesk.control.stepup import grants


@pytest.fixture(scope="session")
def crew(django_db_setup, tmp_path_factory):
    """Four processes that do things at the same moment, in up to sixteen threads each."""
    crew = Crew(tmp_path_factory.mktemp("crew") / "evaluations")
    yield crew
    crew.stop()


@pytest.fixture
def another_crew(django_db_setup, tmp_path):
    """Start processes with a flaw."""
    crews = []

    def start(flaw, *, processes=4):
        crews.append(Crew(tmp_path / "evaluations", flaw=flaw, processes=processes))
        return crews[-1]

    yield start
    for crew in crews:
        crew.stop()


@pytest.fixture
def call():
    """Give a call as a crew takes it: the job, who does it (None is the host), and with what."""

    def call(job, actor, **named):
        return [job, None if actor is None else msgspec.to_builtins(actor), named]

    return call


@pytest.fixture
def give_grant(db):
    """Give a grant without the PIN that it takes elsewhere."""

    def give_grant(actor, action, object_id):
        return grants.give(actor, action=action, object_id=object_id)

    return give_grant


@pytest.fixture
def room_for_keys(transactional_db):
    """Let a product have as many keys as the rounds of a race make."""
    change_policies(HOST_OPERATOR, changes={"keys_a_product": 10_000})
