#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vigie {

// Strings that regexes need, so that a regex runs only on a text that has one of its own. Both
// sides are compared without case: a text, and what RE2 says a regex needs, is mapped code point by
// code point to its simple case folding first.
class Atoms {
 public:
  static constexpr std::size_t kShortest = 3;  // bytes

  // Strings one of which, with case folded, stands in every text that the regex matches, each of
  // kShortest bytes or more; none where there is no such set.
  static std::vector<std::string> needed_by(std::string_view pattern, bool ignore_case);
  static void fold_case(std::string_view text, std::string& out);

  // The number of an atom; equal ones get equal numbers.
  std::uint32_t add(const std::string& atom);
  // After the last add.
  void freeze();

  std::size_t size() const { return begins_.size(); }
  std::string_view text(std::uint32_t id) const {
    const std::size_t end = id + 1 < begins_.size() ? begins_[id + 1] : texts_.size();
    return std::string_view(texts_).substr(begins_[id], end - begins_[id]);
  }

  // Calls found(id) for each place of each atom in the text, which fold_case() made. `scratch`
  // keeps its memory from one call to the next.
  template <class Found>
  void find(std::string_view folded, std::vector<std::uint32_t>& scratch, Found found) const {
    for (const Table* table : {&fours_, &threes_}) {
      if (table->windows.empty()) continue;
      if (scratch.size() < folded.size() + kSpare) scratch.resize(folded.size() + kSpare);
      const std::size_t places = table->find_places(folded, scratch.data());
      for (std::size_t i = 0; i < places; ++i) look(*table, folded, scratch[i], found);
    }
  }

 private:
  // Four or, of the shortest atoms, three bytes of an atom that lead to it.
  struct Window {
    std::uint32_t bytes = 0;
    std::uint32_t atom = 0;
    std::uint32_t before = 0;  // bytes of the atom before the window
  };
  struct Table {
    std::uint32_t keep = 0;             // the bytes of a window
    std::uint32_t shift = 0;            // of a hash, which leaves a bit of the filter
    std::vector<std::uint32_t> filter;  // bits
    std::vector<Window> windows;        // sorted by bit, then `bytes`
    std::vector<std::uint32_t> begins;  // by kBits bits: the first window of them

    // Writes the places in the text where a window may begin, from the first to the last, and
    // returns how many; `out` has room for one a byte, and kSpare more.
    std::size_t find_places(std::string_view folded, std::uint32_t* out) const;
    // The same one place after the other, and eight at a time: behind the `count` already there,
    // from `begin` on; the latter leaves both where the last few bytes begin.
    std::size_t find_places_from(std::size_t begin, std::size_t count, std::string_view folded,
                                 std::uint32_t* out) const;
    void find_places_by_eight(std::size_t& begin, std::size_t& count, std::string_view folded,
                              std::uint32_t* out) const;
    bool may_begin(std::uint32_t bytes) const {
      const std::uint32_t bit = hash(bytes) >> shift;
      return (filter[bit >> 5] >> (bit & 31) & 1) != 0;
    }
  };
  static constexpr std::uint32_t kBits = 8;
  static constexpr std::size_t kSpare = 8;
  static std::uint32_t hash(std::uint32_t bytes) { return bytes * 0x9E3779B1U; }
  static Table make_table(std::vector<Window> windows, std::uint32_t size);

  template <class Found>
  void look(const Table& table, std::string_view folded, std::uint32_t place, Found found) const {
    std::uint32_t bytes = 0;
    if (place + 4 <= folded.size()) {
      std::memcpy(&bytes, folded.data() + place, 4);
      bytes &= table.keep;
    } else {
      std::memcpy(&bytes, folded.data() + place, kShortest);
    }
    const std::uint32_t group = (hash(bytes) >> table.shift) / kBits;
    for (std::uint32_t at = table.begins[group]; at < table.begins[group + 1]; ++at) {
      const Window& window = table.windows[at];
      if (window.bytes != bytes || place < window.before) continue;
      if (folded.substr(place - window.before).starts_with(text(window.atom))) found(window.atom);
    }
  }

  std::string texts_;                                   // one after the other
  std::vector<std::uint32_t> begins_;                   // by number: where its text begins
  std::unordered_map<std::string, std::uint32_t> ids_;  // until frozen
  Table threes_;
  Table fours_;
};

}  // namespace vigie
