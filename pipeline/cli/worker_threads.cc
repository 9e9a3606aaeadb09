#include "pipeline/cli/worker_threads.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>
#include <ranges>
#include <thread>
#include <vector>

#include <spdlog/spdlog.h>

#include "pipeline/cli/service.h"
#include "pipeline/core/log_limit.h"
#include "pipeline/run/author_fold.h"

namespace vigie {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWait{100};
constexpr milliseconds kRestartPause{1000};
// Instead of a stream time.
constexpr std::int64_t kNotKnown = 0;
constexpr std::int64_t kNoPartitions = std::numeric_limits<std::int64_t>::max();
// With Kafka; so that rules that take long do not hold back what is decided.
constexpr milliseconds kLongestBatch{200};

}  // namespace

struct WorkerThreads::Impl {
  Parts parts;
  bool embedded = true;
  std::unique_ptr<AuthorFold> author_fold;  // with Kafka
  struct Slot {
    int number = 0;
    std::atomic<std::int64_t> oldest{kNotKnown};  // stream time in microseconds
    std::atomic<bool> runs{false};
  };
  std::vector<Slot> slots;
  std::atomic<bool> stopping{false};
  std::vector<std::jthread> threads;

  explicit Impl(Parts p) : parts(std::move(p)) {}
  void run(Slot& slot);
  Result<void> work(Slot& slot);
  Time horizon() const;
};

// One that has no partitions holds nobody back; one of which nothing is known may be dealt any.
Time WorkerThreads::Impl::horizon() const {
  const std::int64_t oldest = std::ranges::min(
      slots | std::views::transform([](const auto& slot) { return slot.oldest.load(); }));
  return Time{std::chrono::microseconds{oldest == kNoPartitions ? kNotKnown : oldest}};
}

Result<void> WorkerThreads::Impl::work(Slot& slot) {
  WorkerOptions options = parts.options;
  options.number = slot.number;
  Worker worker(parts.log, parts.store, parts.keys, parts.rules, parts.registry, options);
  auto started = worker.start();
  if (!started) return started;
  while (!stopping) {
    if (!embedded && parts.holds()) {
      return fail(Code::Unavailable, "the disk is nearly full: partitions may go to other nodes");
    }
    auto stepped = worker.step(kWait);
    if (!stepped) return std::unexpected(std::move(stepped.error()));
    const std::optional<Time> oldest = worker.oldest_stream_time();
    slot.oldest = oldest ? oldest->time_since_epoch().count() : kNoPartitions;
    // Once is enough: partitions that are dealt anew later do not make all nodes unready at once.
    if (worker.is_settled()) slot.runs = true;
    parts.moved(worker.stream_time(), horizon());
  }
  return {};
}

void WorkerThreads::Impl::run(Slot& slot) {
  LogLimit limit;
  while (!stopping) {
    // Out of its group, so that another node has what this one has no room for.
    while (!embedded && !stopping && parts.holds()) std::this_thread::sleep_for(kWait);
    const Result<void> ended = work(slot);
    slot.oldest = kNotKnown;
    slot.runs = false;
    if (ended || stopping) return;
    if (embedded || ended.error().code != Code::Unavailable) return parts.ended(ended.error());
    const std::string& why = ended.error().message;
    if (const auto times = limit.times(why, std::chrono::steady_clock::now())) {
      spdlog::warn("worker={} error=\"{}\" times={} action=restart", slot.number, why, times);
    }
    for (auto left = kRestartPause; left > milliseconds{0} && !stopping; left -= kWait) {
      std::this_thread::sleep_for(kWait);
    }
  }
}

WorkerThreads::WorkerThreads(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {
  Impl& self = *impl_;
  const Config& config = self.parts.config;
  self.embedded = config.log.kind == LogConfig::Kind::Embedded;
  if (!self.embedded) {
    self.author_fold = std::make_unique<AuthorFold>(self.parts.log, self.parts.store);
  }
  WorkerOptions& options = self.parts.options;
  options.max_batch = config.log.batch_mentions;
  options.log_is_remote = !self.embedded;
  if (!self.embedded) options.longest_batch = kLongestBatch;
  options.texts = config.retention;
  options.author_fold = self.author_fold.get();
  options.stopping = [&self] { return self.stopping.load(); };
  const int count = self.embedded ? 1 : config.log.kafka.workers;
  self.slots = std::vector<Impl::Slot>(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) self.slots[static_cast<std::size_t>(i)].number = i;
}

WorkerThreads::~WorkerThreads() {
  impl_->stopping = true;
  impl_->threads.clear();
}

void WorkerThreads::start() {
  for (Impl::Slot& slot : impl_->slots) {
    impl_->threads.emplace_back([this, &slot] { impl_->run(slot); });
  }
}

bool WorkerThreads::all_run() const {
  return std::ranges::all_of(impl_->slots, [](const auto& slot) { return slot.runs.load(); });
}

}  // namespace vigie
