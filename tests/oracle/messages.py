"""One message as it came: what it says, who wrote it, and what makes two versions the same."""

import hashlib
import hmac
import json

from rules import parse_time

MOST_IDS = 100  # hashtags, and links, of one message that are counted
LONGEST_ID = 2048
NOT_CONTENT = ("op", "version", "engagement", "seen_at", "connector", "v")
FIELDS = ("network", "id", "op", "kind", "conversation_id", "in_reply_to", "in_reply_to_author",
          "author", "text", "lang", "created_at", "edited_at", "seen_at", "version", "url", "links",
          "hashtags", "mentions", "media", "place", "engagement", "connector", "campaign",
          "ambassador", "conversion")
AUTHOR_OPS = ("hide_author", "unhide_author", "erase_author")


def content_of(mention):
    """What makes two versions of a message the same; null and absent are alike."""
    content = {}
    for name in FIELDS:
        value = mention.get(name)
        if name in NOT_CONTENT or value is None or value == "":
            continue
        if name == "author":
            value = {k: value.get(k) for k in ("id", "handle") if value.get(k)}
        if name in ("created_at", "edited_at"):
            value = parse_time(value)
        content[name] = value
    return json.dumps(content, sort_keys=True)


def version_of(mention):
    if mention.get("version") is not None:
        return mention["version"]
    return parse_time(mention["edited_at"]) if mention.get("edited_at") else 0


def is_valid(mention, op):
    """Whether the fields are there that the op cannot do without."""
    if op == "tick":
        return mention.get("seen_at") is not None
    author = (mention.get("author") or {}).get("id")
    if op in AUTHOR_OPS:
        return bool(mention.get("network") and author)
    if not (mention.get("network") and mention.get("id")):
        return False
    return op not in ("create", "update") or bool(
        mention.get("kind") and mention.get("created_at") and author)


def author_key(author):
    """The key of an author as a replay makes it: its secret is 32 zero bytes."""
    text = "/".join(author).encode()
    return hmac.new(bytes(32), text, hashlib.sha256).hexdigest()[:32]


def erased_name(author):
    """What stands for an author where the key itself may not."""
    key = bytes.fromhex(author_key(author))
    return hashlib.sha256(b"erased/" + key).hexdigest()[:32]


def told_by(mention, verdict):
    place = mention.get("place") or {}

    def short(text):
        return text if text and len(text.encode()) <= LONGEST_ID else ""

    def some(ids):
        return [i for i in dict.fromkeys(ids) if len(i.encode()) <= LONGEST_ID][:MOST_IDS]

    return {"country": short(place.get("country")), "city": short(place.get("city")),
            "ambassador": short(mention.get("ambassador")), "hashtags": some(verdict.hashtags),
            "links": some(verdict.links), "ambassadors": verdict.ambassadors,
            "wrote": verdict.ambassadors[0] if verdict.by_ambassador else None,
            "answered": answered_by(mention)}


def answered_by(mention):
    """Whom a message answers: not who wrote it."""
    answered = (mention.get("in_reply_to_author") or {}).get("id")
    return answered if answered != mention["author"]["id"] else None
