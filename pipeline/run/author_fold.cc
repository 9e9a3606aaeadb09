#include "pipeline/run/author_fold.h"

#include <algorithm>
#include <map>

#include "pipeline/run/changelog.h"

namespace vigie {
namespace {

constexpr std::chrono::minutes kLongest{10};
// In the group, which waits for its members: only what came since the worker's start is folded.
constexpr std::chrono::seconds kLongestInGroup{60};
constexpr std::chrono::milliseconds kTurn{50};
constexpr std::size_t kAtOnce = 10'000;

}  // namespace

// A reader that failed is opened again by the next call.
Result<void> AuthorFold::kept(Result<void> done) {
  if (!done && done.error().code != Code::Closed) reader_.reset();
  return done;
}

Result<void> AuthorFold::open() {
  if (reader_) return {};
  ReadOptions read;
  read.group = "worker-authors";
  read.wipe = [this](Store& store) -> Result<void> {
    // They judge by these rows, and write some themselves: each begins again first.
    if (!writers_.empty()) return fail(Code::Unavailable, "authors: folded anew, workers run");
    return wipe_authors(store);
  };
  auto reader = log_.read(Topic::Authors, std::move(read), store_);
  if (!reader) return std::unexpected(std::move(reader.error()));
  reader_ = std::move(*reader);
  return {};
}

Result<void> AuthorFold::fold(std::chrono::milliseconds wait) {
  auto polled = reader_->poll(kAtOnce, wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  if (polled->empty()) return {};
  Effects effects;
  std::map<Partition, Offset> next;
  for (const LogRecord& record : *polled) {
    next[record.partition] = record.offset + 1;
    const auto partition = partition_of_authors_record(record.key);
    if (partition && writers_.contains(*partition)) continue;
    auto folded = fold_authors(record, effects.state);
    if (!folded) return folded;
  }
  effects.next.assign(next.begin(), next.end());
  return reader_->commit(std::move(effects));
}

Result<void> AuthorFold::step() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return {};
  if (auto opened = open(); !opened) return opened;
  return kept(fold(std::chrono::milliseconds{0}));
}

Result<void> AuthorFold::catch_up(const std::function<bool()>& stopping) {
  const std::lock_guard lock(mutex_);
  return catch_up_locked(kLongest, stopping);
}

Result<void> AuthorFold::take(Partition partition, const void* worker,
                              const std::function<bool()>& stopping) {
  const std::lock_guard lock(mutex_);
  // What a worker before it committed last may not have reached the store.
  writers_.erase(partition);
  auto known = catch_up_locked(kLongestInGroup, stopping);
  if (known) writers_[partition] = worker;
  return known;
}

void AuthorFold::give_back(Partition partition, const void* worker) {
  const std::lock_guard lock(mutex_);
  const auto writer = writers_.find(partition);
  if (writer != writers_.end() && writer->second == worker) writers_.erase(writer);
}

Result<void> AuthorFold::catch_up_locked(std::chrono::milliseconds longest,
                                         const std::function<bool()>& stopping) {
  if (auto opened = open(); !opened) return opened;
  const auto deadline = std::chrono::steady_clock::now() + longest;
  const auto ends = reader_->ends();
  if (!ends) return kept(std::unexpected(ends.error()));
  const auto known = [&] {
    return std::ranges::all_of(
        *ends, [&](const auto& end) { return reader_->position(end.first).first >= end.second; });
  };
  while (!known()) {
    if (auto folded = fold(kTurn); !folded) return kept(std::move(folded));
    if (stopping && stopping()) return fail(Code::Closed, "authors: stopped");
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Code::Unavailable, "authors: the end of the topic was not reached in time");
    }
  }
  return {};
}

}  // namespace vigie
