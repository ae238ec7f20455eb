"""What tests/with-mosquitto and tests/with-nats have in common: a command beside a server of its own, which is removed afterwards."""
import argparse
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import ports


def find(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not found:
        print(f"{name} is not installed (scripts/install-deps)", file=sys.stderr)
        sys.exit(77)
    return found


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    os.setpgrp()


def start(binary, folder, lines):
    port = ports.free_port()
    configuration = folder / "server.conf"
    configuration.write_text("\n".join(lines).replace("{port}", str(port)) + "\n")
    log = open(folder / "log", "wb")
    server = subprocess.Popen([binary, "-c", configuration], stdout=log, stderr=log, preexec_fn=end_with_parent)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, port
        except OSError:
            time.sleep(0.02)
    server.kill()
    sys.exit(f"{binary} does not start:\n" + (folder / "log").read_text())


def end(process, patience):
    """In order, if it does not take longer than `patience` seconds; a test may have left it stopped."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(command, environment):
    """The command's status; with SIGTERM the command is told first, so that it finds its server while it ends."""
    child = subprocess.Popen(command, env=environment, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM))
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            end(child, 30)


def main(program, protocol, lines):
    """`lines`: of its configuration, with {port} for the port on 127.0.0.1. `protocol`: what the nodes speak with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(usage=f"{pathlib.Path(sys.argv[0]).name} [--setting LINE].. COMMAND [ARGUMENT..]")
    parser.add_argument("--setting", action="append", default=[])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    binary = find(program)
    with tempfile.TemporaryDirectory(prefix=f"edgesync-{program}-") as name:
        server, port = start(binary, pathlib.Path(name), lines + options.setting)
        try:
            places = {"EDGESYNC_TEST_BROKER": str(port), "EDGESYNC_TEST_BROKER_PID": str(server.pid), "EDGESYNC_TEST_PROTOCOL": protocol}
            status = run(options.command, {**os.environ, **places})
        finally:
            end(server, 30)
    sys.exit(status if status >= 0 else 128 - status)
