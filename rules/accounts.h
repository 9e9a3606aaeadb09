#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "rules/rule_file.h"

namespace vigie {

// Accounts to look people up in.
class AccountSet {
 public:
  AccountSet() = default;
  explicit AccountSet(const std::vector<Account>& accounts);

  bool empty() const { return keys_.empty(); }
  // As `find` tells them, sorted.
  std::vector<std::string> names() const;
  // `handle` is folded and without its @; either may be empty.
  bool holds(std::string_view network, std::string_view id, std::string_view handle) const {
    return find(network, id, handle) != nullptr;
  }
  // The account as a rule file names it, `x:@ana` or `x:ID`; null when it is not there.
  const std::string* find(std::string_view network, std::string_view id,
                          std::string_view handle) const;

 private:
  std::unordered_set<std::string> keys_;
};

}  // namespace vigie
