"""The query language of rules, evaluated naively: each primary looks at the whole mention."""

import re
import unicodedata
from urllib.parse import urlsplit

from words import cut, fold, fold_emoji


class QueryError(ValueError):
    pass


TOKEN = re.compile(r'''\s*(?:
    (?P<open>\() | (?P<close>\)) | (?P<near>O?NEAR/\d+)(?=[\s()]|$)
  | (?P<exact>exact:(?:"(?:[^"\\]|\\.)*"|[^\s()"]+))
  | (?P<phrase>"(?:[^"\\]|\\.)*")
  | (?P<regex>/(?:[^/\\]|\\.)+/i?)(?=[\s()]|$)
  | (?P<minus>-(?=\S))
  | (?P<number>(?:followers|likes|replies|shares|views|clicks)(?:>=|<=|>|<|=)\d+)
  | (?P<field>[a-z_]+:(?=\S))
  | (?P<word>[^\s()"]+)
)''', re.X)
SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*://"
FIELDS = {"author", "to", "mentions", "reply_to", "conversation", "network", "kind", "lang",
          "country", "city", "url", "site", "is", "has", "theme", "campaign", "competitor"}


def lex(text):
    tokens = []
    at = 0
    while at < len(text) and text[at:].strip():
        found = TOKEN.match(text, at)
        if not found:
            raise QueryError(f"unreadable at {at}: {text!r}")
        kind = found.lastgroup
        value = found.group(kind)
        if kind == "field" and value[:-1] not in FIELDS:
            word = re.compile(r'\s*([^\s()"]+)').match(text, at)
            kind, value, found = "word", word.group(1), word
        if kind == "word" and value in ("AND", "OR", "NOT"):
            kind = value
        tokens.append((kind, value))
        at = found.end()
    return tokens


class Parser:
    def __init__(self, text):
        self.tokens = lex(text)
        self.at = 0

    def peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def parse(self):
        node = self.any()
        if self.peek() is not None:
            raise QueryError(f"unexpected {self.tokens[self.at]}")
        return node

    def any(self):
        parts = [self.all()]
        while self.peek() == "OR":
            self.take()
            parts.append(self.all())
        return parts[0] if len(parts) == 1 else ("or", parts)

    def all(self):
        parts = [self.unary()]
        while self.peek() not in (None, "OR", "close"):
            if self.peek() == "AND":
                self.take()
            parts.append(self.unary())
        return parts[0] if len(parts) == 1 else ("and", parts)

    def unary(self):
        if self.peek() in ("NOT", "minus"):
            self.take()
            return ("not", self.unary())
        node = self.primary()
        while self.peek() == "near":
            name, distance = self.take()[1].split("/")
            node = ("near", node, self.primary(), int(distance), name == "ONEAR")
        return node

    def primary(self):
        kind, value = self.take() if self.peek() else ("end", "")
        if kind == "open":
            node = self.any()
            if self.peek() != "close":
                raise QueryError("expected )")
            self.take()
            return node
        if kind == "phrase":
            return phrase(unquote(value))
        if kind == "exact":
            text = unquote(value[6:]) if value[6] == '"' else value[6:]
            return either([("exact", [unicodedata.normalize("NFC", w.text) for w in words])
                           for words in readings(text)])
        if kind == "regex":
            flags = re.I if value.endswith("i") else 0
            return ("regex", re.compile(value[1:value.rindex("/")], flags))
        if kind == "number":
            name, op, number = re.match(r"([a-z]+)([<>=]+)(\d+)", value).groups()
            return ("number", name, op, int(number))
        if kind == "field":
            return ("field", value[:-1], self.values())
        if kind == "word":
            return term(value)
        raise QueryError(f"unexpected {kind} {value!r}")

    def values(self):
        kind, value = self.take()
        if kind == "phrase":
            return [unquote(value)]
        if kind != "open":
            # `author:id:1` and `theme:*` come as pieces without spaces.
            while kind == "field":
                kind, rest = self.take()
                value += rest
            return [value]
        values = []
        while self.peek() != "close":
            kind, value = self.take()
            if kind != "OR":
                values.append(unquote(value) if kind == "phrase" else value)
        self.take()
        return values


def unquote(text):
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def readings(text):
    """The ways to cut a phrase: as each network writes handles, where that finds the most."""
    ways = [cut(text, network) for network in ("", "mastodon", "bluesky", "instagram")]
    handles = [sum(w.kind == "handle" for w in words) for words in ways]
    found = {tuple((w.kind, w.text) for w in words): words
             for words, count in zip(ways, handles) if count == max(handles)}
    return list(found.values())


def either(nodes):
    return nodes[0] if len(nodes) == 1 else ("or", nodes)


def phrase(text, tag=None):
    """Words next to each other, or `tag` as a whole hashtag."""
    return either([entity(words[0]) if len(words) == 1 else
                   ("phrase", [(w.kind, w.folded) for w in words], tag)
                   for words in readings(text)])


def entity(word):
    return ("word", word.folded) if word.kind == "word" else ("entity", word.kind, word.folded)


def term(text):
    if text.startswith("@"):
        return ("entity", "handle", fold(text[1:]))
    if text.endswith("*") or "?" in text[1:]:
        body = text[:-1] if text.endswith("*") else text
        pattern = "".join("." if c == "?" else re.escape(c) for c in fold(body))
        return ("wild", re.compile(pattern + (".*" if text.endswith("*") else ""), re.S))
    words = cut(text)
    if not words:
        raise QueryError(f"no word in {text!r}")
    if len(words) == 1:
        return entity(words[0])
    return phrase(text, fold(text))


def bare_handle(text):
    return fold(text.removeprefix("@"))


class View:
    """One mention with what the leaves of a query ask of it."""

    def __init__(self, mention, rules):
        self.mention = mention
        self.rules = rules
        self.network = mention["network"]
        self.text = mention.get("text") or ""
        self.words = cut(self.text, self.network)
        self.tags = None  # (themes, campaigns, competitors, brand) while routes are judged
        self.is_new = False
        self.forms = {w.folded for w in self.words if w.kind in ("word", "hashtag", "handle")}
        self.written = {w.folded for w in self.words}
        self.author = mention.get("author") or {}
        self.parent_author = mention.get("in_reply_to_author") or {}
        self.named = {w.folded for w in self.words if w.kind == "handle"}
        self.people = mention.get("mentions") or []
        self.links = mention.get("links")
        if self.links is None:
            self.links = [w.text for w in self.words if w.kind == "url"]
        self.hashtags = mention.get("hashtags")
        self.to_brand = (any(rules.is_brand(self.network, p) for p in self.people)
                         or any(rules.is_brand(self.network, {"handle": h}) for h in self.named)
                         or rules.is_brand(self.network, self.parent_author))
        self.by_brand = rules.is_brand(self.network, self.author)
        self.by_ambassador = rules.is_ambassador(self.network, self.author)
        self.to_ambassador = rules.is_ambassador(self.network, self.parent_author)
        self._question = None

    @property
    def question(self):
        if self._question is None:
            self._question = self.rules.is_question(self.text, self.words,
                                                    self.mention.get("lang"))
        return self._question


def evaluate(node, view):
    kind = node[0]
    if kind == "or":
        return any(evaluate(part, view) for part in node[1])
    if kind == "and":
        return all(evaluate(part, view) for part in node[1])
    if kind == "not":
        return not evaluate(node[1], view)
    if kind == "word":
        return node[1] in view.forms
    if kind == "regex":
        return node[1].search(view.text) is not None
    if kind == "number":
        return number(node, view.mention)
    if kind == "field":
        return any(field(node[1], value, view) for value in node[2])
    return bool(places(node, view))


def places(node, view):
    """Where a node of words matches: the positions of its words, once each way."""
    kind = node[0]
    words = view.words
    if kind == "or":
        return {place for part in node[1] for place in places(part, view)}
    if kind == "word":
        return {frozenset([i]) for i, w in enumerate(words)
                if w.folded == node[1] and w.kind in ("word", "hashtag", "handle")}
    if kind == "wild":
        return {frozenset([i]) for i, w in enumerate(words)
                if w.kind in ("word", "hashtag", "handle") and node[1].fullmatch(w.folded)}
    if kind == "entity":
        folded = fold_emoji(node[2]) if node[1] == "emoji" else node[2]
        return {frozenset([i]) for i, w in enumerate(words)
                if w.kind == node[1] and w.folded == folded}
    if kind == "phrase":
        parts = node[1]
        found = set()
        # Most phrases are of words that most texts have not.
        if all(folded in view.written for _, folded in parts):
            found = {frozenset(range(i, i + len(parts))) for i in range(len(words) - len(parts) + 1)
                     if all(same(words[i + k], parts[k]) for k in range(len(parts)))}
        if node[2] in view.written:
            found |= {frozenset([i]) for i, w in enumerate(words)
                      if w.kind == "hashtag" and w.folded == node[2]}
        return found
    if kind == "exact":
        parts = node[1]
        return {frozenset(range(i, i + len(parts))) for i in range(len(words) - len(parts) + 1)
                if all(unicodedata.normalize("NFC", words[i + k].text) == parts[k]
                       for k in range(len(parts)))}
    if kind == "near":
        return near(node, view)
    raise QueryError(f"{kind} cannot stand here")


def near(node, view):
    """Where one side lies within the other, or they interleave, no word is between them."""
    _, left, right, distance, ordered = node
    found = set()
    for a in places(left, view):
        for b in places(right, view):
            first, second = (a, b) if ordered or min(a) < min(b) else (b, a)
            between = min(second) - max(first) - 1
            if not a & b and between <= distance and not (ordered and between < 0):
                found.add(a | b)
    return found


def same(word, part):
    kind, folded = part
    if kind == "word":
        return word.folded == folded and word.kind in ("word", "hashtag", "handle")
    return word.kind == kind and word.folded == folded


def number(node, mention):
    _, name, op, wanted = node
    source = mention.get("author") if name == "followers" else mention.get("engagement")
    value = (source or {}).get(name)
    if value is None:
        return False
    return {">": value > wanted, ">=": value >= wanted, "<": value < wanted,
            "<=": value <= wanted, "=": value == wanted}[op]


def has_address(address, wanted):
    """A host or a subdomain of it, and a prefix of its path that ends at a segment."""
    wanted = fold(re.sub(SCHEME, "", wanted))
    host, _, path = wanted.partition("/")
    parts = urlsplit(address if re.match(SCHEME, address) else "http://" + address)
    found = fold(parts.hostname or "")
    if found != host and not found.endswith("." + host):
        return False
    path = path.rstrip("/")
    actual = fold(parts.path).lstrip("/")
    return not path or actual == path or actual.startswith(path + "/")


def has_place(place):
    whole = place.get("lat") is not None and place.get("lon") is not None
    return bool(place.get("country") or place.get("city") or whole)


def field(name, value, view):
    mention, rules = view.mention, view.rules
    if name == "author":
        if value == "new":
            return view.is_new
        if value == "brand":
            return view.by_brand
        if value == "ambassador":
            return view.by_ambassador
        if value.startswith("list:"):
            return rules.is_in(rules.lists.get(value[5:], ()), view.network, view.author)
        if value.startswith("id:"):
            return view.author.get("id") == value[3:]
        return bare_handle(view.author.get("handle") or "") == bare_handle(value)
    if name == "to":
        return value == "brand" and view.to_brand
    if name == "mentions":
        named = view.named | {bare_handle(p.get("handle") or "") for p in view.people}
        return bare_handle(value) in named
    if name == "reply_to":
        return bare_handle(view.parent_author.get("handle") or "") == bare_handle(value)
    if name == "conversation":
        return (mention.get("conversation_id") or mention.get("in_reply_to")
                or mention["id"]) == value
    if name in ("network", "kind"):
        return fold(mention.get(name) or "") == fold(value)
    if name == "lang":
        lang = fold(mention.get("lang") or "")
        return lang == fold(value) or lang.startswith(fold(value) + "-")
    if name in ("country", "city"):
        return fold((mention.get("place") or {}).get(name) or "") == fold(value)
    if name == "url":
        return any(has_address(link, value) for link in view.links)
    if name == "site":
        return has_address(mention.get("url") or "", value)
    if name == "has":
        return {"link": bool(view.links), "media": bool(mention.get("media")),
                "place": has_place(mention.get("place") or {})}[value]
    if name == "is":
        if value == "question":
            return view.question
        if value == "verified":
            return bool(view.author.get("verified"))
        brand = view.tags[3] if view.tags else rules.matches_brand(view)
        return brand or view.to_brand
    themes, campaigns, competitors, _ = view.tags
    tags = {"theme": themes, "campaign": campaigns, "competitor": competitors}[name]
    return bool(tags) if value == "*" else value in tags
