"""What is said of an address that cannot be opened."""

import socket

import pytest
from tests.fixtures.desk import free_ports

from keydesk.config import Config
from keydesk.server.addresses import addresses_of, claimed, open_fault, taken
from keydesk.server.faults import OperatorFault


def config_on(port, verifier_port, metrics_port):
    return Config(port=port, verifier_port=verifier_port, metrics_port=metrics_port)


def test_free_ports_are_no_fault():
    assert taken(addresses_of(config_on(*free_ports(3)))) == []


def test_every_taken_port_is_told_at_once():
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        ports = [one.getsockname()[1], two.getsockname()[1], *free_ports(1)]
        faults = taken(addresses_of(config_on(*ports)))
    assert [fault.split("KEYDESK_")[1].split()[0] for fault in faults] == ["PORT", "VERIFIER_PORT"]


def test_two_parts_on_one_port_are_told():
    port, other = free_ports(2)
    faults = taken(addresses_of(config_on(port, port, other)))
    assert len(faults) == 2
    assert all(f"share port {port}" in fault for fault in faults)


def test_an_address_of_another_machine_is_a_sentence():
    dashboard = addresses_of(config_on(8000, 8001, 8002))[0]._replace(host="192.0.2.1")
    assert open_fault(dashboard) == (
        "The dashboard cannot listen on port 8000 on 192.0.2.1: Cannot assign requested address."
    )


def test_addresses_that_a_start_has_claimed_are_taken_for_every_other_until_it_ends():
    port, *others = free_ports(3)
    addresses, theirs = addresses_of(config_on(port, *others)), config_on(port, *free_ports(2))
    with claimed(addresses):
        assert taken(addresses) == []
        with pytest.raises(OperatorFault) as fault, claimed(addresses_of(theirs)):
            pass
    assert str(fault.value) == (
        f"For the dashboard, port {port} on 127.0.0.1 is taken, perhaps by another Keydesk: stop what listens there, "
        "or set KEYDESK_PORT to another port."
    )
    with claimed(addresses_of(theirs)):
        pass
