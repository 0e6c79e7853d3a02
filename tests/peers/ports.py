"""One repair to Python's client, which matters where many clients run at once.

It looks for a free port, lets go of it, and listens on it later. In between, any other program may
get that port, and the client then dies without a word to its peer, which waits for ever. Here each
process takes a port of its own, below those that the system gives out by itself.
"""
import os
import socket

from wormhole import transit

FIRST, LAST = 10_000, 32_000


def own_port():
    start = FIRST + os.getpid() % (LAST - FIRST)
    for port in [*range(start, LAST), *range(FIRST, start)]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


transit.allocate_tcp_port = own_port
