"""A peer that misbehaves on purpose, made of the Python client's library.

scripted.py URL send NAME SIZE SENT    offers the file NAME of SIZE bytes, sends the first SENT of
                                       them, hangs up if that is not all; prints the code first
scripted.py URL stall NAME SIZE SENT   likewise, but does not hang up, and sends the rest when a line
                                       is typed
scripted.py URL folder MANY            offers a folder of MANY small files, made up on the way, and
                                       sends it; prints the code first
scripted.py URL members NAMES          offers a folder `d` with a file of five bytes by each of these
                                       names, a link where the name ends in @, and sends it
scripted.py URL receive CODE WHAT      takes an offered file; WHAT is `wrong-hash` (acknowledges a
                                       hash that is not the file's) or `vanish` (hangs up after the
                                       first record)
scripted.py URL count HOW [CODE]       counts the errors that it is told, until a line is typed; HOW is
                                       `wait` (hears an offer and does not answer), `take` (connects
                                       too), `offer` (offers a file and hears no answer) or `send`
                                       (connects too); prints the code of an offer first, and `ready`

NAME is JSON text, so that it can hold any character. The last line printed says how it went.
"""

import ports  # noqa: F401

import hashlib
import json
import sys
import tempfile
import zipfile

import wormhole
from twisted.internet import defer, reactor, threads
from twisted.internet.error import ConnectionClosed
from wormhole.errors import WormholeClosed
from wormhole.transit import TransitReceiver, TransitSender

APPID = "lothar.com/wormhole/text-or-file-xfer"
RECORD = 65536


def say(text):
    print(text, flush=True)


def tell(w, message):
    w.send_message(json.dumps(message).encode())


async def hear(w, wanted):
    while True:
        message = json.loads(await w.get_message())
        if "error" in message:
            say("refused: " + json.dumps(message["error"]))
            return None
        if wanted in message:
            return message[wanted]


async def announce(w, transit):
    tell(w, {"transit": {
        "abilities-v1": transit.get_connection_abilities(),
        "hints-v1": await transit.get_connection_hints(),
    }})


async def learn(w, transit):
    theirs = await hear(w, "transit")
    if theirs is None:
        return False
    transit.add_connection_hints(theirs.get("hints-v1", []))
    transit.set_transit_key(w.derive_key(APPID + "/transit-key", transit.TRANSIT_KEY_LENGTH))
    return True


async def send(w, name, size, sent, stall=False):
    w.allocate_code()
    say("code " + await w.get_code())
    transit = TransitSender(None)
    # In this order: the Python receiver cannot take an offer before the hints.
    await announce(w, transit)
    tell(w, {"offer": {"file": {"filename": json.loads(name), "filesize": size}}})
    if not await learn(w, transit):
        return
    if await hear(w, "answer") is None:
        return
    pipe = await transit.connect()
    content = b"x" * sent
    for start in range(0, sent, RECORD):
        pipe.send_record(content[start:start + RECORD])
    if stall:
        say("stalled")
        if not await threads.deferToThread(sys.stdin.readline):
            await defer.Deferred()
        pipe.send_record(b"x" * (size - sent))
        try:
            await pipe.receive_record()
        except ConnectionClosed:
            say("gone")
        return
    if sent == size:
        ack = json.loads(await pipe.receive_record())
        right = ack.get("sha256", hashlib.sha256(content).hexdigest())
        say("acknowledged" if right == hashlib.sha256(content).hexdigest() else "wrong hash")
    else:
        say("gone")
    pipe.close()


def made_up(many):
    """An archive of so many files in folders of a thousand, in a temporary file."""
    archive = tempfile.TemporaryFile()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as z:
        for n in range(many):
            z.writestr("folder %d/some file of a usual name %d.txt" % (n // 1000, n), b"small")
    return archive


def named(names):
    archive = tempfile.TemporaryFile()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as z:
        for name in names:
            info = zipfile.ZipInfo(name.rstrip("@"))
            info.external_attr = (0o120777 if name.endswith("@") else 0o104755) << 16
            z.writestr(info, b"small")
    return archive


async def folder(w, name, archive, many):
    size = archive.tell()
    archive.seek(0)
    w.allocate_code()
    say("code " + await w.get_code())
    transit = TransitSender(None)
    await announce(w, transit)
    tell(w, {"offer": {"directory": {
        "mode": "zipfile/deflated", "dirname": name, "zipsize": size,
        "numbytes": 5 * many, "numfiles": many}}})
    if not await learn(w, transit):
        return
    if await hear(w, "answer") is None:
        return
    pipe = await transit.connect()
    hash = hashlib.sha256()
    while piece := archive.read(RECORD):
        hash.update(piece)
        pipe.send_record(piece)
    try:
        ack = json.loads(await pipe.receive_record())
        say("acknowledged" if ack.get("sha256") == hash.hexdigest() else "wrong hash")
    except ConnectionClosed:
        say("not acknowledged")
    pipe.close()


async def receive(w, code, what):
    w.set_code(code)
    transit = TransitReceiver(None)
    await announce(w, transit)
    if not await learn(w, transit):
        return
    offer = await hear(w, "offer")
    if offer is None:
        return
    tell(w, {"answer": {"file_ack": "ok"}})
    pipe = await transit.connect()
    left = offer["file"]["filesize"]
    while left > 0:
        left -= len(await pipe.receive_record())
        if what == "vanish":
            say("gone")
            pipe.close()
            return
    pipe.send_record(json.dumps({"ack": "ok", "sha256": "00" * 32}).encode())
    say("lied")
    pipe.close()


async def errors(w):
    say("ready")
    typed = threads.deferToThread(sys.stdin.readline)
    typed.addCallback(lambda _: w.close())
    typed.addErrback(lambda _: None)
    told = 0
    while True:
        try:
            message = json.loads(await w.get_message())
        except WormholeClosed:
            return say("told %d" % told)
        told += "error" in message


async def count(w, how, code=None):
    takes = how in ("wait", "take")
    if takes:
        w.set_code(code)
    else:
        w.allocate_code()
        say("code " + await w.get_code())
    transit = (TransitReceiver if takes else TransitSender)(None)
    await announce(w, transit)
    if not takes:
        tell(w, {"offer": {"file": {"filename": "f", "filesize": 5}}})
    await learn(w, transit)
    if takes:
        await hear(w, "offer")
    if how == "take":
        tell(w, {"answer": {"file_ack": "ok"}})
    if how == "send":
        await hear(w, "answer")
    if how in ("take", "send"):
        await transit.connect()
    await errors(w)


async def main(url, task, *args):
    w = wormhole.create(APPID, url, reactor)
    try:
        if task in ("send", "stall"):
            await send(w, args[0], int(args[1]), int(args[2]), task == "stall")
        elif task == "folder":
            await folder(w, "many", made_up(int(args[0])), int(args[0]))
        elif task == "members":
            names = json.loads(args[0])
            await folder(w, "d", named(names), len(names))
        elif task == "count":
            await count(w, *args)
        else:
            await receive(w, *args)
    finally:
        try:
            await w.close()
        except Exception as error:
            say("closed with " + type(error).__name__)


def start():
    done = defer.ensureDeferred(main(*sys.argv[1:]))
    done.addErrback(lambda failure: say("failed with " + failure.type.__name__))
    done.addBoth(lambda _: reactor.stop())


reactor.callWhenRunning(start)
reactor.run()
