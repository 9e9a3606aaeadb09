#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vigie::bench {

// What the benchmark of matching runs on: rules and mentions made from a seed, the same each time.
//
// The mentions are of six languages (English, French, Spanish and German with their accents,
// Japanese without spaces, Arabic), about 25 words each, with hashtags, handles, links, emoji and
// capitals. The words of a language follow Zipf's law over a vocabulary of 100,000, so that nearly
// every mention has words that no other has. The rules are 70 % boolean, 15 % NEAR, 10 % with NOT
// and 5 % with a regex; their words are drawn so that about 1.5 of them match a mention, whatever
// their number.
struct Corpus {
  std::vector<std::string> queries;
  std::vector<std::string> texts;
  std::string yaml() const;  // the queries as themes t000000, t000001, ... of a rule file
};

Corpus make_corpus(std::size_t rules, std::size_t texts, std::uint64_t seed);

}  // namespace vigie::bench
