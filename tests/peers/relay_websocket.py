"""Clients of a relay by websocket, made of the library that the Python relay stands on.

relay_websocket.py URL HOST:PORT    talks to a relay at both; prints what each client hears, a line
                                    for each event, and is done with each case before the next
"""

import sys

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import defer, endpoints, protocol, reactor


def request(token, side=None):
    line = "please relay " + token * 64
    return (line + (" for side " + side * 16 if side else "") + "\n").encode()


def shown(data):
    return repr(data) if len(data) < 100 else "%d bytes" % len(data)


class Web(WebSocketClientProtocol):
    def onOpen(self):
        self.heard = b""
        self.ended = defer.Deferred()
        self.factory.opened.callback(self)

    def onMessage(self, payload, isBinary):
        assert isBinary
        self.heard += payload
        self.factory.on_heard(self)

    def onClose(self, wasClean, code, reason):
        self.ended.callback("closed with %s" % code)

    def say(self, data):
        self.sendMessage(data, isBinary=True)

    def bye(self):
        self.sendClose(1000)


class Plain(protocol.Protocol):
    def connectionMade(self):
        self.heard = b""
        self.ended = defer.Deferred()
        self.factory.opened.callback(self)

    def dataReceived(self, data):
        self.heard += data
        self.factory.on_heard(self)

    def connectionLost(self, reason):
        self.ended.callback("ended")

    def say(self, data):
        self.transport.write(data)

    def bye(self):
        self.transport.loseConnection()


def prepare(factory):
    factory.opened = defer.Deferred()
    factory.waiting = None
    factory.on_heard = lambda client: None
    return factory


@defer.inlineCallbacks
def call(form):
    host, port = sys.argv[2].rsplit(":", 1)
    if form == "web":
        factory = prepare(WebSocketClientFactory(sys.argv[1]))
        factory.protocol = Web
        port = factory.port
    else:
        factory = prepare(protocol.Factory.forProtocol(Plain))
    yield endpoints.TCP4ClientEndpoint(reactor, host, int(port)).connect(factory)
    client = yield factory.opened
    return client


@defer.inlineCallbacks
def hears(client, length):
    done = defer.Deferred()

    def look(_):
        if len(client.heard) >= length and not done.called:
            done.callback(None)

    client.factory.on_heard = look
    look(client)
    yield done
    heard, client.heard = client.heard[:length], client.heard[length:]
    return heard


@defer.inlineCallbacks
def end(client):
    how = yield client.ended
    return shown(client.heard) + ", " + how


@defer.inlineCallbacks
def talk(first_form, second_form):
    first = yield call(first_form)
    first.say(request("t"))
    second = yield call(second_form)
    second.say(request("t"))
    for client in (second, first):
        heard = yield hears(client, 3)
        print(first_form, second_form, "heard", heard)
    sent = bytes(range(256)) * 1200
    for one, other in ((first, second), (second, first)):
        one.say(sent)
        heard = yield hears(other, len(sent))
        print("carried", shown(heard), heard == sent)
    second.bye()
    how = yield end(first)
    print("then", how)
    yield second.ended


@defer.inlineCallbacks
def alone(*words):
    client = yield call("web")
    for word in words:
        client.say(word)
    how = yield end(client)
    print(words[0][:20], "heard", how)


@defer.inlineCallbacks
def lonely():
    client = yield call("web")
    client.say(request("l", "a"))
    client.bye()
    how = yield end(client)
    print("lonely heard", how)


@defer.inlineCallbacks
def silent():
    client = yield call("web")
    client.bye()
    how = yield end(client)
    print("silent heard", how)


@defer.inlineCallbacks
def spares():
    # Which of two like these is taken is not told: here the spare is the one that is closed.
    clients = []
    for _ in range(2):
        client = yield call("web")
        client.say(request("s", "a"))
        clients.append(client)
    peer = yield call("plain")
    peer.say(request("s", "b"))
    yield hears(peer, 3)
    ended = yield defer.DeferredList([c.ended for c in clients], fireOnOneCallback=True)
    print("spare", ended[0])
    peer.bye()
    yield defer.DeferredList([c.ended for c in clients])
    print("heard", sorted(client.heard for client in clients))


@defer.inlineCallbacks
def main():
    for first in ("web", "plain"):
        yield talk(first, "web")
    yield talk("web", "plain")
    yield alone(b"please relay nobody\n")
    yield alone(request("t", "a")[1:])
    yield alone(request("t", "a"), b"too early")
    yield lonely()
    yield silent()
    yield spares()
    print("done")


def run():
    d = main()
    d.addErrback(lambda failure: print(failure.getTraceback()))
    d.addBoth(lambda _: reactor.stop())


reactor.callWhenRunning(run)
reactor.run()
