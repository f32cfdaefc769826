"""A client of Berth in one file: BERTH/1 over ZeroMQ, for scripts (Client) and for asyncio (AsyncClient).

Needs pyzmq (Debian: python3-zmq). The protocol is docs/protocol.md; this file is all that is needed of Berth.

    import berth

    with berth.Client() as host:                                  # the host of this machine
        for plugin in host.request("plugin.list")["plugins"]:
            print(plugin["name"], plugin["state"])

        asked = [host.submit("provider.show", {"name": name}) for name in names]    # all at once, on one connection
        for answer in asked:
            print(answer.result())

        for event in host.events(topics=["lease."]):              # from now on; loses nothing
            print(event["topic"])

    with berth.Client("tcp://host.example:7400", key_file="alice.key") as host: ...

    async with berth.AsyncClient() as host:
        await host.request("lease.create", {...}, key="one-for-each-lease", deadline=60)

Errors are BerthError with the class of the error as `code`. When the connection breaks, what was asked with a key is asked again,
because the host does it once; what was asked without one raises `unreachable`, because nobody knows whether it was done.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any, AsyncIterator, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Type

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

__all__ = ["AsyncClient", "BerthError", "Client", "Pending"]

JSONObject = Dict[str, Any]
Progress = Callable[[JSONObject], None]

# Seconds that a request waits for its answer unless told otherwise, and for a connection.
DEADLINE = 30.0
CONNECT = 3.0
# The host answers `deadline` by itself; ours is for a host that does not answer any more.
GRACE = 0.5


class BerthError(Exception):
    """What the host answered, or why it could not be asked.

    `code` is a class of errors of docs/protocol.md: invalid, unauthenticated, denied, not-found, conflict, exhausted,
    unsupported, retry, deadline, cancelled, unreachable, broken or busy.
    """

    def __init__(self, code: str, body: JSONObject) -> None:
        self.code = code
        self.body = body
        self.message: str = body.get("message") or code
        self.hint: Optional[str] = body.get("hint")
        self.native: Optional[str] = body.get("native")
        self.field: Optional[str] = body.get("field")
        super().__init__(": ".join(word for word in (self.message, self.native, self.hint) if word))

    @property
    def may_ask_again(self) -> bool:
        """Whether the same request, with the same key, may well be done later."""
        return self.code in ("retry", "busy", "deadline", "unreachable")


def default_endpoint() -> str:
    """The host that `berth` would talk to: BERTH_HOST, else the socket in the run directory."""
    host = os.environ.get("BERTH_HOST")
    if host:
        return host
    run = os.environ.get("BERTH_RUN")
    if not run:
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        run = f"{runtime}/berth" if runtime else "/run/berth"
    return f"ipc://{run}/bus"


class _Asked:
    """A request under way."""

    def __init__(self, header: str, body: bytes, verb: str, has_key: bool, until: float, progress: Optional[Progress]) -> None:
        self.header = header
        self.body = body
        self.verb = verb
        self.has_key = has_key
        self.until = until
        self.progress = progress
        self.answer: Optional[Tuple[str, JSONObject]] = None

    def value(self) -> JSONObject:
        assert self.answer is not None
        status, body = self.answer
        if status == "ok":
            return body
        raise BerthError(status, body)


class _Exchange:
    """What is under way, by its id. No input or output: both clients share it."""

    def __init__(self) -> None:
        self.number = 0
        self.asked: Dict[str, _Asked] = {}

    def begin(
        self, verb: str, body: Optional[JSONObject], deadline: Optional[float], key: Optional[str], act_as: Optional[str],
        traceparent: Optional[str], progress: Optional[Progress],
    ) -> Tuple[str, _Asked]:
        self.number += 1
        name = str(self.number)
        seconds = DEADLINE if deadline is None else deadline
        words = ["BERTH/1", verb, name, f"deadline={max(1, int(seconds * 1000))}"]
        for option, value in (("key", key), ("as", act_as), ("traceparent", traceparent)):
            if value is not None:
                words.append(f"{option}={value}")
        if progress is not None:
            words.append("progress=yes")
        for word in words:
            if not word.isascii() or not word.isprintable() or " " in word:
                raise BerthError("invalid", {"message": f"{word!r} cannot stand in a header line"})
        payload = b"" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        asked = _Asked(" ".join(words), payload, verb, key is not None, time.monotonic() + seconds + GRACE, progress)
        self.asked[name] = asked
        return name, asked

    def take(self, frames: List[bytes]) -> Optional[_Asked]:
        """Reads a reply; the request that it ends, if it ends one."""
        if len(frames) != 2:
            return None
        words = frames[0].decode("ascii", "replace").split(" ")
        if len(words) != 3 or words[0] != "BERTH/1" or words[2] not in self.asked:
            return None
        body = json.loads(frames[1]) if frames[1] else {}
        asked = self.asked[words[2]]
        if words[1] == "progress":
            if asked.progress is not None:
                asked.progress(body)
            return None
        del self.asked[words[2]]
        asked.answer = (words[1], body)
        return asked

    def fail(self, name: str, code: str, message: str) -> Optional[_Asked]:
        asked = self.asked.pop(name, None)
        if asked is not None:
            asked.answer = (code, {"message": message})
        return asked

    def broken(self) -> Tuple[List[_Asked], List[_Asked]]:
        """The connection is gone: who has to be told, and what is to be asked again."""
        lost = [name for name, asked in self.asked.items() if not asked.has_key]
        told = [self.fail(name, "unreachable", "the connection broke; nobody knows whether it was done") for name in lost]
        return [asked for asked in told if asked is not None], list(self.asked.values())


def _dealer(context: Any, endpoint: str, key_file: Optional[str]) -> Any:
    """A DEALER that leads to the host, with the keys that `berth keys new` wrote."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    # Requests wait here until there is a connection, and are not lost with one that breaks.
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
    key_file = key_file or os.environ.get("BERTH_KEY_FILE") or None
    if endpoint.startswith("tcp://"):
        if key_file is None:
            raise BerthError("invalid", {"message": f"{endpoint} needs a key", "hint": "berth keys new NAME on the host makes one"})
        with open(key_file, encoding="utf-8") as file:
            keys = json.load(file)
        socket.curve_serverkey = keys["host"].encode()
        socket.curve_publickey = keys["public"].encode()
        socket.curve_secretkey = keys["secret"].encode()
        socket.setsockopt(zmq.HEARTBEAT_IVL, 15_000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 30_000)
    return socket


class Pending:
    """A request under way; its answer comes with `result`."""

    def __init__(self, client: "Client", name: str, asked: _Asked) -> None:
        self._client = client
        self._name = name
        self._asked = asked

    @property
    def done(self) -> bool:
        return self._asked.answer is not None

    def result(self) -> JSONObject:
        """The body of the answer, or BerthError. Takes in the answers of other requests meanwhile."""
        self._client._wait(self._name, self._asked)
        return self._asked.value()

    def cancel(self) -> None:
        """Asks the host to take it back; `result` then raises `cancelled`, or answers if it was too late."""
        if not self.done:
            self._client.submit("host.cancel", {"id": self._name})


class Client:
    """A connection to a host, for one thread. Many requests may be under way on it."""

    def __init__(self, endpoint: Optional[str] = None, key_file: Optional[str] = None) -> None:
        self.endpoint = endpoint or default_endpoint()
        self._context = zmq.Context()
        self._exchange = _Exchange()
        self._socket = None
        self._monitor = None
        try:
            self._socket = _dealer(self._context, self.endpoint, key_file)
            self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self._socket.connect(self.endpoint)
        except BaseException:
            self.close()
            raise
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: object) -> None:
        self.close()

    def close(self) -> None:
        if self._monitor is not None:
            self._socket.disable_monitor()
            self._monitor = None
        if self._socket is not None:
            self._socket.close(0)
            self._socket = None
        self._context.destroy(0)

    def request(
        self, verb: str, body: Optional[JSONObject] = None, *, deadline: Optional[float] = None, key: Optional[str] = None,
        act_as: Optional[str] = None, traceparent: Optional[str] = None, progress: Optional[Progress] = None,
    ) -> JSONObject:
        """Asks and waits for the answer; `deadline` in seconds."""
        asked = self.submit(
            verb, body, deadline=deadline, key=key, act_as=act_as, traceparent=traceparent, progress=progress)
        return asked.result()

    def submit(
        self, verb: str, body: Optional[JSONObject] = None, *, deadline: Optional[float] = None, key: Optional[str] = None,
        act_as: Optional[str] = None, traceparent: Optional[str] = None, progress: Optional[Progress] = None,
    ) -> Pending:
        """Asks, and answers at once with something to wait for."""
        name, asked = self._exchange.begin(verb, body, deadline, key, act_as, traceparent, progress)
        self._send(name, asked, min(asked.until, time.monotonic() + CONNECT))
        return Pending(self, name, asked)

    def events(self, after: int = -1, topics: Iterable[str] = ()) -> Iterator[JSONObject]:
        """Every event after number `after` (-1: from now on), for ever. Nothing is missed, also over a restart of the host; where
        the host no longer keeps what was asked for, BerthError `not-found` names the oldest in `body["oldest"]`."""
        question: JSONObject = {"after": after, "topics": list(topics), "wait_ms": 0 if after < 0 else 20_000, "limit": 1000}
        while True:
            try:
                page = self.request("events.since", question, deadline=40)
            except BerthError as error:
                if not error.may_ask_again or question["after"] < 0:
                    raise
                time.sleep(0.5)
                continue
            yield from page["events"]
            question.update(after=page["next"], wait_ms=20_000)

    def _send(self, name: str, asked: _Asked, until: float) -> None:
        while not self._socket.poll(max(0, int((until - time.monotonic()) * 1000)), zmq.POLLOUT):
            if time.monotonic() >= until:
                self._exchange.fail(name, "unreachable", f"{self.endpoint} does not answer; is the host running? berth serve")
                return
        self._socket.send_multipart([asked.header.encode(), asked.body])

    def _take(self) -> None:
        while True:
            try:
                frames = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._exchange.take(frames)

    def _wait(self, name: str, asked: _Asked) -> None:
        while asked.answer is None:
            left = asked.until - time.monotonic()
            if left <= 0:
                self._exchange.fail(name, "deadline", f"{asked.verb} was not answered in time")
                return
            ready = dict(self._poller.poll(int(left * 1000) + 1))
            if self._socket in ready:
                self._take()
            if self._monitor in ready:
                self._monitor.recv_multipart()
                self._take()
                for again in self._exchange.broken()[1]:
                    self._send(again.header.split(" ")[2], again, again.until)


class AsyncClient:
    """A connection to a host for asyncio. Use it in one loop: `async with AsyncClient() as host`."""

    def __init__(self, endpoint: Optional[str] = None, key_file: Optional[str] = None) -> None:
        self.endpoint = endpoint or default_endpoint()
        self._key_file = key_file
        self._exchange = _Exchange()
        self._done: Dict[int, "asyncio.Future[None]"] = {}
        self._context: Any = None
        self._socket: Any = None
        self._monitor: Any = None
        self._tasks: List["asyncio.Task[None]"] = []

    async def __aenter__(self) -> "AsyncClient":
        self._context = zmq.asyncio.Context()
        try:
            self._socket = _dealer(self._context, self.endpoint, self._key_file)
            self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
            self._socket.connect(self.endpoint)
        except BaseException:
            self._context.destroy(0)
            raise
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._watch())]
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: object) -> None:
        await self.close()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in list(self._exchange.asked):
            self._finish(self._exchange.fail(name, "cancelled", "the client was closed"))
        self._socket.disable_monitor()
        self._context.destroy(0)

    async def request(
        self, verb: str, body: Optional[JSONObject] = None, *, deadline: Optional[float] = None, key: Optional[str] = None,
        act_as: Optional[str] = None, traceparent: Optional[str] = None, progress: Optional[Progress] = None,
    ) -> JSONObject:
        """Asks and waits for the answer; `deadline` in seconds. A cancelled task takes its request back."""
        name, asked = self._exchange.begin(verb, body, deadline, key, act_as, traceparent, progress)
        done = asyncio.get_running_loop().create_future()
        self._done[id(asked)] = done
        try:
            await self._send(name, asked, min(asked.until, time.monotonic() + CONNECT))
            try:
                await asyncio.wait_for(done, max(0.0, asked.until - time.monotonic()))
            except asyncio.TimeoutError:
                self._exchange.fail(name, "deadline", f"{verb} was not answered in time")
            return asked.value()
        except asyncio.CancelledError:
            if self._exchange.asked.pop(name, None) is not None:
                self._take_back(name)
            raise
        finally:
            self._done.pop(id(asked), None)

    async def events(self, after: int = -1, topics: Iterable[str] = ()) -> AsyncIterator[JSONObject]:
        """As Client.events."""
        question: JSONObject = {"after": after, "topics": list(topics), "wait_ms": 0 if after < 0 else 20_000, "limit": 1000}
        while True:
            try:
                page = await self.request("events.since", question, deadline=40)
            except BerthError as error:
                if not error.may_ask_again or question["after"] < 0:
                    raise
                await asyncio.sleep(0.5)
                continue
            for event in page["events"]:
                yield event
            question.update(after=page["next"], wait_ms=20_000)

    def _finish(self, asked: Optional[_Asked]) -> None:
        done = self._done.get(id(asked)) if asked is not None else None
        if done is not None and not done.done():
            done.set_result(None)

    def _take_back(self, name: str) -> None:
        number = self._exchange.number = self._exchange.number + 1
        body = json.dumps({"id": name}).encode()
        self._socket.send_multipart([f"BERTH/1 host.cancel {number}".encode(), body], zmq.NOBLOCK)

    async def _send(self, name: str, asked: _Asked, until: float) -> None:
        left = max(0, int((until - time.monotonic()) * 1000))
        if await self._socket.poll(left, zmq.POLLOUT):
            await self._socket.send_multipart([asked.header.encode(), asked.body])
        else:
            self._finish(self._exchange.fail(name, "unreachable", f"{self.endpoint} does not answer; is the host running? berth serve"))

    async def _read(self) -> None:
        while True:
            self._finish(self._exchange.take(await self._socket.recv_multipart()))

    async def _watch(self) -> None:
        while True:
            parse_monitor_message(await self._monitor.recv_multipart())
            told, again = self._exchange.broken()
            for asked in told:
                self._finish(asked)
            for asked in again:
                await self._send(asked.header.split(" ")[2], asked, asked.until)
