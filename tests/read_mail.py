"""Reads a mail from the standard input and prints its decoded parts as one JSON document: {"to", "subject", "text", "html",
"attachments"}. An attachment is its type and its file name, which may be empty."""

import email
import email.policy
import json
import sys

mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
parts = {kind: mail.get_body((kind,)).get_content() for kind in ("plain", "html")}
shown = [mail.get_body((kind,)) for kind in ("plain", "html")]
others = [part for part in mail.walk() if not part.is_multipart() and part not in shown]
attachments = [f"{part.get_content_type()} {part.get_filename() or ''}" for part in others]
document = {"to": mail["To"], "subject": mail["Subject"], "text": parts["plain"], "html": parts["html"]}
print(json.dumps({**document, "attachments": attachments}))
