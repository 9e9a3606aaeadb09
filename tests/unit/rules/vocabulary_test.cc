#include "rules/vocabulary.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace vigie {
namespace {

// Of letters that make many words alike, some of two and three bytes.
std::string some_word(std::mt19937& random, std::size_t longest) {
  constexpr std::string_view kLetters[] = {"a", "b", "ab", "c", "é", "东", "z"};
  std::string word;
  const std::size_t size = 1 + random() % longest;
  for (std::size_t i = 0; i < size; ++i) word += kLetters[random() % std::size(kLetters)];
  return word;
}

// Behind the word stand bytes that mean nothing.
std::uint64_t hash_among_others(const std::string& word, char other) {
  const std::string buffer = word + std::string(Vocabulary::kReadable, other);
  return Vocabulary::hash_in_place(std::string_view(buffer).substr(0, word.size()));
}

bool may_begin_among_others(const Vocabulary& vocabulary, const std::string& word, char other) {
  const std::string buffer = word + std::string(Vocabulary::kReadable, other);
  return vocabulary.may_begin(std::string_view(buffer).substr(0, word.size()));
}

TEST(Vocabulary, AHashDependsOnTheWordAlone) {
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const std::string word = some_word(random, 20);
    ASSERT_EQ(hash_among_others(word, 'x'), Vocabulary::hash(word)) << word;
    ASSERT_EQ(hash_among_others(word, '\xFF'), Vocabulary::hash(word)) << word;
  }
}

TEST(Vocabulary, FindsTheWordsItHasAndNoOthers) {
  std::mt19937 random(4);
  Vocabulary vocabulary;
  std::vector<std::pair<std::string, std::uint32_t>> added;
  for (int i = 0; i < 3000; ++i) {
    const std::string word = some_word(random, 8);
    added.emplace_back(word, vocabulary.add_word(word));
    vocabulary.add_wildcard(word + "*");
  }
  vocabulary.freeze();

  for (const auto& [word, id] : added) {
    const std::uint64_t hash = Vocabulary::hash(word);
    ASSERT_TRUE(vocabulary.may_hold(hash)) << word;
    ASSERT_EQ(vocabulary.find(word, hash), id) << word;
    ASSERT_EQ(vocabulary.text(id), word);
    ASSERT_EQ(vocabulary.likely(hash), id) << word;
  }
  for (int i = 0; i < 3000; ++i) {
    const std::string word = some_word(random, 8) + "q";
    ASSERT_EQ(vocabulary.find(word, Vocabulary::hash(word)), Vocabulary::kNone) << word;
  }
}

TEST(Vocabulary, EqualWordsAndWildcardsHaveOneNumber) {
  Vocabulary vocabulary;

  const std::uint32_t word = vocabulary.add_word("acme");
  const std::uint32_t wildcard = vocabulary.add_wildcard("acme*");

  EXPECT_EQ(vocabulary.add_word("acme"), word);
  EXPECT_EQ(vocabulary.add_wildcard("acme*"), wildcard);
  EXPECT_NE(vocabulary.add_word("acme*"), wildcard);
}

bool matches_slowly(std::string_view pattern, std::string_view word) {
  if (pattern.empty()) return word.empty();
  if (pattern == "*") return true;
  if (word.empty()) return false;
  std::size_t size = 1;
  if (pattern[0] == '?') {
    while (size < word.size() && (static_cast<unsigned char>(word[size]) & 0xC0) == 0x80) ++size;
  } else if (pattern[0] != word[0]) {
    return false;
  }
  return matches_slowly(pattern.substr(1), word.substr(size));
}

TEST(Vocabulary, FindsEveryWildcardThatMatches) {
  std::mt19937 random(5);
  for (const std::size_t count : {1U, 20U, 400U}) {
    Vocabulary vocabulary;
    std::vector<std::string> patterns;
    for (std::size_t i = 0; i < count; ++i) {
      std::string pattern = some_word(random, i % 10 == 0 ? 40 : 6);
      if (random() % 2 == 0) pattern += "?" + some_word(random, 2);
      if (random() % 2 == 0) pattern += "*";
      if (vocabulary.add_wildcard(pattern) == patterns.size()) patterns.push_back(pattern);
    }
    vocabulary.freeze();
    for (int i = 0; i < 2000; ++i) {
      std::string word = some_word(random, 10);
      if (i % 2 == 0) word = patterns[random() % patterns.size()].substr(0, 38) + word;
      std::erase_if(word, [](char c) { return c == '?' || c == '*'; });
      std::vector<std::uint32_t> expected;
      for (std::uint32_t id = 0; id < patterns.size(); ++id) {
        if (matches_slowly(patterns[id], word)) expected.push_back(id);
      }
      std::vector<Vocabulary::Beginning> beginnings;
      vocabulary.find_beginnings(word, 7, beginnings);
      std::vector<std::uint32_t> found;
      for (const Vocabulary::Beginning& beginning : beginnings) {
        ASSERT_EQ(beginning.word, 7U);
        vocabulary.append_wildcards(beginning, word, found);
      }
      std::ranges::sort(found);
      ASSERT_EQ(found, expected) << word;
      if (!found.empty()) {
        ASSERT_TRUE(may_begin_among_others(vocabulary, word, 'a')) << word;
        ASSERT_TRUE(may_begin_among_others(vocabulary, word, '\0')) << word;
      }
    }
  }
}

}  // namespace
}  // namespace vigie
