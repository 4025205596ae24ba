"""A mail server for tests: the recipient's name decides its answers, and it stores accepted mails.

    smtp_sink.py KEPT [--greeting ok|421|silent] [--tls CERT KEY] [--login USER PASSWORD] [--plain-addresses] [--port PORT]

Prints "listening PORT" and serves until it is killed. Each accepted mail is one JSON line in KEPT:
{"from", "to", "data", "connection"}. The recipient's name, up to a dot, decides the answer:

    ok            250 at every step
    r451 r550 …   that number at RCPT         r550-5.1.1 adds the enhanced code
    d451 d554 …   that number after the last dot
    bye           421 at RCPT, then the connection is closed
    cut           the connection is reset at DATA, before the mail is requested
    lost          the mail is stored, then the connection is reset without an answer
    silent        the mail is stored, then there is no answer
"""

import argparse
import asyncio
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import AuthResult, SMTP, syntax


def requested_answer(address):
    """Returns the first word of the recipient's name, and the answer that it requests."""
    name = address.split("@")[0]
    word = name if "-" in name else name.split(".")[0]
    number, _, enhanced = word[1:].partition("-")
    answer = f"{number} {enhanced} as <{address}> requests".replace("  ", " ")
    return word, answer


class Sink:
    def __init__(self, kept):
        self.kept = kept

    async def handle_RCPT(self, server, session, envelope, address, options):
        word, answer = requested_answer(address)
        if word[0] == "r" and word[1:4].isdigit():
            return answer
        if word == "bye":
            await server.push("421 closing")
            server.transport.close()
            return "421 closing"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        word, answer = requested_answer(envelope.rcpt_tos[0])
        if word[0] == "d" and word[1:4].isdigit():
            return answer
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
        if self.envelope.rcpt_tos and requested_answer(self.envelope.rcpt_tos[0])[0] == "cut":
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


async def refuse(reader, writer):
    writer.write(b"421 too busy\r\n")
    writer.close()


async def stay_silent(reader, writer):
    await reader.read()


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kept")
    parser.add_argument("--greeting", default="ok", choices=["ok", "421", "silent"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--login", nargs=2)
    parser.add_argument("--plain-addresses", action="store_true")
    args = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)

    kept = open(args.kept, "a", encoding="utf-8")
    options = {"enable_SMTPUTF8": not args.plain_addresses, "hostname": "sink.test"}
    if args.tls:
        options["tls_context"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options["tls_context"].load_cert_chain(*args.tls)
    if args.login:
        wanted = tuple(text.encode() for text in args.login)

        def check(server, session, envelope, mechanism, given):
            return AuthResult(success=(given.login, given.password) == wanted, handled=False)

        options.update(authenticator=check, auth_required=True)
        options["auth_require_tls"] = bool(args.tls)

    loop = asyncio.get_running_loop()
    if args.greeting == "ok":
        server = await loop.create_server(
            lambda: Server(Sink(kept), **options), "127.0.0.1", args.port
        )
    else:
        handler = refuse if args.greeting == "421" else stay_silent
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
