#include "rules/field_values.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unicode/locid.h>
#include <unicode/uloc.h>
#include <unicode/unistr.h>

#include "pipeline/core/yaml.h"
#include "rules/words.h"

namespace vigie {
namespace {

// Names as connectors and importers write them; others are as good.
constexpr std::array<std::string_view, 14> kNetworks = {
    "bluesky", "discord",  "facebook", "instagram", "linkedin", "mastodon", "pinterest",
    "reddit",  "telegram", "threads",  "tiktok",    "tumblr",   "twitch",   "youtube"};

using Hint = std::pair<std::string_view, std::string_view>;

// What people call them, and what mentions do.
constexpr std::array<Hint, 8> kOtherNames = {{{"bsky", "bluesky"},
                                              {"fb", "facebook"},
                                              {"ig", "instagram"},
                                              {"insta", "instagram"},
                                              {"tg", "telegram"},
                                              {"twitter", "x"},
                                              {"x.com", "x"},
                                              {"yt", "youtube"}}};

// Codes of countries that are none of languages, and the language meant.
constexpr std::array<Hint, 7> kCountriesForLanguages = {{{"cn", "zh"},
                                                         {"cz", "cs"},
                                                         {"dk", "da"},
                                                         {"gr", "el"},
                                                         {"jp", "ja"},
                                                         {"ua", "uk"},
                                                         {"vn", "vi"}}};

std::string_view find(std::span<const Hint> hints, std::string_view name) {
  const auto found = std::ranges::find(hints, name, &Hint::first);
  return found == hints.end() ? std::string_view() : found->second;
}

std::string did_you_mean(std::string_view what, std::string_view value, std::string_view near) {
  std::string out = fmt::format("no {} is called \"{}\"", what, value);
  if (!near.empty()) out += fmt::format("; did you mean \"{}\"?", near);
  return out;
}

std::string doubt_about_network(std::string_view value) {
  const std::string name = fold(value);
  std::string_view near = find(kOtherNames, name);
  if (near.empty()) near = nearest(name, {kNetworks.begin(), kNetworks.end()});
  if (near.empty() || near == name) return {};
  return did_you_mean("network that we know", value, near);
}

// The code of what is called so in English, or empty. `show` writes the name of a code.
template <class Show>
std::string code_of(std::string_view name, const char* const* codes, const Show& show) {
  for (; *codes != nullptr; ++codes) {
    icu::UnicodeString shown;
    show(*codes, shown);
    std::string utf8;
    shown.toUTF8String(utf8);
    if (fold(utf8) == name) return *codes;
  }
  return {};
}

std::string doubt_about_language(std::string_view value) {
  const std::string folded = fold(value);
  const std::string language = folded.substr(0, folded.find('-'));
  // X says qme and the like of what has no language, and of others und and zxx.
  const bool is_private = language.size() == 3 && language[0] == 'q';
  if (is_private || language == "und" || language == "zxx") return {};
  if (std::strlen(uloc_getISO3Language(language.c_str())) > 0) return {};
  std::string near(find(kCountriesForLanguages, language));
  if (near.empty()) {
    near = code_of(language, uloc_getISOLanguages(), [](const char* code, icu::UnicodeString& out) {
      icu::Locale(code).getDisplayLanguage(icu::Locale::getEnglish(), out);
    });
  }
  return did_you_mean("language", value, near);
}

std::string doubt_about_country(std::string_view value) {
  const std::string folded = fold(value);
  const char* const* codes = uloc_getISOCountries();
  if (folded.size() == 2) {
    for (const char* const* code = codes; *code != nullptr; ++code) {
      if (fold(*code) == folded) return {};
    }
    return did_you_mean("country", value, folded == "uk" ? "GB" : "");
  }
  const std::string near = code_of(folded, codes, [](const char* code, icu::UnicodeString& out) {
    icu::Locale("", code).getDisplayCountry(icu::Locale::getEnglish(), out);
  });
  return near.empty() ? std::string() : did_you_mean("country code", value, near);
}

}  // namespace

std::string doubt_about_value(std::string_view field, std::string_view value) {
  if (field == "network") return doubt_about_network(value);
  if (field == "lang") return doubt_about_language(value);
  if (field == "country") return doubt_about_country(value);
  return {};
}

}  // namespace vigie
