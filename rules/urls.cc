#include "rules/urls.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "rules/characters.h"

namespace vigie {

namespace {

constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxShortLinkSlug = 40;

constexpr std::array<std::string_view, 11> kTopLabelsWithoutScheme = {
    "com", "org", "net", "edu", "gov", "info", "io", "app", "dev", "ai", "eu"};

// The top labels that have accented Latin letters; of any other the accent would be a word that
// follows without a space.
constexpr std::array<std::string_view, 2> kAccentedTopLabels = {"vermögensberater",
                                                                "vermögensberatung"};

// The two-letter top labels of countries and territories, as twitter-text lists them, by their
// first letter.
constexpr std::array<std::string_view, 26> kCountryLabels = {"cdefgilmnoqrstuwxz",       // a
                                                             "abdefghijlmnoqrstvwyz",    // b
                                                             "acdfghiklmnoruvwxyz",      // c
                                                             "ejkmoz",                   // d
                                                             "ceghrstu",                 // e
                                                             "ijkmor",                   // f
                                                             "abdefghilmnpqrstuwy",      // g
                                                             "kmnrtu",                   // h
                                                             "delmnoqrst",               // i
                                                             "emop",                     // j
                                                             "eghimnprwyz",              // k
                                                             "abcikrstuvy",              // l
                                                             "acdefghklmnopqrstuvwxyz",  // m
                                                             "acefgilopruz",             // n
                                                             "m",                        // o
                                                             "aefghklmnrstwy",           // p
                                                             "a",                        // q
                                                             "eosuw",                    // r
                                                             "abcdeghijklmnorstuvxyz",   // s
                                                             "cdfghjklmnoprtvwz",        // t
                                                             "agkmsyz",                  // u
                                                             "aceginu",                  // v
                                                             "fs",                       // w
                                                             "",                         // x
                                                             "et",                       // y
                                                             "amw"};                     // z

bool in(std::string_view set, char32_t c) {
  return c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_host_letter(char32_t c) {
  return is_ascii_alnum(c) || (c >= 0x80 && Characters::of(c).is(Character::kLatin));
}

bool is_path_letter(char32_t c) {
  return is_host_letter(c) || (c >= 0x400 && c <= 0x4FF);
}

bool is_path(char32_t c) {
  return is_path_letter(c) || in("!*';:=+,.$/%#[]-_~|&@", c) || c == 0x2013;
}
bool is_path_end(char32_t c) {
  return is_path_letter(c) || in("=_#/-+", c);
}
bool is_query(char32_t c) {
  return is_ascii_alnum(c) || in("!?*'();:&=+$/%#[]-_.,~|@", c);
}
bool is_query_end(char32_t c) {
  return is_ascii_alnum(c) || in("-_&=#/", c);
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
  });
}

bool is_country_label(std::string_view label) {
  if (label.size() != 2 || !is_ascii_letter(static_cast<unsigned char>(label[0]))) return false;
  const auto first = static_cast<std::size_t>((label[0] | 0x20) - 'a');
  return kCountryLabels[first].contains(static_cast<char>(label[1] | 0x20));
}

std::string_view view(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// One label of a host.
struct Label {
  const char* begin = nullptr;
  const char* end = nullptr;
  const char* top_end =
      nullptr;         // where a host ends that has this as its top label; null: it cannot
  bool valid = false;  // may stand below another label
  bool underscore = false;
};

class HostScan {
 public:
  HostScan(const char* end, bool with_scheme) : end_(end), with_scheme_(with_scheme) {}

  Label label(const char* begin, bool first) const {
    Label label;
    label.begin = begin;
    Decoded edge;
    const char* at = begin;
    std::size_t size = 0;
    bool all_letters = true;
    bool foreign = false;
    char32_t last = 0;
    for (; at < end_; at += edge.size, ++size) {
      edge = decode(at, end_);
      const char32_t c = edge.code_point;
      const bool latin = is_host_letter(c) || c == '-' || c == '_';
      if (!latin) {
        if (!with_scheme_ || c < 0x80 || !Characters::of(c).is(Character::kHost)) break;
        // `example.com` followed by Japanese without a space ends at `com`.
        if (!foreign && !first && ascii_top(begin, at) != nullptr) break;
        foreign = true;
      }
      if (c == '_') label.underscore = true;
      all_letters = all_letters && is_letter_or_mark(c);
      last = c;
    }
    label.end = at;
    const bool punycode =
        view(begin, at).size() > 4 && equal_ignoring_case(view(begin, begin + 4), "xn--");
    const bool bad_edge =
        size == 0 || in("-_", static_cast<unsigned char>(*begin)) || in("-_", last);
    label.valid = !bad_edge && size <= kMaxLabel && !(foreign && (label.underscore || punycode));
    if (foreign) {
      if (label.valid && all_letters && size >= 2) label.top_end = at;
    } else if (punycode) {
      label.top_end = label.underscore ? nullptr : at;
    } else {
      const bool accented = std::ranges::any_of(kAccentedTopLabels, [&](std::string_view top) {
        return with_scheme_ && equal_ignoring_case(view(begin, at), top);
      });
      label.top_end = accented ? at : ascii_top(begin, at);
    }
    return label;
  }

 private:
  static bool is_letter_or_mark(char32_t c) {
    return c < 0x80 ? is_ascii_letter(c) : Characters::of(c).is(Character::kTagLetter);
  }

  // Two ASCII letters or more, followed by nothing that would make them part of something longer.
  const char* ascii_top(const char* begin, const char* label_end) const {
    const char* at = begin;
    while (at < label_end && is_ascii_letter(static_cast<unsigned char>(*at))) ++at;
    if (at - begin < 2) return nullptr;
    if (at < end_ && (is_ascii_digit(static_cast<unsigned char>(*at)) ||
                      in("@+-", static_cast<unsigned char>(*at)))) {
      return nullptr;
    }
    // Underscores may follow a host, as in _example.com_, but not go on into a longer label.
    const char* after = at;
    while (after < end_ && *after == '_') ++after;
    if (after > at && after < end_ &&
        (is_ascii_alnum(static_cast<unsigned char>(*after)) ||
         in("-.", static_cast<unsigned char>(*after)))) {
      return nullptr;
    }
    return at;
  }

  const char* end_;
  bool with_scheme_;
};

const char* port_end(const char* at, const char* end) {
  if (at == end || *at != ':') return at;
  const char* digits = at + 1;
  while (digits < end && is_ascii_digit(static_cast<unsigned char>(*digits))) ++digits;
  return digits == at + 1 ? at : digits;
}

bool has_path(const char* host_end, const char* end) {
  const char* at = port_end(host_end, end);
  return at < end && *at == '/';
}

const char* host_end(const char* begin, const char* end, bool with_scheme) {
  const HostScan scan(end, with_scheme);
  const char* found = nullptr;
  bool after_www = false;
  bool underscore_below = false;
  std::size_t labels = 0;
  for (const char* at = begin; at < end; ++labels) {
    const Label label = scan.label(at, labels == 0);
    if (labels > 0 && label.top_end != nullptr && !underscore_below) {
      const std::string_view top = view(label.begin, label.top_end);
      const bool listed =
          std::any_of(kTopLabelsWithoutScheme.begin(), kTopLabelsWithoutScheme.end(),
                      [top](std::string_view one) { return equal_ignoring_case(top, one); });
      // `acme.com.br` is a host of its own, and none of acme.com's.
      const bool country = found != nullptr && found + 1 == label.begin &&
                           (label.top_end == label.end || *label.top_end == '_') &&
                           is_country_label(top);
      if (with_scheme || after_www || listed || country || has_path(label.top_end, end))
        found = label.top_end;
    }
    if (!label.valid || label.end == end || *label.end != '.') break;
    if (labels == 0) after_www = equal_ignoring_case(view(label.begin, label.end), "www");
    underscore_below = label.underscore;
    at = label.end + 1;
  }
  return found;
}

// `(` path `)` with at most one more level of parentheses inside, or null. `at` is on the `(`.
const char* parentheses_end(const char* at, const char* end) {
  const auto path = [end](const char* from) {
    while (from < end) {
      const Decoded next = decode(from, end);
      if (!is_path(next.code_point)) break;
      from += next.size;
    }
    return from;
  };
  const char* inside = at + 1;
  const char* next = path(inside);
  if (next == end) return nullptr;
  if (*next == ')') return next == inside ? nullptr : next + 1;
  if (*next != '(') return nullptr;
  const char* nested = next + 1;
  next = path(nested);
  if (next == nested || next == end || *next != ')') return nullptr;
  next = path(next + 1);
  return next < end && *next == ')' ? next + 1 : nullptr;
}

const char* path_end(const char* at, const char* end) {
  if (at == end || *at != '/') return at;
  const char* found = ++at;
  while (at < end) {
    if (*at == '(') {
      at = parentheses_end(at, end);
      if (at == nullptr) break;
      found = at;
      continue;
    }
    const Decoded next = decode(at, end);
    if (!is_path(next.code_point)) break;
    at += next.size;
    if (is_path_end(next.code_point)) found = at;
  }
  return found;
}

const char* query_end(const char* at, const char* end) {
  if (at == end || *at != '?') return at;
  const char* found = at;
  for (++at; at < end && is_query(static_cast<unsigned char>(*at)); ++at) {
    if (is_query_end(static_cast<unsigned char>(*at))) found = at + 1;
  }
  return found;
}

const char* rest_end(const char* host_end, const char* end) {
  return query_end(path_end(port_end(host_end, end), end), end);
}

}  // namespace

const char* url_end_with_scheme(std::string_view text, const char* begin) {
  const char* end = text.data() + text.size();
  if (begin > text.data()) {
    const char32_t before = decode_before(text.data(), begin).code_point;
    if (in("@$#", before) || before == 0xFF20 || before == 0xFF03 || before == 0xFEFF ||
        before == 0xFFFE || before == 0xFFFF) {
      return nullptr;
    }
  }
  const char* host = std::find(begin, end, ':') + 3;
  const char* after_host = host_end(host, end, true);
  if (after_host == nullptr) return nullptr;
  if (equal_ignoring_case(view(host, after_host), "t.co") && after_host < end &&
      *after_host == '/') {
    const char* slug = after_host + 1;
    const char* at = slug;
    while (at < end && is_ascii_alnum(static_cast<unsigned char>(*at))) ++at;
    if (static_cast<std::size_t>(at - slug) > kMaxShortLinkSlug) return nullptr;
    if (at > slug) return query_end(at, end);
  }
  return rest_end(after_host, end);
}

const char* url_end_without_scheme(std::string_view text, const char* begin) {
  const char* end = text.data() + text.size();
  const char* after_host = host_end(begin, end, false);
  return after_host == nullptr ? nullptr : rest_end(after_host, end);
}

const char* host_start_before(std::string_view text, const char* floor, const char* dot) {
  const char* at = dot;
  while (at > floor) {
    const Decoded previous = decode_before(floor, at);
    const char32_t c = previous.code_point;
    if (!is_host_letter(c) && c != '-' && c != '_') break;
    at -= previous.size;
  }
  if (at == dot || *at == '-' || *at == '_') return nullptr;
  if (at == text.data()) return at;
  const char32_t before = decode_before(text.data(), at).code_point;
  const bool forbidden = is_host_letter(before) || in("@$#-_./", before) || before == 0xFF20 ||
                         before == 0xFF03 || before == 0xFEFF || before == 0xFFFE ||
                         before == 0xFFFF;
  return forbidden ? nullptr : at;
}

}  // namespace vigie
