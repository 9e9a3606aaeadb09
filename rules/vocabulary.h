#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vigie {

// The words and wildcards that the queries of a rule set use, each with a number. Words that no
// query uses die at one probe of a table.
class Vocabulary {
 public:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // The number of a folded word, of a wildcard (folded; `?` is one code point, a `*` at the end any
  // continuation). Equal ones get equal numbers.
  std::uint32_t add_word(std::string_view folded);
  std::uint32_t add_wildcard(std::string_view pattern);

  // After the last add.
  void freeze();

  // Words and wildcards together; their numbers are below it.
  std::size_t size() const { return texts_.size(); }
  const std::string& text(std::uint32_t id) const { return texts_[id]; }
  bool is_wildcard(std::uint32_t id) const { return wildcard_[id]; }
  bool has_wildcards() const { return !lengths_.empty(); }

  std::uint32_t find(std::string_view folded) const;

  // Appends the wildcards that match the word.
  void find_wildcards(std::string_view folded, std::vector<std::uint32_t>& out) const;

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t id = kNone;
  };
  static std::size_t bucket(std::string_view text);

  std::vector<std::string> texts_;
  std::vector<bool> wildcard_;
  std::unordered_map<std::string, std::uint32_t> ids_;  // until frozen; wildcards start with a NUL
  std::vector<Slot> slots_;
  // Wildcards by what stands before the first `?` or `*`: by its first two bytes the set of lengths
  // that occur (bit 63: that or more), and by a hash of the prefix the wildcards.
  std::vector<std::uint64_t> lengths_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> prefixes_;
  std::vector<std::size_t> long_lengths_;  // lengths of 63 bytes and more
};

}  // namespace vigie
