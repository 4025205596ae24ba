"""Reads a mail from the standard input and prints its decoded parts as one JSON document: {"to", "subject", "text", "html"}."""

import email
import email.policy
import json
import sys

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = {kind: mail.get_body((kind,)).get_content() for kind in ("plain", "html")}
print(json.dumps({"to": mail["To"], "subject": mail["Subject"], "text": parts["plain"], "html": parts["html"]}))
