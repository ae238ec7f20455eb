"""Ports on 127.0.0.1 for the servers of tests."""
import random
import socket

FIRST, FIRST_OF_CLIENTS = 18000, 32768  # Lower ones are for the kit and the demos.
reserved = []


def free_port():
    """Free at that moment, given to no other test as long as this process lives, and none of those that the kernel gives to clients."""
    for _ in range(1000):
        port = random.randrange(FIRST, FIRST_OF_CLIENTS)
        # By a name that tests/system/sandbox.cc knows as well, which the kernel gives back when this process ends.
        name = socket.socket(socket.AF_UNIX)
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
            name.bind(f"\0edge-sync-test-port-{port}")
        except OSError:
            name.close()
            continue
        reserved.append(name)
        return port
    raise RuntimeError("There is no free port")
