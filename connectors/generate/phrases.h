#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace vigie {

// What a synthetic message is about.
enum class Subject : std::uint8_t {
  Noise,  // nothing to do with the brand
  Brand,
  Delivery,
  Price,
  Quality,
  AppCrash,
  Jobs,
  Feature,
  Safety,
  Newcomer,
  Campaign,
  Competitor,
};
constexpr std::size_t kSubjects = 12;
std::string_view name(Subject topic);  // "noise", "app-crash"
std::optional<Subject> parse_topic(std::string_view text);

enum class Language : std::uint8_t { En, Fr, Es, De, It, Pt, Ja, Ar };
constexpr std::size_t kLanguages = 8;
std::string_view name(Language language);  // "en"

// Patterns of texts, at least one for each pair. `{b}` stands for the brand, `{g}` for the
// competitor, `{i}` for a thing, `{c}` for a city, `{n}` for a number, `{l}` for a link.
std::span<const std::string_view> phrases(Subject topic, Language language);

// What the brand, an ambassador, and then the customer answer.
std::span<const std::string_view> brand_answers(Language language);
std::span<const std::string_view> ambassador_answers(Language language);
std::span<const std::string_view> customer_answers(Language language);

std::span<const std::string_view> things(Language language);

struct City {
  std::string_view country;
  std::string_view name;
  double lat;
  double lon;
};
std::span<const City> cities(Language language);

}  // namespace vigie
