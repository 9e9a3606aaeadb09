"""A rule file: what a mention is about and who gets it."""

import datetime
import os
import re
import unicodedata
from urllib.parse import unquote

import yaml

from query import Parser, View, bare_handle, evaluate
from words import APOSTROPHES, cut, fold

UNQUEUED_KINDS = ("click", "conversion", "reaction")
MARKS = "?\uff1f\u061f\u00bf"
LINE = "\n\r\v\f\x85\u2028\u2029"  # what breaks one
SENTENCE_END = re.compile(f"[.!?…{LINE}]")
QUOTATION = re.compile(f"\"[^\"{LINE}]*\"|“[^”{LINE}]*”|«[^»{LINE}]*»")


def parse_time(text):
    """RFC 3339 as microseconds since 1970."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                         r"(?:[Zz]|([+-])(\d\d):(\d\d))", text)
    if not found:
        raise ValueError(f"no time: {text!r}")
    year, month, day, hour, minute, second = (int(g) for g in found.groups()[:6])
    days = datetime.date(year, month, day).toordinal() - 719163
    micro = ((days * 24 + hour) * 60 + minute) * 60 + second
    if found.group(8):
        offset = (int(found.group(9)) * 60 + int(found.group(10))) * 60
        micro -= offset if found.group(8) == "+" else -offset
    return micro * 1_000_000 + int(((found.group(7) or "") + "000000")[:6])


def time_of(value):
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        return round(value.timestamp() * 1_000_000)
    return parse_time(str(value))


def accented(word):
    return unicodedata.normalize("NFC", word.translate(APOSTROPHES).casefold())


def interrogative(word):
    """A form, and whether its accents matter: they do where they are written."""
    form = accented(word)
    return (form, True) if form != fold(word) else (fold(word), False)


def utm_campaign(link):
    query = link.partition("#")[0].partition("?")[2]
    values = [pair[13:] for pair in query.split("&") if pair.startswith("utm_campaign=")]
    return unquote(values[0]) if values else None


class Account:
    def __init__(self, text):
        self.network, _, rest = text.partition(":")
        self.handle = bare_handle(rest) if rest.startswith("@") else None
        self.id = None if self.handle else rest


class Verdict:
    """What the rules say of one mention."""

    __slots__ = ("themes", "campaigns", "competitors", "brand", "queue", "route", "priority",
                 "kept", "own", "question", "by_ambassador", "ambassadors", "hashtags", "links")

    def tags(self, mention):
        return {"network": mention["network"], "id": mention["id"], "themes": self.themes,
                "campaigns": self.campaigns, "competitors": self.competitors, "brand": self.brand,
                "queue": self.queue, "route": self.route, "priority": self.priority}


class Rules:
    def __init__(self, path, questions=None):
        with open(path, encoding="utf-8") as file:
            tree = yaml.safe_load(file)
        brand = tree["brand"]
        self.brand_id = str(brand["id"])
        self.brand_query = Parser(brand["query"]).parse()
        self.accounts = [Account(a) for a in brand.get("accounts") or []]
        self.ambassadors = [Account(a) for a in brand.get("ambassadors") or []]
        self.lists = {name: [Account(a) for a in accounts]
                      for name, accounts in (tree.get("lists") or {}).items()}
        self.themes = self.read(tree.get("themes"))
        self.competitors = self.read(tree.get("competitors"))
        self.campaigns = [(c["id"], Parser(c["query"]).parse(), time_of(c.get("from")),
                           time_of(c.get("until"))) for c in tree.get("campaigns") or []]
        self.routes = None
        if tree.get("routes") is not None:
            self.routes = [(r["id"], Parser(r["when"]).parse(), r.get("queue", "none"),
                            r.get("priority", "normal")) for r in tree["routes"]]
        self.interrogatives = self.read_questions(questions)

    @staticmethod
    def read(section):
        return [(str(rule["id"]), Parser(rule["query"]).parse()) for rule in section or []]

    @staticmethod
    def read_questions(path):
        if path is None:
            here = os.path.dirname(os.path.abspath(__file__))
            path = os.path.join(here, "..", "..", "rules", "questions.yaml")
        with open(path, encoding="utf-8") as file:
            # In YAML 1.1 the key `no` or a word such as `on` may read as a truth value.
            tree = yaml.load(file, Loader=yaml.BaseLoader)
        return {lang: [tuple(interrogative(w.text) for w in cut(phrase)) for phrase in words]
                for lang, words in tree.items()}

    @staticmethod
    def is_in(accounts, network, person):
        handle = bare_handle(person.get("handle") or "")
        return any(a.network == network and
                   (a.id == person.get("id") if a.id else handle and a.handle == handle)
                   for a in accounts)

    def is_brand(self, network, person):
        return self.is_in(self.accounts, network, person)

    def is_ambassador(self, network, person):
        return self.is_in(self.ambassadors, network, person)

    def ambassador_named(self, network, person):
        """The account of the rules that a person has, by handle before id."""
        handle = bare_handle(person.get("handle") or "")
        mine = [a for a in self.ambassadors if a.network == network]
        for account in mine:
            if account.handle and account.handle == handle:
                return f"{network}:@{account.handle}"
        for account in mine:
            if account.id and account.id == person.get("id"):
                return f"{network}:{account.id}"
        return None

    def ambassadors_of(self, view):
        people = [view.author, view.parent_author, *view.people,
                  *({"handle": handle} for handle in sorted(view.named))]
        found = [self.ambassador_named(view.network, person) for person in people]
        return list(dict.fromkeys(name for name in found if name))

    def matches_brand(self, view):
        return evaluate(self.brand_query, view)

    def is_question(self, text, words, lang):
        covered = [m.span() for m in QUOTATION.finditer(text)]
        covered += [(w.begin, w.end) for w in words if w.kind == "url"]
        for at, char in enumerate(text):
            if char in MARKS and not any(begin <= at < end for begin, end in covered):
                return True
        lang = (lang or "").split("-")[0].lower()
        starts = self.interrogatives.get(lang)
        return bool(starts) and any(self.starts_with(sentence, starts)
                                    for sentence in self.sentences(text, words))

    @staticmethod
    def sentences(text, words):
        """The words of each sentence. What ends one stands between words, in no number or URL."""
        within = {at for w in words for at in range(w.begin, w.end)}
        begin = 0
        for end in [m.end() for m in SENTENCE_END.finditer(text) if m.start() not in within] + [
                len(text)]:
            yield [w for w in words if begin <= w.begin < end][:8]
            begin = end

    @staticmethod
    def starts_with(sentence, starts):
        return any(len(sentence) >= len(start) and
                   all(word.kind == "word" and (accented(word.text) if exact else word.folded) == form
                       for word, (form, exact) in zip(sentence, start))
                   for start in starts)

    def campaigns_of(self, view, event):
        mention = view.mention
        explicit = mention.get("campaign")
        clicked = set()
        if not explicit and mention.get("kind") in ("click", "conversion"):
            clicked = {utm_campaign(link) for link in [mention.get("url") or ""] + view.links}
        found = []
        for name, query, begin, until in self.campaigns:
            inside = (begin is None or event >= begin) and (until is None or event < until)
            if name == explicit or (inside and (name in clicked or evaluate(query, view))):
                found.append(name)
        return sorted(found)

    def judge(self, mention, event, is_new):
        """`is_new` is called at most once, when the routes are judged."""
        view = View(mention, self)
        verdict = Verdict()
        verdict.brand = self.matches_brand(view)
        verdict.themes = sorted(i for i, query in self.themes if evaluate(query, view))
        verdict.competitors = sorted(i for i, query in self.competitors if evaluate(query, view))
        verdict.campaigns = self.campaigns_of(view, event)
        verdict.question = view.question
        verdict.own = view.by_brand
        verdict.by_ambassador = view.by_ambassador
        verdict.ambassadors = self.ambassadors_of(view)
        verdict.hashtags = [fold(t[1:] if t.startswith("#") else t) for t in view.hashtags or []]
        if view.hashtags is None:
            verdict.hashtags = [w.folded for w in view.words if w.kind == "hashtag"]
        verdict.links = view.links
        direct = mention.get("kind") == "dm"
        relevant = bool(verdict.brand or verdict.themes or verdict.campaigns or view.to_brand
                        or direct or view.to_ambassador)
        verdict.kept = bool(relevant or verdict.competitors or view.by_brand
                            or view.by_ambassador)
        verdict.queue, verdict.route, verdict.priority = "none", None, None
        ours = view.by_brand or view.by_ambassador
        if relevant and not ours and mention.get("kind") not in UNQUEUED_KINDS:
            view.is_new = is_new()
            view.tags = (verdict.themes, verdict.campaigns, verdict.competitors, verdict.brand)
            self.choose_route(verdict, view, direct)
        return verdict

    def choose_route(self, verdict, view, direct):
        if self.routes is None:
            if view.to_brand or direct:
                verdict.queue = "social"
            elif verdict.brand or verdict.campaigns:
                verdict.queue = "community"
            else:
                return
            verdict.route, verdict.priority = "default", "normal"
            return
        for name, query, queue, priority in self.routes:
            if evaluate(query, view):
                verdict.route, verdict.queue = name, queue
                verdict.priority = None if queue == "none" else priority
                return
