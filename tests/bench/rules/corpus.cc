#include "tests/bench/rules/corpus.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>

namespace vigie::bench {
namespace {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // splitmix64, by its published constants.
  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return next() % n; }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double p) { return uniform() < p; }

 private:
  std::uint64_t state_;
};

constexpr std::size_t kWords = 100'000;

struct Alphabet {
  std::vector<std::string> starts;
  std::vector<std::string> vowels;
  std::vector<std::string> ends;
  bool spaces = true;
  double share = 0;  // of the mentions
};

std::vector<Alphabet> alphabets() {
  const std::vector<std::string> consonants = {"b", "c", "d", "f", "g", "l",  "m",  "n", "p",
                                               "r", "s", "t", "v", "h", "st", "tr", "k", "pl"};
  std::vector<Alphabet> all;
  all.push_back(
      {consonants, {"a", "e", "i", "o", "u", "ea", "oo"}, {"", "n", "s", "t", "ck"}, true, 0.35});
  all.push_back(
      {consonants, {"a", "e", "é", "è", "i", "ou", "à", "ê"}, {"", "r", "s", "nt"}, true, 0.15});
  all.push_back(
      {consonants, {"a", "e", "i", "o", "ó", "á", "ía"}, {"", "n", "s", "ñ"}, true, 0.15});
  all.push_back(
      {consonants, {"a", "e", "i", "ei", "ü", "ö", "ä"}, {"", "n", "ch", "ß", "er"}, true, 0.10});
  Alphabet japanese;
  japanese.spaces = false;
  japanese.share = 0.13;
  const auto append = [](std::string& out, char32_t c) {
    if (c < 0x800) {
      out += static_cast<char>(0xC0 | (c >> 6));
    } else {
      out += static_cast<char>(0xE0 | (c >> 12));
      out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    }
    out += static_cast<char>(0x80 | (c & 0x3F));
  };
  for (char32_t c = 0x4E00; c < 0x4E00 + 2200; c += 3) append(japanese.starts.emplace_back(), c);
  for (char32_t c = 0x3042; c < 0x3090; ++c) append(japanese.starts.emplace_back(), c);
  for (char32_t c = 0x30A2; c < 0x30F0; ++c) append(japanese.ends.emplace_back(), c);
  all.push_back(japanese);
  Alphabet arabic;
  arabic.share = 0.12;
  for (char32_t c = 0x0628; c < 0x063B; ++c) append(arabic.starts.emplace_back(), c);
  for (const char32_t c : {U'\x0627', U'\x0648', U'\x064A'})
    append(arabic.vowels.emplace_back(), c);
  arabic.vowels.emplace_back();
  for (char32_t c = 0x0641; c < 0x0648; ++c) append(arabic.ends.emplace_back(), c);
  arabic.ends.emplace_back();
  all.push_back(arabic);
  return all;
}

// The words of one language by rank: those said most are the shortest.
std::vector<std::string> make_words(const Alphabet& alphabet, Random& random) {
  std::vector<std::string> words;
  const auto one_of = [&](const std::vector<std::string>& list) -> const std::string& {
    return list[random.below(list.size())];
  };
  while (words.size() < kWords) {
    const std::size_t rank = words.size();
    std::string word;
    if (!alphabet.spaces) {
      const std::size_t size = rank < 100 ? 1 : rank < 5000 ? 2 : 3 + random.below(2);
      for (std::size_t i = 0; i < size; ++i)
        word += one_of(random.chance(0.8) ? alphabet.starts : alphabet.ends);
    } else {
      const std::size_t syllables = rank < 200 ? 1 : rank < 5000 ? 2 : 3 + random.below(2);
      for (std::size_t i = 0; i < syllables; ++i)
        word += one_of(alphabet.starts) + one_of(alphabet.vowels);
      word += one_of(alphabet.ends);
    }
    words.push_back(std::move(word));
  }
  return words;
}

class Maker {
 public:
  Maker(std::size_t rules, std::uint64_t seed) : random_(seed), alphabets_(alphabets()) {
    for (const Alphabet& alphabet : alphabets_) words_.push_back(make_words(alphabet, random_));
    // The lowest rank of a rule's word: found by trial, so that about 1.5 rules match a mention.
    const double decades = std::log10(static_cast<double>(rules));
    lowest_ = std::pow(10.0, 2.08 + 1.16 * (decades - 3));
  }

  std::string text() {
    const std::size_t language = some_language();
    std::string out;
    const std::size_t count = 12 + random_.below(28);
    for (std::size_t i = 0; i < count; ++i) {
      std::string word = words_[language][zipf()];
      const double kind = random_.uniform();
      if (alphabets_[language].spaces || kind < 0.06) {
        if (!out.empty()) out += random_.chance(0.1) ? ", " : " ";
      } else if (random_.chance(0.08)) {
        out += "、";
      }
      if (kind < 0.02) {
        out += "@user" + std::to_string(random_.below(100'000));
      } else if (kind < 0.04) {
        out += "#" + word;
      } else if (kind < 0.05) {
        out += "https://example.com/" + std::to_string(random_.below(1'000'000));
      } else if (kind < 0.06) {
        out += "🎉";
      } else {
        if (random_.chance(0.12) && word[0] >= 'a' && word[0] <= 'z')
          word[0] = static_cast<char>(word[0] - 32);
        out += word;
      }
      if (kind >= 0.02 && kind < 0.06 && !alphabets_[language].spaces) out += " ";
    }
    if (random_.chance(0.25)) out += alphabets_[language].spaces ? "!" : "。";
    return out;
  }

  std::string query() {
    language_ = some_language();
    const double kind = random_.uniform();
    if (kind < 0.05) return regex();
    if (kind < 0.15) return boolean() + " -" + frequent();
    if (kind < 0.30) {
      return fmt::format("{} {}/{} {}", group(), random_.chance(0.3) ? "ONEAR" : "NEAR",
                         2 + random_.below(9), frequent_group());
    }
    return boolean();
  }

 private:
  std::size_t some_language() {
    double at = random_.uniform();
    for (std::size_t i = 0; i < alphabets_.size(); ++i) {
      at -= alphabets_[i].share;
      if (at < 0) return i;
    }
    return 0;
  }

  // Rank r with a probability of about 1 / (r + 2).
  std::size_t zipf() {
    const double u = random_.uniform();
    return std::min<std::size_t>(kWords - 1,
                                 static_cast<std::size_t>(2.0 * std::pow(kWords / 2.0, u)) - 2);
  }

  std::size_t rank(double from, double to) {
    return std::min<std::size_t>(
        kWords - 1, static_cast<std::size_t>(from * std::pow(to / from, random_.uniform())));
  }
  // A word that tells a topic, and one that everybody says.
  std::string topical() {
    const std::string& word = words_[language_][rank(lowest_, kWords)];
    const double kind = random_.uniform();
    if (kind < 0.08 && alphabets_[language_].spaces && word.size() > 5) return prefix(word);
    if (kind < 0.12 && alphabets_[language_].spaces) return "#" + word;
    if (kind < 0.20)
      return "\"" + word + (alphabets_[language_].spaces ? " " : "") +
             words_[language_][rank(1, 300)] + "\"";
    return word;
  }
  std::string frequent() { return words_[language_][rank(5, 2000)]; }

  static std::string prefix(const std::string& word) {
    std::size_t size = word.size() - 2;
    while (size > 0 && (static_cast<unsigned char>(word[size]) & 0xC0) == 0x80) --size;
    return word.substr(0, size) + "*";
  }

  std::string joined(std::size_t count, const std::function<std::string()>& one) {
    std::string out = "(";
    for (std::size_t i = 0; i < count; ++i) out += (i > 0 ? " OR " : "") + one();
    return out + ")";
  }
  std::string group() {
    return joined(1 + random_.below(4), [this] { return topical(); });
  }
  std::string frequent_group() {
    return joined(2 + random_.below(5), [this] { return frequent(); });
  }

  std::string boolean() {
    switch (random_.below(4)) {
      case 0:
        return group();
      case 1:
        return group() + " " + frequent_group();
      case 2:
        return frequent_group() + " " + topical() + " " + frequent_group();
      default:
        return group() + " OR (" + topical() + " " + frequent() + ")";
    }
  }

  std::string regex() {
    const std::string word = words_[language_][rank(lowest_, kWords)];
    const std::string other = words_[language_][rank(50, 5000)];
    switch (random_.below(5)) {
      case 0:
        return "/" + word + "\\w*/i";
      case 1:
        return "/\\b(" + word + "|" + other + word + ")\\b/";
      case 2:
        return "/" + word + "[ -]?" + other + "/i";
      case 3:
        return "/" + other + ".{0,20}" + word + "/";
      default:
        return "/" + word + "[a-z]+\\d?/";
    }
  }

  Random random_;
  std::vector<Alphabet> alphabets_;
  std::vector<std::vector<std::string>> words_;
  double lowest_ = 0;
  std::size_t language_ = 0;
};

}  // namespace

std::string Corpus::yaml() const {
  std::string out = "themes:\n";
  for (std::size_t i = 0; i < queries.size(); ++i) {
    out += fmt::format("  - {{id: t{:06}, query: '{}'}}\n", i, queries[i]);
  }
  return out;
}

Corpus make_corpus(std::size_t rules, std::size_t texts, std::uint64_t seed) {
  Maker maker(rules, seed);
  Corpus corpus;
  for (std::size_t i = 0; i < texts; ++i) corpus.texts.push_back(maker.text());
  for (std::size_t i = 0; i < rules; ++i) corpus.queries.push_back(maker.query());
  return corpus;
}

}  // namespace vigie::bench
