"""Python's `wormhole`, with the repair of ports.py."""
import ports  # noqa: F401

from wormhole.cli.cli import wormhole

wormhole(prog_name="wormhole")
