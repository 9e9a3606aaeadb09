"""Cutting text into words and entities, and folding: a second opinion on the language of rules.

Written from the description of the language alone and with Python's own Unicode tables; it is an
approximation where the description names exact tables (emoji sequences, top-level domains).
"""

import re
import unicodedata

STRIPPED = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW")
UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "IDEOGRAPHIC")
IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]")
TATWEEL = "\u0640"
APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\uff07": "'"})
ELISIONS = {"l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu",
            "dell", "all", "nell", "sull", "dall", "un", "quest"}

TLD = r"(?:com|org|net|edu|gov|info|io|app|dev|ai|eu)"
COUNTRY = ("(?:" + "|".join(
    f"{first}[{rest}]" for first, rest in (pair.split(":") for pair in (
        "a:cdefgilmnoqrstuwxz b:abdefghijlmnoqrstvwyz c:acdfghiklmnoruvwxyz d:ejkmoz e:ceghrstu "
        "f:ijkmor g:abdefghilmnpqrstuwy h:kmnrtu i:delmnoqrst j:emop k:eghimnprwyz l:abcikrstuvy "
        "m:acdefghklmnopqrstuvwxyz n:acefgilopruz o:m p:aefghklmnrstwy q:a r:eosuw "
        "s:abcdeghijklmnorstuvxyz t:cdfghjklmnoprtvwz u:agkmsyz v:aceginu w:fs y:et z:amw").split()))
           + ")")
LABEL = r"[A-Za-z0-9\u00c0-\u024f](?:[A-Za-z0-9\u00c0-\u024f-]*[A-Za-z0-9\u00c0-\u024f])?"
HOST = rf"(?:{LABEL}\.)+[A-Za-z]{{2,}}"
NO_MORE = r"(?![A-Za-z0-9@+-]|_+[A-Za-z0-9.-])"
# What twitter-text takes in paths and queries: its accents are those of Latin, and Cyrillic.
IN_PATH = (r"[A-Za-z0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&?()\u0400-\u04ff\u00c0-\u00d6\u00d8-\u00f6"
           r"\u00f8-\u00ff\u0100-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
           r"\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff]")
PATH = rf"(?:[/?#]{IN_PATH}*)"
URL = re.compile(
    rf"www\.{HOST}(?::\d+)?{PATH}?|{HOST}(?::\d+)?/{IN_PATH}*"
    rf"|(?:{LABEL}\.)+{TLD}{NO_MORE}(?:\.{COUNTRY}{NO_MORE})*", re.I)
WITH_SCHEME = re.compile(
    rf"(?<![@＠#＃$\ufeff])https?://{HOST}(?::\d+)?{PATH}?", re.I)
RETWEET = re.compile(r"[^A-Za-z0-9_+~.-]?rt", re.I)
HANDLES = {
    "mastodon": re.compile(r"[@＠][A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
                           r"(?:@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?"),
    "bluesky": re.compile(rf"[@＠]{HOST}", re.I),
    "instagram": re.compile(r"[@＠][A-Za-z0-9_](?:[A-Za-z0-9_.]*[A-Za-z0-9_])?"),
    "": re.compile(r"[@＠][A-Za-z0-9_]{1,20}(?![A-Za-z0-9_])"),
}
HANDLES["telegram"] = HANDLES["youtube"] = HANDLES["instagram"]
CASHTAG = re.compile(r"\$[A-Za-z]{1,6}(?:[._][A-Za-z]{1,2})?(?=$|\s|[^\w])")
EMOJI = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    "|[\U0001f300-\U0001faff\u2600-\u27bf\u2b50\u2b55\u231a\u231b\u23e9-\u23f3\u2934\u2935"
    "\u3030\u303d\u3297\u3299][\ufe0f\U0001f3fb-\U0001f3ff]*"
    "(?:\u200d[\U0001f300-\U0001faff\u2600-\u27bf\u2b50][\ufe0f\U0001f3fb-\U0001f3ff]*)*"
    "|[\u00a9\u00ae\u2122\u203c\u2049\u2139\u2194-\u21aa]\ufe0f)")
EMOJI_EXTRAS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")

_scripts = {}


def script(char):
    """The first word of a character's name stands for its script."""
    known = _scripts.get(char)
    if known is None:
        known = unicodedata.name(char, "?").split(" ")[0].split("-")[0]
        if known in ("FULLWIDTH", "MODIFIER", "DOUBLE-STRUCK"):
            known = "LATIN"
        if known == "HALFWIDTH":
            known = "KATAKANA"
        _scripts[char] = known
    return known


def strip_marks(text):
    out = []
    base = ""
    for char in unicodedata.normalize("NFD", text):
        if unicodedata.combining(char) or unicodedata.category(char) == "Mn":
            if base in STRIPPED:
                continue
        else:
            base = script(char)
        out.append(char)
    return "".join(out)


_folded = {}


def fold(word):
    known = _folded.get(word)
    if known is not None:
        return known
    text = IGNORABLE.sub("", word).replace(TATWEEL, "").translate(APOSTROPHES)
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKC", text).casefold()
        text = unicodedata.normalize("NFC", strip_marks(text)).translate(APOSTROPHES)
    if len(_folded) < 200_000:
        _folded[word] = text
    return text


def fold_emoji(text):
    return EMOJI_EXTRAS.sub("", text)


class Word:
    """One word or entity: kind is word, url, handle, hashtag, cashtag or emoji."""

    __slots__ = ("kind", "text", "folded", "begin", "end")

    def __init__(self, kind, text, folded, begin):
        self.kind, self.text, self.folded = kind, text, folded
        self.begin, self.end = begin, begin + len(text)

    def __repr__(self):
        return f"{self.kind}:{self.folded}"


def is_part(char):
    category = unicodedata.category(char)
    return category[0] in "LNM" or category == "Pc" or char == "\u200d" or char == "\u00ad"


def is_letter(char):
    return unicodedata.category(char)[0] == "L"


def is_digit(char):
    return unicodedata.category(char) == "Nd"


def cut(text, network=""):
    words = []
    at = 0
    # An address with its scheme starts anywhere, also within what would be a word.
    schemes = {m.start(): m.group() for m in WITH_SCHEME.finditer(text)}
    while at < len(text):
        entity = (trimmed_url(schemes[at], at) if at in schemes
                  else entity_at(text, at, network))
        if entity:
            words.append(entity)
            at = entity.end
            continue
        if not is_part(text[at]):
            at += 1
            continue
        at = cut_word(text, at, words, schemes)
    return words


def entity_at(text, at, network):
    char = text[at]
    before = text[at - 1] if at else " "
    if char.isalnum():
        # A URL starts where a word may start.
        if before.isalnum() or before in "@＠_-.$#/":
            return None
        url = URL.match(text, at)
        return url and trimmed_url(url.group(), at)
    if char in "@＠":
        retweet = RETWEET.fullmatch(text, max(0, at - 3), at)
        if (before.isalnum() or before in "_!#$%&*@＠") and not retweet:
            return None
        handle = HANDLES.get(network, HANDLES[""]).match(text, at)
        if handle and not text.startswith("://", handle.end()):
            return Word("handle", handle.group(), fold(handle.group()[1:]), at)
        return None
    if char in "#＃":
        if before.isalnum() or before in "_&":
            return None
        end = at + 1
        while end < len(text) and (is_part(text[end]) or text[end] in "\u00b7\u30fb\u200c"):
            end += 1
        if any(is_letter(c) for c in text[at + 1:end]) and not text.startswith("://", end):
            return Word("hashtag", text[at:end], fold(text[at + 1:end]), at)
    if char == "$" and (before.isspace() or not at):
        cashtag = CASHTAG.match(text, at)
        if cashtag:
            return Word("cashtag", cashtag.group(), fold(cashtag.group()[1:]), at)
    emoji = EMOJI.match(text, at)
    return emoji and Word("emoji", emoji.group(), fold_emoji(emoji.group()), at)


TCO = re.compile(r"https?://t\.co/[a-z0-9]+(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]_.,~|-]*)?", re.I)


def trimmed_url(url, at):
    # The paths of this shortener have nothing but letters and digits.
    short = TCO.match(url)
    end = short.end() if short else len(url)
    while end and (url[end - 1] in ".,;:!?'\"”’»…)]}" and
                   not (url[end - 1] == ")" and url.count("(", 0, end) >= url.count(")", 0, end))):
        end -= 1
    return Word("url", url[:end], fold(url[:end]), at)


def cut_word(text, at, words, schemes):
    """Adds the word that starts at `at`; returns where to go on."""
    if script(text[at]) in UNSPACED and unicodedata.category(text[at])[0] in "LN":
        end = at + 1
        while end < len(text) and unicodedata.category(text[end])[0] == "M":
            end += 1
        words.append(Word("word", text[at:end], fold(text[at:end]), at))
        return end
    end = at
    while end < len(text) and end not in schemes:
        char = text[end]
        if is_part(char):
            if script(char) in UNSPACED and unicodedata.category(char)[0] in "LN":
                break
            end += 1
            continue
        after = text[end + 1] if end + 1 < len(text) else ""
        if not after or end == at:
            break
        before = text[end - 1]
        apostrophe = char in "'\u2019\u2018\uff07"
        if apostrophe and is_letter(before) and is_letter(after):
            if fold(text[at:end]) in ELISIONS:
                end += 1
                break
            end += 1
            continue
        if char in ".,;'" and is_digit(before) and is_digit(after):
            end += 1
            continue
        if char in "\u00b7\u0387\u05f4\u2027" and is_letter(before) and is_letter(after):
            end += 1
            continue
        break
    piece = text[at:end]
    if any(unicodedata.category(c)[0] in "LN" for c in piece):
        words.append(Word("word", piece, fold(piece), at))
    return max(end, at + 1)
