#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "pipeline/core/mention.h"

namespace vigie {

inline constexpr std::array<std::string_view, 20> kTexts = {
    "acme", "Acme", "late", "order", "parcel", "parcels", "#late",   "@acme", "東京", "l'avion",
    "café", "CAFE", "🎉",   "wi-fi", "$ACME",  "ward",    "#parcel", "#東京", "a",    "acme.com"};
inline constexpr std::array<std::string_view, 22> kLeaves = {"acme",
                                                             "late",
                                                             "order",
                                                             "parcel*",
                                                             "w?rd",
                                                             "#late",
                                                             "@acme",
                                                             "東京",
                                                             "l'avion",
                                                             "café",
                                                             "wi-fi",
                                                             "$acme",
                                                             "\"a order\"",
                                                             "\"late late\"",
                                                             "\"#late a\"",
                                                             "acme.com",
                                                             "🎉",
                                                             "par*",
                                                             "\"late acme\"",
                                                             "\"parcel\"",
                                                             "exact:Acme",
                                                             "exact:\"CAFE late\""};

// Queries and mentions made of the same few words, so that most questions have both answers. The
// same seed gives the same ones. Its queries are those that NaiveMatcher knows.
class QueryGenerator {
 public:
  explicit QueryGenerator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  std::string operand(int depth) {
    switch (depth > 0 ? below(5) : 0) {
      case 1:
        return "(" + operand(depth - 1) + " OR " + operand(depth - 1) + ")";
      case 2:
        return "(" + near(depth - 1) + ")";
      default:
        return std::string(kLeaves[below(kLeaves.size())]);
    }
  }

  std::string near(int depth) {
    return fmt::format("{} {}NEAR/{} {}", operand(depth), below(3) == 0 ? "O" : "", below(4),
                       operand(depth));
  }

  std::string query(int depth) {
    switch (depth > 0 ? below(8) : below(2)) {
      case 0:
      case 1:
        return std::string(kLeaves[below(kLeaves.size())]);
      case 2:
      case 3:
        return fmt::format("({} AND {})", query(depth - 1), query(depth - 1));
      case 4:
        return fmt::format("({} OR {})", query(depth - 1), query(depth - 1));
      case 5:
        return fmt::format("(NOT {})", query(depth - 1));
      case 6:
        return below(4) == 0 ? std::string(below(2) == 0 ? "lang:fr" : "followers>=10") : near(1);
      default:
        return "(" + near(2) + ")";
    }
  }

  Mention mention() {
    Mention mention;
    mention.network = "x";
    mention.id = "1";
    mention.kind = Kind::Mention;
    mention.author.id = "somebody";
    if (below(2) == 0) mention.author.followers = static_cast<std::int64_t>(below(20));
    if (below(2) == 0) mention.lang = below(2) == 0 ? "fr" : "fr-CA";
    for (std::size_t left = below(9); left > 0; --left) {
      mention.text += kTexts[below(kTexts.size())];
      mention.text += below(6) == 0 ? ", " : " ";
    }
    return mention;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace vigie
