#include "rules/field_values.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
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

// Codes by what they stand for in English, folded. `tell` gives the names of one code.
template <class Tell>
std::map<std::string, std::string> codes_by_name(const char* const* codes, const Tell& tell) {
  std::map<std::string, std::string> out;
  for (; *codes != nullptr; ++codes) {
    tell(*codes, [&](const icu::UnicodeString& name) {
      std::string utf8;
      out.emplace(fold(name.toUTF8String(utf8)), *codes);
    });
  }
  return out;
}

const std::map<std::string, std::string>& languages_by_name() {
  static const auto kLanguages =
      codes_by_name(uloc_getISOLanguages(), [](const char* code, const auto& add) {
        icu::UnicodeString name;
        add(icu::Locale(code).getDisplayLanguage(icu::Locale::getEnglish(), name));
      });
  return kLanguages;
}

// Names and codes of three letters.
const std::map<std::string, std::string>& countries_by_name() {
  static const auto kCountries =
      codes_by_name(uloc_getISOCountries(), [](const char* code, const auto& add) {
        const icu::Locale country("", code);
        icu::UnicodeString name;
        add(country.getDisplayCountry(icu::Locale::getEnglish(), name));
        add(icu::UnicodeString(country.getISO3Country()));
      });
  return kCountries;
}

std::string_view code_of(const std::map<std::string, std::string>& codes, const std::string& name) {
  const auto found = codes.find(name);
  return found == codes.end() ? std::string_view() : found->second;
}

std::string doubt_about_language(std::string_view value) {
  const std::string folded = fold(value);
  const std::string language = folded.substr(0, folded.find('-'));
  // Of three letters there are thousands, and X has some of its own; CLD2 still says bh.
  if (language.size() == 3 || language == "bh") return {};
  if (std::strlen(uloc_getISO3Language(language.c_str())) > 0) return {};
  std::string_view near = find(kCountriesForLanguages, language);
  if (near.empty()) near = code_of(languages_by_name(), language);
  return did_you_mean("language", value, near);
}

std::string doubt_about_country(std::string_view value) {
  const std::string folded = fold(value);
  if (folded.size() == 2) {
    static const auto kCodes =
        codes_by_name(uloc_getISOCountries(),
                      [](const char* code, const auto& add) { add(icu::UnicodeString(code)); });
    if (kCodes.contains(folded)) return {};
    return did_you_mean("country", value, folded == "uk" ? "GB" : "");
  }
  const std::string_view near = code_of(countries_by_name(), folded);
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
