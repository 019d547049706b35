import getpass
import json
import socket

from bloodcells.environment import describe_environment


def test_says_what_a_result_was_measured_with():
    environment = describe_environment()
    assert environment["packages"]["keras"].count(".") == 2
    assert environment["cores"] >= 1
    assert environment["accelerators"] == []


def test_names_no_machine_and_no_user():
    text = json.dumps(describe_environment())
    assert socket.gethostname() not in text
    assert getpass.getuser() not in text.split('"')
