# SPDX-FileCopyrightText: 2026 The mailops.sendmail contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP server that breaks where it is told to: peer.py ADDRESS MODE [TEXT].

Modes: ok; pause (TEXT seconds before the greeting); greeting (TEXT instead of 220); silent; garbage; accept-close, accept-reset;
VERB-close, VERB-reset, VERB-silent and VERB-reply (TEXT) for ehlo, mail, rcpt and data; dot-... behind the message.
"""

import socket
import struct
import sys
import time

ADDRESS, MODE, TEXT = (sys.argv[1:] + [''])[:3]


def end(peer):
    """Close, with a reset where the mode asks for one."""
    if MODE.endswith('-reset'):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    else:
        peer.shutdown(socket.SHUT_RDWR)


def answer(peer, stage, reply):
    """What the server says at this stage; False where the dialogue ends."""
    if MODE in (stage + '-close', stage + '-reset'):
        end(peer)
        return False
    if MODE == stage + '-silent':
        time.sleep(600)
    peer.sendall((TEXT if MODE == stage + '-reply' else reply).encode() + b'\r\n')
    return True


def serve(peer):
    if MODE == 'pause':
        time.sleep(float(TEXT))
    if MODE == 'garbage':
        peer.sendall(b'\x00\xff hello\r\n' * 3)
        return
    if not answer(peer, 'accept', TEXT if MODE == 'greeting' else '220 peer ESMTP'):
        return
    with peer.makefile('rb') as lines:
        for line in lines:
            verb = line[:4].decode('latin-1').lower()
            if not answer(peer, verb, {'quit': '221 bye', 'data': '354 go'}.get(verb, '250 ok')) or verb == 'quit':
                return
            if verb == 'data' and MODE != 'data-reply':
                for part in lines:
                    if part == b'.\r\n':
                        break
                if not answer(peer, 'dot', '250 ok'):
                    return


with socket.socket(socket.AF_INET6 if ':' in ADDRESS else socket.AF_INET) as listener:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((ADDRESS, 25))
    listener.listen(20)
    kept = []
    while True:
        connection = listener.accept()[0]
        try:
            if MODE == 'silent':
                kept.append(connection)
            else:
                with connection:
                    serve(connection)
        except OSError:
            pass
