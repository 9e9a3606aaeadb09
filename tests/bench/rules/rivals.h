#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vigie::bench {

// What an engine says of one text: the rules that match, and where.
struct Found {
  struct Span {
    std::uint32_t rule = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    friend auto operator<=>(const Span&, const Span&) = default;
  };
  std::vector<std::uint32_t> rules;  // ascending
  std::vector<Span> spans;           // ascending, unique
};

// A way to match many rules that is made of a library's parts.
class Rival {
 public:
  virtual ~Rival() = default;
  virtual void match(std::string_view text, Found& out) = 0;
};

// The rivals get every help that costs them nothing: the text is cut and folded for them by
// CutText, leaves that rules share are one, a rule is evaluated only when the rarest leaves it
// needs were hit (not in the first one, which has nothing to tell it), word frequencies come from
// `sample`. The trees are evaluated by code of their own.
//
// One RE2 a leaf, each run when a rule asks for it first.
std::unique_ptr<Rival> make_re2_per_leaf(const std::vector<std::string>& queries);
// RE2::Set over all leaves: what was hit by one pass of one automaton. Null where it does not
// compile.
std::unique_ptr<Rival> make_re2_set(const std::vector<std::string>& queries,
                                    const std::vector<std::string>& sample);
// FilteredRE2 over all leaves, its atoms found by an Aho-Corasick automaton with a full table.
std::unique_ptr<Rival> make_filtered_re2(const std::vector<std::string>& queries,
                                         const std::vector<std::string>& sample);

}  // namespace vigie::bench
