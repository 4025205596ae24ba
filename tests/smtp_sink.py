"""A mail server for tests: answers as each recipient's name asks, and keeps what it took.

    smtp_sink.py KEPT [--greeting ok|421|silent] [--tls CERT KEY] [--login USER PASSWORD] [--plain-addresses] [--port PORT]

Prints "listening PORT" and serves until it is killed. Every mail it took is one JSON line in KEPT:
{"from", "to", "data", "connection"}. The recipient's name, up to a dot, says what happens:

    ok            250 at every step
    r451 r550 …   that number at RCPT         r550-5.1.1 adds the enhanced code
    d451 d554 …   that number after the last dot
    bye           421 at RCPT, then the connection is closed
    cut           the connection is reset at DATA, before the mail is asked for
    lost          the mail is kept, then the connection is reset without an answer
    silent        the mail is kept, then nothing is said
"""

import argparse
import asyncio
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import AuthResult, SMTP, syntax


def wish(address):
    """The first word of the recipient's name, and the answer it stands for."""
    name = address.split("@")[0]
    word = name if "-" in name else name.split(".")[0]
    number, _, enhanced = word[1:].partition("-")
    said = f"{number} {enhanced} as <{address}> asked".replace("  ", " ")
    return word, said


class Sink:
    def __init__(self, kept):
        self.kept = kept

    async def handle_RCPT(self, server, session, envelope, address, options):
        word, said = wish(address)
        if word[0] == "r" and word[1:4].isdigit():
            return said
        if word == "bye":
            await server.push("421 closing")
            server.transport.close()
            return "421 closing"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        word, said = wish(envelope.rcpt_tos[0])
        if word[0] == "d" and word[1:4].isdigit():
            return said
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode("utf-8", "surrogateescape"),
            "connection": id(session),
        }
        self.kept.write(json.dumps(line) + "\n")
        self.kept.flush()
        if word == "lost":
            server.transport.abort()
        if word == "silent":
            await asyncio.Event().wait()
        return "250 OK"


class Server(SMTP):
    @syntax("DATA")
    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos and wish(self.envelope.rcpt_tos[0])[0] == "cut":
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


async def refuse(reader, writer):
    writer.write(b"421 too busy\r\n")
    writer.close()


async def say_nothing(reader, writer):
    await reader.read()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kept")
    parser.add_argument("--greeting", default="ok", choices=["ok", "421", "silent"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--login", nargs=2)
    parser.add_argument("--plain-addresses", action="store_true")
    asked = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)

    kept = open(asked.kept, "a", encoding="utf-8")
    options = {"enable_SMTPUTF8": not asked.plain_addresses, "hostname": "sink.test"}
    if asked.tls:
        options["tls_context"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["tls_context"].load_cert_chain(*asked.tls)
    if asked.login:
        wanted = tuple(text.encode() for text in asked.login)

        def check(server, session, envelope, mechanism, given):
            return AuthResult(success=(given.login, given.password) == wanted, handled=False)

        options.update(authenticator=check, auth_required=True)
        options["auth_require_tls"] = bool(asked.tls)

    loop = asyncio.get_running_loop()
    if asked.greeting == "ok":
        server = await loop.create_server(
            lambda: Server(Sink(kept), **options), "127.0.0.1", asked.port
        )
    else:
        deaf = refuse if asked.greeting == "421" else say_nothing
        server = await asyncio.start_server(deaf, "127.0.0.1", 0)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
