#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/mention.h"
#include "tests/rules/naive_matcher.h"

namespace vigie {

// A rule file twice: as YAML for the real matcher and as its parts for the naive one.
struct GeneratedRules {
  std::string yaml;
  NaiveRules rules;
  std::vector<std::string> queries;  // of rules.rules, as they were written
};

// Random rule files and mentions that have something to do with one another, from a seed: the same
// on every machine.
class RuleGenerator {
 public:
  // With `words`, words, wildcards, phrases and hashtags of the queries are made of these: words as
  // they are written in some texts, and in their order.
  explicit RuleGenerator(std::uint64_t seed, std::vector<std::string> words = {});

  // A file of `count` rules. Of more than a hundred, some words are used by a few rules alone.
  GeneratedRules rules(std::size_t count);

  Mention mention();

  std::string query(int depth);

 private:
  enum class Where : std::uint8_t { Brand, Rule, Route };

  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  std::string_view any(std::span<const std::string_view> list) { return list[below(list.size())]; }

  std::string query(int depth, Where where);
  std::string leaf(Where where);
  std::string near(int depth);
  std::string operand(int depth);
  std::string word_leaf();
  std::string wildcard();
  std::string phrase();
  std::string exact();
  std::string entity();
  std::string regex();
  std::string field(Where where);
  std::string tag();
  std::string base();
  void choose_topic();
  std::string shared_word();
  std::string text(std::size_t words);
  std::string written(std::string word);

  std::mt19937_64 random_;
  std::vector<std::string> words_;
  std::size_t topic_ = 0;  // where in the list of words
  std::size_t rare_words_ = 0;
  std::vector<std::string> labels_;  // of the rules of the file that is being made, but the brand's
};

}  // namespace vigie
