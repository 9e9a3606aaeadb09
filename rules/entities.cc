#include "rules/entities.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "rules/characters.h"
#include "rules/emoji.h"
#include "rules/lanes.h"
#include "rules/urls.h"

namespace vigie {

namespace {

enum class HandleStyle : std::uint8_t { Twitter, UserAtHost, DomainName, Dotted };

HandleStyle handle_style(std::string_view network) {
  if (network == "mastodon") return HandleStyle::UserAtHost;
  if (network == "bluesky") return HandleStyle::DomainName;
  if (network == "instagram" || network == "telegram" || network == "youtube")
    return HandleStyle::Dotted;
  return HandleStyle::Twitter;
}

constexpr char32_t kWideAt = 0xFF20;
constexpr char32_t kWideHash = 0xFF03;
constexpr char32_t kKeycap = 0x20E3;
constexpr char32_t kEmojiStyle = 0xFE0F;

bool is_at(char32_t c) {
  return c == '@' || c == kWideAt;
}
bool is_name(char c) {
  return c == '_' || is_ascii_alnum(static_cast<unsigned char>(c));
}
bool is_host(char c) {
  return c == '-' || is_ascii_alnum(static_cast<unsigned char>(c));
}
bool in(std::string_view set, char32_t c) {
  return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

// The bytes of a lane at which an entity may be noticed. Beyond ASCII these are the first bytes of
// emoji, of the keycap and of wide signs; the other code points of three bytes are most of what is
// written in Chinese, Japanese and Korean.
std::uint32_t trigger_bits(Lane lane) {
  return (lane.equal('.') | lane.equal(':') | lane.equal('@') | lane.between('#', '$') |
          lane.equal(0xC2) | lane.between(0xE2, 0xE3) | lane.between(0xEF, 0xF4))
      .high_bits();
}

std::uint32_t trigger_bits(const char* at, const char* end) {
  if (end - at >= static_cast<std::ptrdiff_t>(Lane::kSize)) return trigger_bits(Lane::load(at));
  std::array<char, Lane::kSize> last = {};
  std::memcpy(last.data(), at, static_cast<std::size_t>(end - at));
  return trigger_bits(Lane::load(last.data()));
}

class EntityScan {
 public:
  EntityScan(std::string_view text, std::string_view network, std::vector<Word>& found)
      : text_(text),
        begin_(text.data()),
        end_(text.data() + text.size()),
        done_(text.data()),
        style_(handle_style(network)),
        found_(found) {}

  void run() {
    for (const char* lane = begin_; lane < end_;) {
      const char* next = lane + Lane::kSize;
      for (std::uint32_t bits = trigger_bits(lane, end_); bits != 0; bits &= bits - 1) {
        const char* const at = lane + std::countr_zero(bits);
        if (!is_kana(at) && look(at, decode(at, end_))) {
          next = done_;
          break;
        }
      }
      lane = next;
    }
  }

 private:
  bool look(const char* at, Decoded next) {
    switch (next.code_point) {
      case '.':
        return url_without_scheme(at);
      case ':':
        return url_with_scheme(at);
      case '@':
      case kWideAt:
        return handle(at, at + next.size);
      case '#':
      case kWideHash:
        return hashtag(at, at + next.size);
      case '$':
        return cashtag(at);
      case kKeycap:
        return keycap(at, at + next.size);
      default:
        return next.code_point >= 0x80 && emoji(at, next.code_point);
    }
  }

  // Hiragana and Katakana begin like the wide signs and few emoji from U+3000 on and from U+3280
  // on.
  bool is_kana(const char* at) const {
    return static_cast<unsigned char>(*at) == 0xE3 && at + 1 < end_ &&
           static_cast<unsigned char>(at[1]) != 0x80 && static_cast<unsigned char>(at[1]) != 0x8A;
  }

  bool add(WordKind kind, const char* begin, const char* end) {
    Word word;
    word.kind = kind;
    word.begin = static_cast<std::uint32_t>(begin - begin_);
    word.end = static_cast<std::uint32_t>(end - begin_);
    found_.push_back(word);
    done_ = end;
    return true;
  }

  char32_t before(const char* at) const { return decode_before(begin_, at).code_point; }
  bool at_address(const char* at) const {
    return end_ - at >= 3 && at[0] == ':' && at[1] == '/' && at[2] == '/';
  }

  bool url_without_scheme(const char* dot) {
    if (dot + 1 == end_ || dot[1] == ' ') return false;
    const char* begin = host_start_before(text_, done_, dot);
    if (begin == nullptr) return false;
    const char* end = url_end_without_scheme(text_, begin);
    return end != nullptr && add(WordKind::Url, begin, end);
  }

  bool url_with_scheme(const char* colon) {
    if (!at_address(colon)) return false;
    const char* begin = scheme_start(colon);
    if (begin == nullptr) return false;
    const char* end = url_end_with_scheme(text_, begin);
    return end != nullptr && add(WordKind::Url, begin, end);
  }

  const char* scheme_start(const char* colon) const {
    for (const std::string_view scheme : {std::string_view("https"), std::string_view("http")}) {
      if (colon - done_ < static_cast<std::ptrdiff_t>(scheme.size())) continue;
      const char* begin = colon - scheme.size();
      bool same = true;
      for (std::size_t i = 0; i < scheme.size(); ++i) same = same && (begin[i] | 0x20) == scheme[i];
      if (same) return begin;
    }
    return nullptr;
  }

  bool keycap(const char* at, const char* end) {
    const char* key = at;
    if (key > done_ && before(key) == kEmojiStyle) key -= 3;
    if (key <= done_) return false;
    --key;
    const bool is_key =
        is_ascii_digit(static_cast<unsigned char>(*key)) || *key == '#' || *key == '*';
    return is_key && add(WordKind::Emoji, key, end);
  }

  bool emoji(const char* at, char32_t c) {
    if (!Characters::of(c).is(Character::kEmoji)) return false;
    const char* end = emoji_end(at, end_);
    return end != nullptr && add(WordKind::Emoji, at, end);
  }

  bool hashtag(const char* sign, const char* at) {
    if (sign > begin_) {
      const char32_t c = before(sign);
      const bool style = c == 0xFE0E || c == kEmojiStyle;
      if (c == '&' || (!style && is_tag_character(c))) return false;
    }
    if (at < end_) {
      const char32_t c = decode(at, end_).code_point;
      if (c == kEmojiStyle || c == kKeycap) return false;
    }
    bool letter = false;
    while (at < end_) {
      const Decoded next = decode(at, end_);
      if (!is_tag_character(next.code_point)) break;
      letter = letter || Characters::of(next.code_point).is(Character::kTagLetter);
      at += next.size;
    }
    if (!letter || at_address(at)) return false;
    if (at < end_) {
      const char32_t c = decode(at, end_).code_point;
      if (c == '#' || c == kWideHash) return false;
    }
    return add(WordKind::Hashtag, sign, at);
  }

  static bool is_tag_character(char32_t c) {
    return Characters::of(c).is(Character::kTagLetter | Character::kTagOther);
  }

  bool cashtag(const char* sign) {
    if (sign > begin_ &&
        !Characters::of(before(sign)).is(Character::kSpace | Character::kDirection))
      return false;
    const auto letters = [this](const char* from) {
      while (from < end_ && is_ascii_letter(static_cast<unsigned char>(*from))) ++from;
      return from;
    };
    const char* symbol = letters(sign + 1);
    if (symbol == sign + 1 || symbol - sign > 7 || !ends_cashtag(symbol)) return false;
    if (symbol < end_ && (*symbol == '.' || *symbol == '_')) {
      const char* suffix = letters(symbol + 1);
      if (suffix > symbol + 1 && suffix - symbol <= 3 && ends_cashtag(suffix)) {
        return add(WordKind::Cashtag, sign, suffix);
      }
    }
    return add(WordKind::Cashtag, sign, symbol);
  }

  bool ends_cashtag(const char* at) const {
    if (at == end_) return true;
    const char32_t c = decode(at, end_).code_point;
    return Characters::of(c).is(Character::kSpace) || (c > 0x20 && c < 0x7F && !is_ascii_alnum(c));
  }

  // `at` is on the sign, `name` after it.
  bool handle(const char* at, const char* name) {
    // The name comes first: looking back over every sign of a row of them would be quadratic.
    const char* end = handle_end(name);
    if (end == name || at_address(end) || !may_precede_handle(at)) return false;
    if (end < end_) {
      const char32_t c = decode(end, end_).code_point;
      if (is_at(c) || Characters::of(c).is(Character::kLatin)) return false;
    }
    return add(WordKind::Handle, at, end);
  }

  bool may_precede_handle(const char* at) const {
    while (at > done_ && is_at(before(at))) at -= before(at) == '@' ? 1 : 3;
    if (at == begin_) return true;
    const char32_t c = before(at);
    if (!is_ascii_alnum(c) && !in("_!#$%&*@", c) && c != kWideAt) return true;
    return follows_retweet(at);
  }

  // `RT@name`, where RT is no end of something longer.
  bool follows_retweet(const char* at) const {
    if (at - begin_ < 2 || (at[-1] | 0x20) != 't' || (at[-2] | 0x20) != 'r') return false;
    if (at - begin_ == 2) return true;
    const char32_t c = before(at - 2);
    return !is_ascii_alnum(c) && !in("_+~.-", c);
  }

  const char* handle_end(const char* name) const {
    switch (style_) {
      case HandleStyle::Twitter:
        return name_end(name, 20, "");
      case HandleStyle::Dotted:
        return name_end(name, 30, ".");
      case HandleStyle::DomainName:
        return domain_end(name);
      case HandleStyle::UserAtHost:
        break;
    }
    const char* user = name_end(name, 64, ".-");
    if (user > name && user < end_ && *user == '@') {
      const char* host = domain_end(user + 1);
      if (host > user + 1) return host;
    }
    return name_end(name, 30, "");
  }

  // At most `limit` letters, digits and underscores, with single `joints` between them.
  const char* name_end(const char* at, std::ptrdiff_t limit, std::string_view joints) const {
    const char* name = at;
    const char* last = end_ - at > limit ? at + limit : end_;
    while (at < last) {
      if (is_name(*at)) {
        ++at;
      } else if (at > name && in(joints, static_cast<unsigned char>(*at)) && at + 1 < last &&
                 is_name(at[1])) {
        at += 2;
      } else {
        break;
      }
    }
    return at;
  }

  // The end of a domain name of two labels or more whose last begins with a letter; `at` when there
  // is none.
  const char* domain_end(const char* at) const {
    constexpr std::ptrdiff_t kMaxDomain = 253;
    const char* domain = at;
    const char* last = end_ - at > kMaxDomain ? at + kMaxDomain : end_;
    const char* found = at;
    while (at < last) {
      const char* label = at;
      while (at < last && is_host(*at)) ++at;
      const char* end = at;
      while (end > label && end[-1] == '-') --end;
      if (end == label || *label == '-') break;
      if (label > domain && is_ascii_letter(static_cast<unsigned char>(*label)) && end - label >= 2)
        found = end;
      if (end != at || at == last || *at != '.') break;
      ++at;
    }
    return found;
  }

  std::string_view text_;
  const char* begin_;
  const char* end_;
  const char* done_;  // the end of the last entity
  HandleStyle style_;
  std::vector<Word>& found_;
};

}  // namespace

void find_entities(std::string_view text, std::string_view network, std::vector<Word>& found) {
  found.clear();
  EntityScan(text, network, found).run();
}

std::string_view without_sigil(WordKind kind, std::string_view written) {
  switch (kind) {
    case WordKind::Handle:
    case WordKind::Hashtag:
    case WordKind::Cashtag:
      return written.substr(decode(written.data(), written.data() + written.size()).size);
    case WordKind::Word:
    case WordKind::Url:
    case WordKind::Emoji:
      break;
  }
  return written;
}

}  // namespace vigie
