#include "rules/questions.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "pipeline/core/yaml.h"
#include "rules/characters.h"
#include "rules/fold.h"
#include "rules/lanes.h"

namespace vigie {

extern const std::string_view kQuestionsYaml;

namespace {

struct InterrogativeWord {
  std::string folded;
  std::string accented;  // empty when the word matches with and without accents
};
using Interrogative = std::vector<InterrogativeWord>;

// The interrogatives of one language, by their folded first word.
using Interrogatives = std::map<std::string, std::vector<Interrogative>, std::less<>>;
using Languages = std::map<std::string, Interrogatives, std::less<>>;

Interrogative interrogative(CutText& cut, std::string_view entry) {
  cut.cut(entry, "");
  Interrogative words;
  for (const Word& word : cut.words()) {
    InterrogativeWord one{std::string(word.folded),
                          fold_case(entry.substr(word.begin, word.end - word.begin))};
    if (one.accented == one.folded) one.accented.clear();
    words.push_back(std::move(one));
  }
  return words;
}

const Languages& languages() {
  static const Languages kLanguages = [] {
    Languages languages;
    CutText cut;
    const Result<YamlNode> root = parse_yaml(kQuestionsYaml, "questions.yaml");
    assert(root && root->type == YamlNode::Type::Map);
    for (const YamlEntry& language : root->entries) {
      Interrogatives& interrogatives = languages[language.key.text];
      for (const YamlNode& entry : language.value.items) {
        Interrogative words = interrogative(cut, entry.text);
        assert(!words.empty());
        const std::string first = words.front().folded;
        interrogatives[first].push_back(std::move(words));
      }
    }
    return languages;
  }();
  return kLanguages;
}

const Interrogatives* interrogatives_of(std::string_view lang) {
  const std::string_view primary = lang.substr(0, std::min(lang.find_first_of("-_"), lang.size()));
  std::array<char, 2> lower = {};
  if (primary.size() != lower.size()) return nullptr;
  std::transform(primary.begin(), primary.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  const auto found = languages().find(std::string_view(lower.data(), lower.size()));
  return found == languages().end() ? nullptr : &found->second;
}

bool is_question_mark(char32_t c) {
  return c == '?' || c == 0xFF1F || c == 0x061F || c == 0xBF;
}
bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || c == 0x85 || c == 0x2028 || c == 0x2029;
}
bool ends_sentence(char32_t c) {
  return c == '.' || c == '!' || c == '?' || c == 0x2026 || is_line_break(c);
}

// Whether a question mark may stand in the text; false is certain. Those beyond ASCII are told by
// their last byte, then by those before it.
bool may_ask(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto is_mark = [&](std::size_t at) {
    if (byte(at) == '?') return true;
    if (at == 0) return false;
    if (byte(at) == 0xBF) return byte(at - 1) == 0xC2;
    return byte(at) == 0x9F && (byte(at - 1) == 0xD8 || byte(at - 1) == 0xBC);
  };
  std::size_t at = 0;
  for (; at + Lane::kSize <= text.size(); at += Lane::kSize) {
    const Lane lane = Lane::load(text.data() + at);
    std::uint32_t bits = (lane.equal('?') | lane.equal(0xBF) | lane.equal(0x9F)).high_bits();
    for (; bits != 0; bits &= bits - 1) {
      if (is_mark(at + static_cast<std::size_t>(std::countr_zero(bits)))) return true;
    }
  }
  for (; at < text.size(); ++at) {
    if (is_mark(at)) return true;
  }
  return false;
}

// ASCII that neither asks, ends a sentence nor opens a quotation: most of what is between words.
constexpr std::array<bool, 256> kQuiet = [] {
  std::array<bool, 256> quiet = {};
  for (std::size_t c = 0; c < 0x80; ++c) quiet[c] = c < 0x0A || c > 0x0D;
  for (const char c : {'?', '.', '!', '"'}) quiet[static_cast<unsigned char>(c)] = false;
  return quiet;
}();

char32_t closing_quote(char32_t opening) {
  switch (opening) {
    case '"':
      return '"';
    case 0x201C:
      return 0x201D;
    case 0xAB:
      return 0xBB;
    default:
      return 0;
  }
}

// Walks a text from its start to its end between its words, keeping track of quotations and
// sentence starts.
class QuestionScan {
 public:
  QuestionScan(const CutText& cut, const Interrogatives* interrogatives)
      : text_(cut.text()),
        at_(text_.data()),
        end_(text_.data() + text_.size()),
        words_(cut.words()),
        interrogatives_(interrogatives) {}

  bool run() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const Word& word = words_[i];
      if (signs_until(text_.data() + word.begin)) return true;
      if (at_sentence_start_ && interrogatives_ != nullptr && starts_question(i)) return true;
      at_sentence_start_ = false;
      at_ = text_.data() + word.end;
    }
    return signs_until(end_);
  }

 private:
  bool quoted() const { return at_ < quote_end_; }

  bool signs_until(const char* stop) {
    while (at_ < stop) {
      if (kQuiet[static_cast<unsigned char>(*at_)]) {
        ++at_;
        continue;
      }
      const Decoded next = decode(at_, end_);
      const char32_t c = next.code_point;
      if (is_question_mark(c) && !quoted()) return true;
      if (ends_sentence(c)) at_sentence_start_ = true;
      at_ += next.size;
      if (closing_quote(c) != 0 && at_ > quote_end_) quote_end_ = find_quote_end(closing_quote(c));
    }
    return false;
  }

  // The end of the quotation that opened before `at_`, or `at_` when its line does not close it.
  // Remembers for each kind of quote up to where there is no closing one, so that many open quotes
  // cost no more than one.
  const char* find_quote_end(char32_t closing) {
    const char*& barren = closing == '"' ? barren_[0] : closing == 0x201D ? barren_[1] : barren_[2];
    if (at_ < barren) return at_;
    for (const char* at = at_; at < end_;) {
      const Decoded next = decode(at, end_);
      if (is_line_break(next.code_point)) {
        barren = at;
        return at_;
      }
      at += next.size;
      if (next.code_point == closing) return at;
    }
    barren = end_;
    return at_;
  }

  bool starts_question(std::size_t first) const {
    const auto found = interrogatives_->find(words_[first].folded);
    return found != interrogatives_->end() &&
           std::any_of(found->second.begin(), found->second.end(),
                       [this, first](const Interrogative& words) { return matches(words, first); });
  }

  bool matches(const Interrogative& words, std::size_t first) const {
    if (words.size() > words_.size() - first) return false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const Word& word = words_[first + i];
      if (word.kind != WordKind::Word || word.folded != words[i].folded) return false;
      if (!words[i].accented.empty() &&
          fold_case(text_.substr(word.begin, word.end - word.begin)) != words[i].accented) {
        return false;
      }
      if (i > 0 && sentence_ends_between(words_[first + i - 1], word)) return false;
    }
    return true;
  }

  bool sentence_ends_between(const Word& before, const Word& after) const {
    const char* stop = text_.data() + after.begin;
    for (const char* at = text_.data() + before.end; at < stop;) {
      const Decoded next = decode(at, stop);
      if (ends_sentence(next.code_point)) return true;
      at += next.size;
    }
    return false;
  }

  std::string_view text_;
  const char* at_;
  const char* end_;
  const std::vector<Word>& words_;
  const Interrogatives* interrogatives_;
  const char* quote_end_ = nullptr;
  std::array<const char*, 3> barren_ = {};
  bool at_sentence_start_ = true;
};

}  // namespace

bool is_question(const CutText& cut, std::string_view lang) {
  const Interrogatives* const interrogatives = interrogatives_of(lang);
  if (interrogatives == nullptr && !may_ask(cut.text())) return false;
  return QuestionScan(cut, interrogatives).run();
}

}  // namespace vigie
