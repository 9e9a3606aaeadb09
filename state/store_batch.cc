#include "state/store_batch.h"

namespace vigie {

StoreBatch::StoreBatch() : impl_(std::make_unique<Impl>()) {}
StoreBatch::~StoreBatch() = default;
StoreBatch::StoreBatch(StoreBatch&& other) noexcept = default;
StoreBatch& StoreBatch::operator=(StoreBatch&& other) noexcept = default;

void StoreBatch::put(Space space, std::string_view key, std::string_view value) {
  impl_->add(Impl::Change::Kind::Put, space, key, value);
}

void StoreBatch::merge(Space space, std::string_view key, std::string_view change) {
  impl_->add(Impl::Change::Kind::Merge, space, key, change);
}

void StoreBatch::erase(Space space, std::string_view key) {
  impl_->add(Impl::Change::Kind::Erase, space, key, {});
}

void StoreBatch::erase_range(Space space, std::string_view begin, std::string_view end) {
  impl_->add(Impl::Change::Kind::EraseRange, space, begin, end);
}

void StoreBatch::append(const StoreBatch& other) {
  const std::size_t base = impl_->bytes.size();
  impl_->bytes += other.impl_->bytes;
  impl_->changes.reserve(impl_->changes.size() + other.impl_->changes.size());
  for (Impl::Change change : other.impl_->changes) {
    change.begin += base;
    impl_->changes.push_back(change);
  }
}

bool StoreBatch::empty() const {
  return impl_->changes.empty();
}

std::size_t StoreBatch::bytes() const {
  return impl_->bytes.size();
}

void StoreBatch::clear() {
  impl_->changes.clear();
  impl_->bytes.clear();
}

std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff') end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(end.back() + 1);
  return end;
}

}  // namespace vigie
