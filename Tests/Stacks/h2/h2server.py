#!/usr/bin/python3
"""An HTTP/2 server over TLS that resets the first stream of each path and answers the next ones.

h2server.py CERT KEY: prints its port, then a line for each request it gets.
"""
import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events

seen = set()
lock = threading.Lock()


def serve(tls):
    conn = h2.connection.H2Connection(config=h2.config.H2Configuration(client_side=False))
    conn.initiate_connection()
    tls.sendall(conn.data_to_send())
    streams = {}
    while True:
        data = tls.recv(65536)
        if not data:
            return
        for event in conn.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                streams[event.stream_id] = headers
            if isinstance(event, h2.events.StreamEnded):
                headers = streams[event.stream_id]
                with lock:
                    first = headers[":path"] not in seen
                    seen.add(headers[":path"])
                    print(headers[":method"], headers[":path"], flush=True)
                if first:
                    conn.reset_stream(event.stream_id, error_code=h2.errors.ErrorCodes.INTERNAL_ERROR)
                else:
                    conn.send_headers(event.stream_id, [(":status", "200")])
                    conn.send_data(event.stream_id, b"{}", end_stream=True)
        tls.sendall(conn.data_to_send())


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1], sys.argv[2])
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    raw, _ = listener.accept()

    def run(raw=raw):
        try:
            serve(context.wrap_socket(raw, server_side=True))
        except (OSError, h2.exceptions.ProtocolError):
            pass

    threading.Thread(target=run, daemon=True).start()
