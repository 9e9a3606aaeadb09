// The local store of a worker, in memory: opening, emptying and copying real ones would take most
// of a schedule's time. What it promises is what state/store.h does.
#include <array>
#include <cstdlib>
#include <map>

#include "state/store_batch.h"

namespace vigie {

struct Store::Impl {
  std::array<std::map<std::string, std::string, std::less<>>, kSpaces> spaces;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& /*directory*/,
                                           const StoreOptions& /*options*/) {
  return std::unique_ptr<Store>(new Store(std::make_unique<Impl>()));
}

Result<std::optional<std::string>> Store::get(Space space, std::string_view key) const {
  const auto& rows = impl_->spaces[static_cast<std::size_t>(space)];
  const auto at = rows.find(key);
  if (at == rows.end()) return std::nullopt;
  return at->second;
}

Result<void> Store::scan(
    Space space, std::string_view begin, std::string_view end,
    const std::function<bool(std::string_view key, std::string_view value)>& visit) const {
  const auto& rows = impl_->spaces[static_cast<std::size_t>(space)];
  for (auto at = rows.lower_bound(begin); at != rows.end(); ++at) {
    if (!end.empty() && at->first >= end) break;
    if (!visit(at->first, at->second)) break;
  }
  return {};
}

Result<void> Store::write(StoreBatch& batch, Durability /*durability*/) {
  using Kind = StoreBatch::Impl::Change::Kind;
  const StoreBatch::Impl& changes = *batch.impl_;
  for (const auto& change : changes.changes) {
    auto& rows = impl_->spaces[static_cast<std::size_t>(change.space)];
    const std::string key(changes.key(change));
    switch (change.kind) {
      case Kind::Put:
        rows.insert_or_assign(key, std::string(changes.value(change)));
        break;
      case Kind::Merge:
        std::abort();  // the job of the model counts no authors
      case Kind::Erase:
        rows.erase(key);
        break;
      case Kind::EraseRange:
        rows.erase(rows.lower_bound(key), rows.lower_bound(changes.value(change)));
        break;
    }
  }
  return {};
}

}  // namespace vigie
