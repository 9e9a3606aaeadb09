"""The mentions and rules that every system gets: made here, so that all of them can do the same work.

A mention is one of `vigie generate` (networks, authors, conversations, languages, repeats), with more
text behind its own, so that it is about 1 kB. That text is of made-up words, said as often as words of
a language are, and the rules ask for these words only: what a word of another language is, and which
query forms there are, then makes no difference between the systems. Hashtags and links are fields of
their own, as several networks send them.
"""
import json
import os
import random
import re
import subprocess
import time

BRAND = "zorvex"
WORDS = 6000
TAILS = 20000
BYTES = 1000
HASHTAG = re.compile(r"#(\w+)")
LINK = re.compile(r"https://[\w./-]*[\w/]")
PER_SECOND = 100


def vocabulary(chance):
    syllables = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]
    words = set()
    while len(words) < WORDS:
        words.add("".join(chance.choices(syllables, k=chance.choice((2, 2, 3, 3, 4)))))
    words.discard(BRAND)
    words = sorted(words)
    chance.shuffle(words)
    return words


def make_rules(words, count, chance):
    """One brand query, and themes `(a AND b) OR "c d"` of words that are neither rare nor in every text."""
    known = words[150:2500]
    themes = []
    for number in range(count - 1):
        a, b, c, d = chance.sample(known, 4)
        themes.append({"id": f"theme-{number}", "all": [a, b], "phrase": f"{c} {d}"})
    return themes


def write_rules(themes, directory):
    """For Vigie as YAML, for the Streams application as JSON."""
    lines = ["brand:", "  id: bench", f"  query: {BRAND}", '  accounts: ["x:@bench_brand"]', "themes:"]
    for theme in themes:
        a, b = theme["all"]
        lines.append(f"  - {{id: {theme['id']}, query: '({a} AND {b}) OR \"{theme['phrase']}\"'}}")
    lines += ["routes:",
              "  - {id: to-brand, when: 'is:brand', queue: social, priority: normal}",
              "  - {id: community, when: 'theme:*', queue: community, priority: normal}"]
    with open(os.path.join(directory, "rules.yaml"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    with open(os.path.join(directory, "rules.json"), "w", encoding="utf-8") as out:
        json.dump({"brand": [BRAND], "themes": themes}, out)


def make_tails(words, themes, chance):
    """Texts: half say something of a theme, one in twenty names the brand."""
    weights = [1 / (rank + 20) for rank in range(len(words))]
    tails = []
    for _ in range(TAILS):
        said = chance.choices(words, weights, k=130)
        if chance.random() < 0.4:
            said.insert(chance.randrange(40), chance.choice(themes)["phrase"])
        if chance.random() < 0.05:
            said.insert(chance.randrange(40), BRAND)
        for at in range(11, len(said), 12):
            said[at] += chance.choice((".", ",", "!", "?", "."))
        tails.append(" ".join(said))
    return tails


def make_corpus(vigie, directory, mentions, rules):
    """Writes mentions.ndjson and the rules; returns how many mentions."""
    chance = random.Random(11)
    words = vocabulary(chance)
    themes = make_rules(words, rules, chance)
    write_rules(themes, directory)
    tails = make_tails(words, themes, chance)
    made = subprocess.Popen(
        [vigie, "generate", "--seed", "5", "--rate", str(PER_SECOND), "--duration", "240h", "--ops",
         "create,duplicate", "--seen-at", "--start",
         # So that it ends about now.
         time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - mentions / PER_SECOND - 600))],
        stdout=subprocess.PIPE)
    count = 0
    with open(os.path.join(directory, "mentions.ndjson"), "wb") as out:
        for line in made.stdout:
            mention = json.loads(line)
            # Clicks and reactions are no mentions, and messages to the brand itself need no rule.
            if mention["kind"] not in ("post", "mention", "reply", "comment", "share"):
                continue
            # By its id, so that what is said again is the same.
            tail = tails[number_of(mention["id"])]
            text = mention.get("text") or ""
            mention["hashtags"] = sorted(set(tag.lower() for tag in HASHTAG.findall(text)))
            mention["links"] = sorted(set(LINK.findall(text)))
            mention["text"] = text + ". " + tail[:max(0, BYTES - len(line))]
            out.write(json.dumps(mention, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
            count += 1
            if count == mentions:
                break
    made.terminate()
    made.wait()
    return count


def number_of(text):
    value = 0
    for byte in text.encode():
        value = (value * 131 + byte) % 1000003
    return value % TAILS
