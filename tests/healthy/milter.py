# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail filter that lets everything pass: milter.py PORT. The protocol is that of libmilter/engine.c: length, command, data."""

import socketserver
import struct
import sys


class Filter(socketserver.StreamRequestHandler):
    def handle(self):
        while True:
            head = self.rfile.read(5)
            if len(head) < 5:
                return
            length, command = struct.unpack("!I1s", head)
            data = self.rfile.read(length - 1)
            if command == b"Q":
                return
            if command == b"O":   # version, no actions, every step
                self.answer(b"O" + struct.pack("!III", min(6, struct.unpack("!I", data[:4])[0]), 0, 0))
            elif command not in b"DAK":
                self.answer(b"c")

    def answer(self, data):
        self.wfile.write(struct.pack("!I", len(data)) + data)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(("127.0.0.1", int(sys.argv[1])), Filter).serve_forever()
