"""Imported first of all by conftest.py: from then on only this machine can be reached, also while importing."""

import os
import socket
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before any Hugging Face library is imported
for name in ("SAE_LAB", "SAE_BUDGET", "SAE_ARTIFACTS"):
    os.environ.pop(name, None)

# Nor do the exercises that tests solve count as solved by whoever runs them.
os.environ["SAE_PROGRESS"] = str(Path(tempfile.mkdtemp()) / "progress.json")

LOCAL = ("127.0.0.1", "::1", "localhost")
REFUSED: list[object] = []  # what was looked up or connected to outside this machine
_connect, _look_up = socket.socket.connect, socket.getaddrinfo


def connect_locally(self: socket.socket, address: object) -> None:
    """Connect to this machine only."""
    if isinstance(address, tuple) and address[0] not in LOCAL:
        REFUSED.append(address)
        raise AssertionError(f"a test tried to connect to {address}")
    return _connect(self, address)


def look_up_locally(host: object, *arguments: object, **options: object) -> list:
    """Resolve names of this machine only."""
    if host not in (None, *LOCAL):
        REFUSED.append(host)
        raise AssertionError(f"a test tried to look up {host}")
    return _look_up(host, *arguments, **options)


socket.socket.connect, socket.getaddrinfo = connect_locally, look_up_locally
