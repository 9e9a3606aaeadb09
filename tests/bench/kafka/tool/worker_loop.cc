// The product's worker over Kafka by itself, as `vigie run --roles worker` has it, and the same
// without transactions: what exactly-once costs.
//
// The second is made here and nowhere else, by reading `mentions` without the changelog. The worker
// writes the same records, state changes among them, with an idempotent producer; it waits for
// their delivery, then writes its store and commits its offset. It misses what belongs to a
// transaction: the commit records (six a commit), the order between partitions, the state that is
// read back at the start.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <memory>

#include <fmt/format.h>
#include <prometheus/registry.h>

#include "pipeline/log/kafka_log.h"
#include "pipeline/run/author_fold.h"
#include "pipeline/run/rules_source.h"
#include "pipeline/run/worker.h"
#include "tests/bench/kafka/tool/tool.h"

namespace vigie {
namespace {

std::atomic<bool> stopped{false};

// Everything as the log does it, but for transactions.
class WithoutTransactions : public EventLog {
 public:
  explicit WithoutTransactions(EventLog& log) : log_(log) {}
  std::int32_t partitions(Topic topic) const override { return log_.partitions(topic); }
  Result<void> append(std::vector<Record> records) override {
    return log_.append(std::move(records));
  }
  Result<Offset> append_one(Record record) override { return log_.append_one(std::move(record)); }
  Result<std::unique_ptr<LogReader>> read(Topic topic, ReadOptions options, Store& store) override {
    options.changelog.reset();
    return log_.read(topic, std::move(options), store);
  }
  Result<std::optional<std::string>> latest(Topic topic, std::string_view key) override {
    return log_.latest(topic, key);
  }
  Result<void> healthy() override { return log_.healthy(); }

 private:
  EventLog& log_;
};

}  // namespace

int run_worker(const Arguments& arguments) {
  std::signal(SIGTERM, [](int) { stopped = true; });
  KafkaOptions kafka = arguments.kafka();
  kafka.instance_id = "bench";
  std::chrono::milliseconds committing{0};
  std::uint64_t commits = 0;
  kafka.observer.committed = [&](std::chrono::milliseconds took) {
    committing += took;
    ++commits;
  };
  kafka.stopping = [] { return stopped.load(); };
  const auto log = must(KafkaLog::open(kafka));
  WithoutTransactions without(*log);
  const auto rules = must(RulesSource::open(arguments.text("rules")));
  const auto store = must(Store::open(arguments.text("data"), {.is_cache = true}));
  const AuthorKeys keys(std::array<std::uint8_t, 32>{});
  prometheus::Registry registry;
  WorkerOptions options;
  options.max_batch = arguments.number("batch", 2000);
  options.log_is_remote = true;
  AuthorFold author_fold(*log, *store);
  options.author_fold = &author_fold;
  const bool once = arguments.text("transactions", "on") == "on";
  Worker worker(
      once ? *log : static_cast<EventLog&>(without), *store, keys, [&] { return rules->current(); },
      registry, options);
  must(worker.start());
  while (!stopped) must(worker.step(std::chrono::milliseconds{100}));
  fmt::print("{} commits took {} ms\n", commits, committing.count());
  return 0;
}

}  // namespace vigie
