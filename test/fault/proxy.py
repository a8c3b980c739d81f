"""Stands between the service and Redis, on unix sockets or TCP ports: delays, cuts or truncates connections, keeps bytes back, leads to
another server: all connections, or those of one role."""
import asyncio
import os
import re
import threading

NAME = re.compile(rb"statuslistd:[^\r\n]*")


class Proxy:
    """Everything but the constructor and stop() may be called at any time from any thread."""

    def __init__(self, path, target):
        self.path, self.target = path, target  # a path, or host and port
        self.delay = 0.0       # seconds that every piece takes, each way
        self.closed = False    # new connections are closed at once, present ones cut
        self.truncate = None   # function(piece of a reply) -> how much of it passes before the connection is cut, or None
        self.ways = {}         # role of a connection (feed, keeper, worker 0, ...): where it is led instead; not with TLS
        self.cuts = self.kept = 0
        self._pairs, self._keeping, self._names = set(), set(), {}
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        start = (asyncio.start_server(self._serve, *self.path) if isinstance(self.path, tuple)
                 else asyncio.start_unix_server(self._serve, str(self.path)))
        self.server = self.loop.run_until_complete(start)
        started.set()
        self.loop.run_forever()
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        if not isinstance(self.path, tuple) and os.path.exists(self.path):
            os.unlink(self.path)

    def _now(self, work):
        async def run():
            work()
        asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)

    def keep(self):
        """Bytes that arrive on the present connections are kept back until release(), even after the connections have ended."""
        self._now(lambda: self._keeping.update(self._pairs))

    def release(self):
        self._now(self._keeping.clear)

    def cut(self, role=""):
        """Ends all present connections, or those whose role begins so."""
        self._now(lambda: self._cut(role))

    def _cut(self, role=""):
        for pair in [p for p in self._pairs if self._names.get(p, "").startswith(role)]:
            self.cuts += 1
            for side in pair:
                side.transport.abort()

    def roles(self):
        """Those of the present connections."""
        found = []
        self._now(lambda: found.extend(self._names.get(p, "") for p in self._pairs))
        return sorted(found)

    def refuse(self):
        """Ends all present connections and every new one, until `closed` is false again."""
        self.closed = True
        self.cut()

    async def _serve(self, reader, writer):
        if self.closed:
            writer.transport.abort()
            return
        try:
            first = await reader.read(65536)  # the greeting, which names the connection
            name = NAME.search(first)
            role = name[0].decode().split(":")[-1] if name else ""
            target = next((t for r, t in self.ways.items() if role.startswith(r)), self.target)
            server_reader, server_writer = await (
                asyncio.open_connection(*target) if isinstance(target, tuple) else asyncio.open_unix_connection(str(target)))
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, server_writer)
        self._pairs.add(pair)
        self._names[pair] = role
        try:
            server_writer.write(first)
            await asyncio.gather(self._requests(reader, server_writer, pair), self._replies(server_reader, writer, server_writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._pairs.discard(pair)
            self._names.pop(pair, None)
            for side in pair:
                side.transport.abort()

    async def _requests(self, reader, server, pair):
        try:
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if pair in self._keeping:
                    self.kept += len(data)
                while pair in self._keeping:
                    await asyncio.sleep(0.01)
                server.write(data)
                await server.drain()
        finally:
            if not server.transport.is_closing():
                server.write_eof()  # what was kept back is still delivered

    async def _replies(self, reader, client, server):
        while data := await reader.read(65536):
            if self.delay:
                await asyncio.sleep(self.delay)
            how_much = self.truncate(data) if self.truncate is not None else None
            if client.transport.is_closing():
                continue  # the client has gone: go on reading, so that Redis takes what was sent to it
            client.write(data if how_much is None else data[:how_much])
            if how_much is not None:
                await client.drain()
                self.cuts += 1
                client.transport.abort()
                server.transport.abort()
                return
            await client.drain()
        client.transport.abort()
