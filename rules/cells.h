#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rules/words.h"

namespace vigie {

// A set of word kinds: bit 1 << kind.
using Kinds = std::uint8_t;
constexpr Kinds kinds_of(WordKind kind) {
  return static_cast<Kinds>(1U << static_cast<unsigned>(kind));
}
// A word, alone or in a phrase, also matches the whole of a hashtag or handle.
constexpr Kinds kWordAlone =
    kinds_of(WordKind::Word) | kinds_of(WordKind::Hashtag) | kinds_of(WordKind::Handle);

// A compiled query is a run of 32-bit cells, read from left to right: an instruction, then what is
// below it. The argument is what the instruction needs.
enum class Step : std::uint8_t {
  And,          // argument: the size of the whole in cells; each part
  Or,           // the same
  Not,          // what is denied
  Near,         // argument: how many words may stand between; a cell with the size; both sides
  OrderedNear,  // the same, the left side first
  Term,         // argument: vocabulary id of a word or wildcard
  Phrase,       // argument: how many parts; a cell each, like a term
  Exact,        // the same; then a cell with the index of the first part in Plan::part_texts
  Regex,        // argument: index into Plan::regexes
  Field,        // argument: index into Plan::fields
};

// One cell. Arguments are below 2^24.
struct Cell {
  static constexpr std::size_t kMaxArgument = (std::size_t{1} << 24) - 1;

  std::uint32_t bits = 0;

  static constexpr Cell make(Step step, std::size_t argument) {
    return {static_cast<std::uint32_t>(argument) << 8 | static_cast<std::uint32_t>(step)};
  }
  // A word as it may stand in a text: a bare word also as a hashtag or handle, unless `only` this.
  static constexpr Cell term(std::uint32_t id, WordKind kind, bool only) {
    const bool bare = kind == WordKind::Word && !only;
    const std::uint32_t code = bare ? 0 : static_cast<std::uint32_t>(kind) + 1;
    return {id << 8 | code << 4 | static_cast<std::uint32_t>(Step::Term)};
  }
  constexpr Step step() const { return static_cast<Step>(bits & 0xF); }
  constexpr std::uint32_t argument() const { return bits >> 8; }
  constexpr Kinds kinds() const {
    const std::uint32_t code = bits >> 4 & 0xF;
    return code == 0 ? kWordAlone : static_cast<Kinds>(1U << (code - 1));
  }
};

// The cells of one instruction with all that is below it.
inline std::uint32_t cells_of(const Cell* at) {
  switch (at->step()) {
    case Step::And:
    case Step::Or:
      return at->argument();
    case Step::Near:
    case Step::OrderedNear:
      return at[1].bits;
    case Step::Not:
      return 1 + cells_of(at + 1);
    case Step::Phrase:
      return 1 + at->argument();
    case Step::Exact:
      return 2 + at->argument();
    case Step::Term:
    case Step::Regex:
    case Step::Field:
      return 1;
  }
  return 1;
}

// The parts of an And, Or or NEAR, in their order, for a range-for.
class Parts {
 public:
  struct Iterator {
    const Cell* at = nullptr;
    const Cell* operator*() const { return at; }
    Iterator& operator++() {
      at += cells_of(at);
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;
  };

  explicit Parts(const Cell* group)
      : begin_(group + (group->step() == Step::And || group->step() == Step::Or ? 1 : 2)),
        end_(group + cells_of(group)) {}
  Iterator begin() const { return {begin_}; }
  Iterator end() const { return {end_}; }

 private:
  const Cell* begin_;
  const Cell* end_;
};

inline Parts parts_of(const Cell* group) {
  return Parts(group);
}

// Both sides of a NEAR.
struct Sides {
  const Cell* left = nullptr;
  const Cell* right = nullptr;
};
inline Sides sides_of(const Cell* near) {
  const Cell* const left = near + 2;
  return {left, left + cells_of(left)};
}

}  // namespace vigie
