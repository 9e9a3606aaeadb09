#include "pipeline/run/connector_runner.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

namespace vigie {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kWait{200};

}  // namespace

struct ConnectorRunner::Impl {
  std::unique_ptr<Connector> connector;
  Ingest& ingest;
  RunnerOptions options;

  prometheus::Family<prometheus::Gauge>& up_family;
  prometheus::Family<prometheus::Gauge>& finished_family;
  prometheus::Gauge& up_gauge;
  prometheus::Gauge& finished_gauge;
  prometheus::Counter& restarts;
  prometheus::Counter& gaps;

  std::atomic<bool> finished{false};
  std::atomic<bool> up{false};
  mutable std::mutex mutex;
  std::condition_variable_any woken;
  std::string trouble = "not connected yet";  // guarded by mutex

  std::mt19937_64 random{std::random_device{}()};
  std::uint64_t counted_gaps = 0;
  milliseconds backoff{0};
  steady_clock::time_point paced_until{};

  std::jthread thread;

  Impl(std::unique_ptr<Connector> c, Ingest& i, prometheus::Registry& registry, RunnerOptions o)
      : connector(std::move(c)),
        ingest(i),
        options(std::move(o)),
        up_family(prometheus::BuildGauge()
                      .Name("vigie_connector_up")
                      .Help("1 while the source is connected and heard of")
                      .Register(registry)),
        finished_family(prometheus::BuildGauge()
                            .Name("vigie_connector_finished")
                            .Help("1 once the source has ended and all of it is logged")
                            .Register(registry)),
        up_gauge(up_family.Add({{"connector", options.name}})),
        finished_gauge(finished_family.Add({{"connector", options.name}})),
        restarts(prometheus::BuildCounter()
                     .Name("vigie_connector_restarts_total")
                     .Help("Times the connector was started again")
                     .Register(registry)
                     .Add({{"connector", options.name}})),
        gaps(prometheus::BuildCounter()
                 .Name("vigie_connector_gaps_total")
                 .Help("Times the source could not resume where the cursor stood")
                 .Register(registry)
                 .Add({{"connector", options.name}})) {}

  void set_up(bool is_up, std::string why) {
    up = is_up;
    up_gauge.Set(is_up ? 1 : 0);
    const std::lock_guard lock(mutex);
    trouble = std::move(why);
  }

  void pause(milliseconds length, const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    woken.wait_for(lock, stop, length, [] { return false; });
  }

  // Half of the back-off at least, so that many connectors do not come back at once.
  milliseconds jittered(milliseconds length) {
    return length / 2 +
           milliseconds(std::uniform_int_distribution<std::int64_t>(0, length.count() / 2)(random));
  }

  void count_gaps() {
    const std::uint64_t now = connector->notes().gaps;
    if (now > counted_gaps) gaps.Increment(static_cast<double>(now - counted_gaps));
    counted_gaps = std::max(now, counted_gaps);
  }

  // What to do about each failure; decided here and nowhere else.
  void recover(const Error& error, const std::stop_token& stop) {
    if (stop.stop_requested() || error.code == Code::Closed) return;
    set_up(false, error.message);
    if (options.say)
      options.say(fmt::format("connector={} error=\"{}\"", options.name, error.message));
    milliseconds length = std::clamp(backoff * 2, options.first_backoff, options.longest_backoff);
    if (error.code == Code::Denied || error.code == Code::Invalid || error.code == Code::Corrupt) {
      length = options.longest_backoff;
    }
    backoff = length;
    if (error.code == Code::Throttled && error.retry_after > milliseconds{0}) {
      pause(error.retry_after, stop);
      return;
    }
    pause(jittered(length), stop);
  }

  Result<void> session(const std::stop_token& stop);
  Result<void> check_stall() const;
  void pace(std::size_t mentions, const std::stop_token& stop);
  void run(const std::stop_token& stop);
};

Result<void> ConnectorRunner::Impl::check_stall() const {
  const milliseconds deadline = options.stall.value_or(connector->stall_deadline());
  if (deadline == milliseconds{0}) return {};
  const auto silent = steady_clock::now() - connector->last_heard();
  if (silent <= deadline) return {};
  return fail(Code::Unavailable,
              fmt::format("nothing heard for {} s",
                          std::chrono::duration_cast<std::chrono::seconds>(silent).count()));
}

// Holds the stream to its rate: a batch of n takes n / rate seconds before the next is asked for.
void ConnectorRunner::Impl::pace(std::size_t mentions, const std::stop_token& stop) {
  if (!options.rate) return;
  const auto now = steady_clock::now();
  paced_until = std::max(paced_until, now) +
                std::chrono::duration_cast<steady_clock::duration>(
                    std::chrono::duration<double>(static_cast<double>(mentions) / *options.rate));
  pause(std::chrono::duration_cast<milliseconds>(paced_until - now), stop);
}

Result<void> ConnectorRunner::Impl::session(const std::stop_token& stop) {
  auto cursor = ingest.cursor(options.name);
  if (!cursor) return std::unexpected(std::move(cursor.error()));
  auto opened = connector->open(*cursor, stop);
  if (!opened) return opened;
  set_up(true, "");
  while (!stop.stop_requested()) {
    auto batch = connector->next(kWait, stop);
    count_gaps();
    if (!batch) return std::unexpected(std::move(batch.error()));
    const std::size_t size = batch->items.size();
    const bool moved = !batch->cursor.empty() && batch->cursor != *cursor;
    if (size > 0 || moved) {
      auto accepted =
          ingest.accept(options.name, std::move(batch->items), batch->cursor, options.ingest);
      if (!accepted) return std::unexpected(std::move(accepted.error()));
      if (!batch->cursor.empty()) *cursor = batch->cursor;
      backoff = milliseconds{0};
      pace(size, stop);
    }
    if (batch->finished) {
      finished = true;
      finished_gauge.Set(1);
      return {};
    }
    auto heard = check_stall();
    if (!heard) return heard;
  }
  return {};
}

void ConnectorRunner::Impl::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && !finished) {
    const Result<void> ended = session(stop);
    if (ended) continue;
    recover(ended.error(), stop);
    if (!stop.stop_requested()) restarts.Increment();
  }
  set_up(false, finished ? "the source has ended" : "stopped");
}

ConnectorRunner::ConnectorRunner(std::unique_ptr<Connector> connector, Ingest& ingest,
                                 prometheus::Registry& registry, RunnerOptions options)
    : impl_(std::make_unique<Impl>(std::move(connector), ingest, registry, std::move(options))) {
  ingest.announce(impl_->options.name);
  impl_->thread =
      std::jthread([impl = impl_.get()](const std::stop_token& stop) { impl->run(stop); });
}

ConnectorRunner::~ConnectorRunner() {
  stop();
  // It may run on another node from now on, and is not down here.
  impl_->up_family.Remove(&impl_->up_gauge);
  impl_->finished_family.Remove(&impl_->finished_gauge);
}

void ConnectorRunner::stop() {
  impl_->thread.request_stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool ConnectorRunner::finished() const {
  return impl_->finished;
}

bool ConnectorRunner::up() const {
  return impl_->up;
}

std::string ConnectorRunner::trouble() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->trouble;
}

}  // namespace vigie
