#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>

#include "pipeline/core/mention.h"

namespace vigie {

// Who has written before, for `author:new` over mentions that are matched one at a time, each on
// its own. Bounded: after `kMost` authors nobody else is remembered, and who is not is new each
// time. One thread.
class AuthorsSeen {
 public:
  static constexpr std::size_t kMost = 1'000'000;

  // Whether the author of this mention is seen for the first time; remembered from now on.
  bool first(const Mention& mention);
  // Mentions whose author could not be remembered.
  std::uint64_t left_out() const { return left_out_; }

 private:
  std::unordered_set<std::uint64_t> authors_;  // by a hash of network and id
  std::uint64_t left_out_ = 0;
};

// The same number on every machine and in every build. Spreads well; not for hostile keys.
std::uint64_t steady_hash(std::string_view text, std::uint64_t seed = 0);

}  // namespace vigie
