// A worker's state at size, in the changelog and in its store, as if it had come there by the
// processing of that many mentions: the product's own encoders make the rows, and its own reader
// commits them, with commit records. Each mention has an author, a hashtag and a link of its own,
// which is what makes five counters a ledger row.
#include <chrono>
#include <cstdint>
#include <string>

#include "pipeline/run/changelog.h"
#include "state/counter_key.h"
#include "state/ledger.h"
#include "state/stream_time.h"
#include "tests/bench/kafka/tool/tool.h"

namespace vigie {
namespace {

constexpr std::uint64_t kAtOnce = 8'000;  // mentions a transaction
constexpr std::chrono::hours kSpread{7 * 24};

class Maker {
 public:
  Maker(const Store& store, Time now) : store_(store), now_(now) {}

  Effects batch(std::uint64_t first, std::uint64_t end, std::uint64_t all, Partition partition) {
    Ledger ledger(store_, partition);
    Effects effects;
    for (std::uint64_t i = first; i < end; ++i) {
      const Time at = now_ - kSpread +
                      std::chrono::duration_cast<std::chrono::microseconds>(kSpread) *
                          static_cast<std::int64_t>(i) / static_cast<std::int64_t>(all);
      AuthorKey author{};
      std::uint64_t mixed = i;
      for (std::uint8_t& byte : author) {
        mixed = mixed * 6364136223846793005U + 1442695040888963407U;
        byte = static_cast<std::uint8_t>(mixed >> 56);
      }
      add_counters(effects, partition, i, hour_of(at), hex(author));
      ledger.put(fmt::format("x/{:019}", i), record(i, at, author));
    }
    StoreBatch unused;  // the rows come from the records below, as they do after a restore
    for (Ledger::Change& row : ledger.flush(unused))
      add(effects, Topic::Ledger, partition, std::move(row.key), std::move(*row.bytes));
    const auto changelog = worker_changelog();
    for (const Record& out : effects.outputs)
      must(changelog->fold(out.topic, partition, out.key, *out.value, effects.state));
    Effects::Mark mark{.partition = partition, .stream_time = now_, .rules = "bench"};
    mark.rows.emplace_back(stream_time_key(partition), encode_stream_time(now_));
    effects.state.put(Space::Meta, stream_time_key(partition), encode_stream_time(now_));
    effects.marks.push_back(std::move(mark));
    return effects;
  }

 private:
  static void add(Effects& effects, Topic topic, Partition partition, std::string key,
                  std::string value) {
    effects.outputs.push_back(
        {.topic = topic, .partition = partition, .key = std::move(key), .value = std::move(value)});
  }

  static void add_counters(Effects& effects, Partition partition, std::uint64_t i, Hour hour,
                           const std::string& author) {
    const std::string theme = fmt::format("theme-{}", i % 200);
    Measures measures{};
    at(measures, Measure::Mentions) = 1;
    const std::string value = encode(measures);
    for (const Series& series :
         {Series{Dimension::Author, author, {}}, Series{Dimension::ThemeAuthor, theme, author},
          Series{Dimension::AuthorBrand, author, "acme"},
          Series{Dimension::ThemeHashtag, theme, fmt::format("tag{}", i)},
          Series{Dimension::ThemeLink, theme, fmt::format("https://site.example/{}", i)}}) {
      add(effects, Topic::Counters, partition,
          counter_key({partition, series, Granularity::Hour, hour}), value);
    }
  }

  static LedgerRecord record(std::uint64_t i, Time at, const AuthorKey& author) {
    LedgerRecord out;
    out.event_minute = minute_of(at);
    out.expires = minute_of(at + kLedgerKept);
    out.version = 1;
    out.content = i * 0x9e3779b97f4a7c15U;
    out.network = "x";
    out.conversation = fmt::format("x/{:019}", i / 3);
    out.themes = {fmt::format("theme-{}", i % 200)};
    out.queue = "community";
    out.route = "community";
    out.priority = "normal";
    out.rules = "0123456789abcdef";
    out.author = author;
    return out;
  }

  const Store& store_;
  const Time now_;
};

}  // namespace

// `--rows N` ledger rows and five times as many counters, into `--data`.
int make_state(const Arguments& arguments) {
  KafkaOptions kafka = arguments.kafka();
  kafka.instance_id = arguments.text("instance", "bench");
  const auto log = must(KafkaLog::open(kafka));
  const auto store = must(Store::open(arguments.text("data"), {.is_cache = true}));
  ReadOptions options{.group = "worker", .shared = true};
  options.changelog = worker_changelog();
  const auto reader = must(log->read(Topic::Mentions, options, *store));
  const auto partitions = log->partitions(Topic::Mentions);
  while (reader->partitions().size() < static_cast<std::size_t>(partitions))
    must(reader->poll(1, std::chrono::milliseconds{100}));
  const std::uint64_t rows = arguments.number("rows", 1'000'000);
  Maker maker(*store, system_clock()());
  std::int32_t turn = 0;
  for (std::uint64_t first = 0; first < rows; first += kAtOnce) {
    const std::uint64_t end = std::min(rows, first + kAtOnce);
    must(reader->commit(maker.batch(first, end, rows, Partition{turn++ % partitions})));
  }
  return 0;
}

}  // namespace vigie
