// The store at its full size: what ten million ledger records and a million counters take on disk
// and in memory, how fast they come in beside a bare RocksDB that is asked and told the same, and
// how soon a killed one commits again, and how long a window takes.
//
//   bench_store [--records N] [--authors N] [--dir DIR]
//
// Each author writes about one of 200 themes. A thousand authors leave about a million counters
// beside ten million records; with as many authors as records, nearly every message has an hour of
// its author to itself, and there are many times more.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/contributions.h"
#include "state/count_query.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatch = 2000;
constexpr std::uint64_t kThemes = 200;
constexpr std::size_t kCompared = 100;  // batches that the bare loop repeats
constexpr std::uint64_t kAsked = 2000;
constexpr Partition kPartition{0};
const Time kBegin = *parse_time("2026-10-01T00:00:00Z");
constexpr std::int64_t kMinutes = std::int64_t{34} * 24 * 60;

double seconds_since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

[[noreturn]] void give_up(const Error& error) {
  fmt::print(stderr, "bench_store: {}\n", error.message);
  std::exit(1);
}
template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// What one batch asked and told the store.
struct Trace {
  std::vector<std::string> ledger_gets;
  std::vector<std::string> counter_gets;
  std::vector<std::pair<std::string, std::string>> ledger_puts;
  std::vector<std::pair<std::string, std::string>> counter_puts;
};

class Filler {
 public:
  Filler(Store& store, std::uint64_t records, std::uint64_t authors)
      : store_(store), records_(records), authors_of_(authors) {}

  // Writes the next batch, as a worker does.
  void batch(std::vector<Trace>* traces = nullptr) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < kBatch; ++i) keys.push_back(fmt::format("x/{:019}", next_ + i));
    must(ledger_.prefetch(keys));
    Time now = kBegin;
    for (const std::string& key : keys) {
      LedgerRecord record = make();
      now = start_of_minute(record.event_minute);
      book(kPartition, record, 1, now, counters_, authors_);
      ledger_.put(key, std::move(record));
    }
    StoreBatch batch;
    const auto counts = must(counters_.flush(batch));
    const auto rows = ledger_.flush(batch);
    must(authors_.flush_sets(batch));
    authors_.flush_rows(batch);
    batch.put(Space::Meta, stream_time_key(kPartition), encode_stream_time(now));
    must(store_.write(batch, Durability::Synced));
    counters_.settled();
    authors_.settled();
    counted_ += counts.size();
    if (traces == nullptr) return;
    Trace& trace = traces->emplace_back();
    for (const auto& row : rows) {
      trace.ledger_gets.push_back(row.key);
      trace.ledger_puts.emplace_back(row.key, *row.bytes);
    }
    for (const auto& change : counts) {
      trace.counter_gets.push_back(change.key);
      trace.counter_puts.emplace_back(change.key, *change.bytes);
    }
  }
  std::uint64_t written() const { return next_; }

 private:
  LedgerRecord make() {
    LedgerRecord record;
    const auto minute = static_cast<std::int64_t>(next_++ * kMinutes / records_);
    record.event_minute = minute_of(kBegin) + static_cast<Minute>(minute);
    record.expires = record.event_minute + 35 * 24 * 60;
    record.version = 1;
    record.content = random_();
    record.network = "x";
    record.conversation = fmt::format("x/{:019}", next_ / 3);
    record.queue = "community";
    record.route = "community";
    record.priority = "normal";
    record.rules = "0123456789abcdef";
    std::uint64_t author = random_() % authors_of_;
    record.themes = {fmt::format("theme-{}", author % kThemes)};
    // Keys are hashes: their bytes differ everywhere.
    for (std::uint8_t& byte : record.author) {
      author = author * 6364136223846793005U + 1442695040888963407U;
      byte = static_cast<std::uint8_t>(author >> 56);
    }
    return record;
  }

  Store& store_;
  const std::uint64_t records_;
  const std::uint64_t authors_of_;
  std::uint64_t next_ = 0;
  std::uint64_t counted_ = 0;
  std::mt19937_64 random_{7};
  Ledger ledger_{store_, kPartition};
  CounterBatch counters_{store_, kPartition};
  Authors authors_{store_};
};

// The same gets and puts, with nothing around them.
double bare(const std::filesystem::path& directory, const std::vector<Trace>& traces) {
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::DB* opened = nullptr;
  if (!rocksdb::DB::Open(options, directory.string(), &opened).ok()) std::exit(1);
  const std::unique_ptr<rocksdb::DB> db(opened);
  const auto begun = Clock::now();
  for (const Trace& trace : traces) {
    for (const auto* keys : {&trace.ledger_gets, &trace.counter_gets}) {
      const std::vector<rocksdb::Slice> slices(keys->begin(), keys->end());
      std::vector<rocksdb::PinnableSlice> values(slices.size());
      std::vector<rocksdb::Status> statuses(slices.size());
      db->MultiGet(rocksdb::ReadOptions{}, db->DefaultColumnFamily(), slices.size(), slices.data(),
                   values.data(), statuses.data());
    }
    rocksdb::WriteBatch batch;
    for (const auto* puts : {&trace.ledger_puts, &trace.counter_puts}) {
      for (const auto& [key, value] : *puts) {
        if (!batch.Put(key, value).ok()) std::exit(1);
      }
    }
    rocksdb::WriteOptions synced;
    synced.sync = true;
    if (!db->Write(synced, &batch).ok()) std::exit(1);
  }
  return seconds_since(begun);
}

std::uint64_t resident_bytes(const char* field) {
  std::ifstream stream("/proc/self/status");
  std::string line;
  while (std::getline(stream, line)) {
    if (line.starts_with(field))
      return std::strtoull(line.c_str() + std::strlen(field), nullptr, 10) << 10;
  }
  return 0;
}

StoreOptions options_at(const Time* now) {
  StoreOptions options;
  options.drop = [now](Space space, std::string_view key, std::string_view value) {
    if (space == Space::Ledger) return ledger_expired(key, value, *now);
    if (space == Space::Counters) return counter_expired(key, *now);
    return space == Space::Authors && author_row_expired(key, value, *now);
  };
  return options;
}

// In a process of its own: fills the store, says so, and goes on until it is killed.
int fill(const std::filesystem::path& directory, std::uint64_t records, std::uint64_t authors) {
  const Time end = kBegin + std::chrono::minutes{kMinutes};
  auto store = must(Store::open(directory, options_at(&end)));
  Filler filler(*store, records, authors);
  const auto begun = Clock::now();
  while (filler.written() < records) filler.batch();
  const double took = seconds_since(begun);
  std::uint64_t counters = 0;
  must(store->scan(Space::Counters, "", "", [&](auto, auto) { return ++counters > 0; }));
  // Of the first rows: all are alike.
  std::uint64_t rows = 0;
  std::uint64_t row_bytes = 0;
  must(store->scan(Space::Ledger, "", "", [&](std::string_view key, std::string_view value) {
    row_bytes += key.size() + value.size();
    return ++rows < 10'000;
  }));
  std::uint64_t disk = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    disk += entry.file_size();
  fmt::print(
      "{} records in {:.1f} s, {:.0f}/s; {} counters; {:.2f} GB on disk; {:.0f} MB at most "
      "in memory; {} bytes a record with its key\n",
      records, took, static_cast<double>(records) / took, counters, static_cast<double>(disk) / 1e9,
      static_cast<double>(resident_bytes("VmHWM:")) / 1e6, row_bytes / rows);
  std::fflush(stdout);
  while (true) filler.batch();
}

// A window of thirty days of one theme after the other, as the API and the CLI ask for it.
void ask_windows(const Store& store, std::string_view measure) {
  const CounterReader counters(store, 1);
  const AuthorSetReader authors(store, 1);
  const Time end = kBegin + std::chrono::minutes{kMinutes};
  std::vector<double> times;
  std::int64_t sum = 0;
  for (std::uint64_t i = 0; i < kAsked; ++i) {
    const std::string theme = fmt::format("theme-{}", i % kThemes);
    CountWords words;
    words.dimension = "theme";
    words.id = theme;
    words.measure = measure;
    words.window = "30d";
    const auto begun = Clock::now();
    const CountQuery query = must(read_count_query(words, end));
    const CountAnswer answered = must(answer(query, counters, authors));
    std::string json;
    append_json(json, query, answered);
    times.push_back(seconds_since(begun) * 1e3);
    sum += answered.total.value;
  }
  std::ranges::sort(times);
  fmt::print("30 days of {}: median {:.2f} ms, p99 {:.2f} ms ({} on average)\n", measure,
             times[times.size() / 2], times[times.size() * 99 / 100],
             sum / static_cast<std::int64_t>(kAsked));
}

int run(const char* self, const std::filesystem::path& directory, const std::string& records,
        const std::string& authors) {
  const std::uint64_t count = std::stoull(records);
  const std::uint64_t people = std::stoull(authors);
  {
    const Time begin = kBegin;
    auto store = must(Store::open(directory / "compared", options_at(&begin)));
    std::vector<Trace> traces;
    Filler filler(*store, count, people);
    const auto begun = Clock::now();
    for (std::size_t i = 0; i < kCompared; ++i) {
      filler.batch(&traces);
    }
    const double took = seconds_since(begun);
    const double alone = bare(directory / "bare", traces);
    fmt::print("{} records: {:.2f} s by the store, {:.2f} s by a bare loop: {:.2f}\n",
               kCompared * kBatch, took, alone, alone / took);
  }
  std::string name = self;
  std::string place = (directory / "full").string();
  std::string wanted = records;
  std::string writing = authors;
  std::string word = "--fill";
  char* arguments[] = {name.data(),   word.data(),    place.data(),
                       wanted.data(), writing.data(), nullptr};
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) return 1;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  pid_t child = 0;
  if (::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ) != 0) return 1;
  ::close(pipe_ends[1]);
  char line[512];
  const ssize_t got = ::read(pipe_ends[0], line, sizeof(line));
  if (got <= 0) return 1;
  fmt::print("{}", std::string_view(line, static_cast<std::size_t>(got)));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const Time end = kBegin + std::chrono::minutes{kMinutes};
  const auto begun = Clock::now();
  auto store = must(Store::open(place, options_at(&end)));
  const double opened = seconds_since(begun);
  Filler(*store, count, people).batch();
  fmt::print("after kill -9: open in {:.2f} s, first commit after {:.2f} s\n", opened,
             seconds_since(begun));
  for (const std::string_view measure : {"mentions", "authors"}) ask_windows(*store, measure);
  return 0;
}

}  // namespace
}  // namespace vigie

int main(int argc, char** argv) {
  std::string records = "10000000";
  std::string authors = "1000";
  std::filesystem::path directory;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--fill") == 0)
      return vigie::fill(argv[i + 1], std::stoull(argv[i + 2]), std::stoull(argv[i + 3]));
    if (std::strcmp(argv[i], "--authors") == 0) authors = argv[i + 1];
    if (std::strcmp(argv[i], "--records") == 0) records = argv[i + 1];
    if (std::strcmp(argv[i], "--dir") == 0) directory = argv[i + 1];
  }
  std::string pattern =
      ((directory.empty() ? std::filesystem::temp_directory_path() : directory) / "bench-XXXXXX")
          .string();
  if (::mkdtemp(pattern.data()) == nullptr) return 1;
  const int code = vigie::run(argv[0], pattern, records, authors);
  std::filesystem::remove_all(pattern);
  return code;
}
