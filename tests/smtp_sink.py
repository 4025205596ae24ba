"""An SMTP server for tests: the recipient's name selects its behaviour, and accepted mails are written to a file.

    smtp_sink.py FILE [--greeting ok|421|silent] [--tls CERT KEY] [--from-first-byte] [--login USER PASSWORD] [--plain-addresses] [--port PORT]
                 [--refuse CODE] [--per-second MAILS] [--mails MAILS]

--tls offers STARTTLS; with --from-first-byte the server speaks TLS before the first command.
--refuse answers every recipient with that code; 421 also closes the connection. --per-second refuses further
recipients of the same second with 450. --mails accepts so many mails, and then the server is down.

Prints "listening PORT" and runs until it is killed. Writes each accepted mail as one JSON line to FILE:
{"from", "to", "data", "connection"}. The recipient's name, up to a dot, selects the behaviour:

    ok            250 at every step
    r451 r550 …   that code at RCPT           r550-5.1.1 adds the enhanced code
    d451 d554 …   that code after the content
    g2 g4 …       greylisting: 450 at RCPT, so many times
    bye           421 at RCPT, then the connection is closed
    cut           the connection is reset at DATA, before the content
    lost          the mail is accepted, then the connection is reset without an answer
    silent        the mail is accepted, then no answer is sent
"""

import argparse
import asyncio
import json
import logging
import ssl
import sys
import time

from aiosmtpd.smtp import AuthResult, SMTP, syntax


# How often each recipient was refused by greylisting.
GREYLISTED = {}
# The recipients of each second.
ACCEPTED = {}


def behaviour(address):
    """Returns the first word of the recipient's name and the SMTP answer for it."""
    name = address.split("@")[0]
    word = name if "-" in name else name.split(".")[0]
    number, _, enhanced = word[1:].partition("-")
    answer = f"{number} {enhanced} selected by <{address}>".replace("  ", " ")
    return word, answer


class Sink:
    def __init__(self, file, arguments, limit):
        self.file = file
        self.refuse = arguments.refuse
        self.per_second = arguments.per_second
        self.limit = limit

    async def handle_RCPT(self, server, session, envelope, address, options):
        if not self.limit.permits_mail():
            server.transport.abort()
            return "421 closing"
        if self.refuse:
            if self.refuse == "421":
                await server.push("421 closing")
                server.transport.close()
            return f"{self.refuse} refused"
        if self.per_second:
            second = int(time.monotonic())
            ACCEPTED[second] = ACCEPTED.get(second, 0) + 1
            if ACCEPTED[second] > self.per_second:
                return "450 4.7.1 too many mails, slow down"
        word, answer = behaviour(address)
        if word[0] == "r" and word[1:4].isdigit():
            return answer
        if word[0] == "g" and word[1:].isdigit():
            GREYLISTED[address] = GREYLISTED.get(address, 0) + 1
            if GREYLISTED[address] <= int(word[1:]):
                return "450 4.2.0 greylisted, try later"
        if word == "bye":
            await server.push("421 closing")
            server.transport.close()
            return "421 closing"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        word, answer = behaviour(envelope.rcpt_tos[0])
        if word[0] == "d" and word[1:4].isdigit():
            return answer
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "data": envelope.content.decode("utf-8", "surrogateescape"),
            "connection": id(session),
        }
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()
        if word == "lost":
            server.transport.abort()
        if word == "silent":
            await asyncio.Event().wait()
        return "250 OK"


class Limit:
    """The mails that the server accepts before it is down."""

    def __init__(self, mails):
        self.mails = mails
        self.listener = None

    def permits_mail(self):
        if self.mails is None:
            return True
        self.mails -= 1
        if self.mails < 0:
            self.listener.close()
        return self.mails >= 0


class Server(SMTP):
    @syntax("DATA")
    async def smtp_DATA(self, arg):
        if self.envelope.rcpt_tos and behaviour(self.envelope.rcpt_tos[0])[0] == "cut":
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
    parser.add_argument("file")
    parser.add_argument("--greeting", default="ok", choices=["ok", "421", "silent"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse")
    parser.add_argument("--per-second", type=int)
    parser.add_argument("--mails", type=int)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--from-first-byte", action="store_true")
    parser.add_argument("--login", nargs=2)
    parser.add_argument("--plain-addresses", action="store_true")
    arguments = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)

    file = open(arguments.file, "a", encoding="utf-8")
    options = {"enable_SMTPUTF8": not arguments.plain_addresses, "hostname": "sink.test"}
    encryption = None
    if arguments.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*arguments.tls)
        if arguments.from_first_byte:
            encryption = context
        else:
            options["tls_context"] = context
    if arguments.login:
        expected = tuple(text.encode() for text in arguments.login)

        def check(server, session, envelope, mechanism, given):
            return AuthResult(success=(given.login, given.password) == expected, handled=False)

        options.update(authenticator=check, auth_required=True)
        options["auth_require_tls"] = "tls_context" in options

    loop = asyncio.get_running_loop()
    limit = Limit(arguments.mails)
    if arguments.greeting == "ok":
        server = await loop.create_server(
            lambda: Server(Sink(file, arguments, limit), **options),
            "127.0.0.1",
            arguments.port,
            ssl=encryption,
        )
    else:
        handler = refuse if arguments.greeting == "421" else stay_silent
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
    limit.listener = server
    print("listening", server.sockets[0].getsockname()[1], flush=True)
    # The process stays after its listener is closed.
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
