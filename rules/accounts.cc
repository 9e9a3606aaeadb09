#include "rules/accounts.h"

#include <algorithm>

namespace vigie {

AccountSet::AccountSet(const std::vector<Account>& accounts) {
  for (const Account& account : accounts) {
    keys_.insert(account.network +
                 (account.handle.empty() ? ":" + account.id : ":@" + account.handle));
  }
}

std::vector<std::string> AccountSet::names() const {
  std::vector<std::string> names(keys_.begin(), keys_.end());
  std::ranges::sort(names);
  return names;
}

const std::string* AccountSet::find(std::string_view network, std::string_view id,
                                    std::string_view handle) const {
  if (keys_.empty()) return nullptr;
  static thread_local std::string key;
  const auto look = [&](std::string_view sign, std::string_view name) -> const std::string* {
    if (name.empty()) return nullptr;
    key.assign(network);
    key += sign;
    key += name;
    const auto found = keys_.find(key);
    return found == keys_.end() ? nullptr : &*found;
  };
  const std::string* by_handle = look(":@", handle);
  return by_handle != nullptr ? by_handle : look(":", id);
}

}  // namespace vigie
