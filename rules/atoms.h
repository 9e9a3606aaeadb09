#pragma once

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

  std::size_t size() const { return texts_.size(); }
  const std::string& text(std::uint32_t id) const { return texts_[id]; }

  // Calls found(id) for each place of each atom in the text, which fold_case() made.
  template <class Found>
  void find(std::string_view folded, Found found) const;

 private:
  // Four or, of the shortest atoms, three bytes of an atom that lead to it.
  struct Window {
    std::uint32_t bytes = 0;
    std::uint32_t atom = 0;
    std::uint32_t before = 0;  // bytes of the atom before the window
  };
  struct Table {
    std::vector<std::uint64_t> filter;
    std::uint32_t shift = 0;
    std::vector<Window> windows;        // sorted by `bytes`
    std::vector<std::uint32_t> begins;  // by hash: the first window of it
  };
  static std::uint32_t hash(std::uint32_t bytes) { return bytes * 0x9E3779B1U; }
  static Table make_table(std::vector<Window> windows);
  template <class Found>
  void find_in(const Table& table, std::uint32_t size, std::string_view folded, Found found) const;

  std::vector<std::string> texts_;
  std::unordered_map<std::string, std::uint32_t> ids_;  // until frozen
  Table threes_;
  Table fours_;
};

template <class Found>
void Atoms::find_in(const Table& table, std::uint32_t size, std::string_view folded,
                    Found found) const {
  if (table.windows.empty() || folded.size() < size) return;
  const char* const text = folded.data();
  const std::size_t windows = folded.size() - size + 1;
  const std::uint64_t keep = size == 4 ? 0xFFFFFFFFU : 0xFFFFFFU;
  const auto look = [&](std::size_t begin, std::uint64_t eight, std::uint32_t i) {
    const auto bytes = static_cast<std::uint32_t>(eight >> (8 * i) & keep);
    const std::uint32_t slot = hash(bytes) >> table.shift;
    if ((table.filter[slot >> 6] >> (slot & 63) & 1) == 0) return;
    for (std::uint32_t at = table.begins[slot]; at < table.begins[slot + 1]; ++at) {
      const Window& window = table.windows[at];
      if (window.bytes != bytes || begin + i < window.before) continue;
      if (folded.substr(begin + i - window.before).starts_with(texts_[window.atom])) {
        found(window.atom);
      }
    }
  };
  // Eight bytes at a time hold four windows and what is beyond them.
  std::size_t begin = 0;
  for (; begin + 8 <= folded.size(); begin += 4) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, text + begin, 8);
    for (std::uint32_t i = 0; i < 4; ++i) look(begin, eight, i);
  }
  for (; begin < windows; ++begin) {
    std::uint64_t few = 0;
    std::memcpy(&few, text + begin, size);
    look(begin, few, 0);
  }
}

template <class Found>
void Atoms::find(std::string_view folded, Found found) const {
  find_in(fours_, 4, folded, found);
  find_in(threes_, 3, folded, found);
}

}  // namespace vigie
