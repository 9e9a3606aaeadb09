#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pipeline/core/bytes.h"
#include "pipeline/run/apply.h"
#include "state/contributions.h"
#include "state/counters.h"
#include "tests/fakes/acme.h"
#include "tests/fakes/scratch_log.h"

namespace vigie {

using HourCounts = std::map<std::tuple<Dimension, std::string, Measure, Hour>, std::int64_t>;

inline HourCounts hour_counts(const Store& store) {
  HourCounts out;
  const auto dumped = CounterReader(store, 1).dump(
      std::nullopt,
      [&](Dimension dimension, std::string_view id, Measure measure, Hour hour,
          std::int64_t value) { out[{dimension, std::string(id), measure, hour}] = value; });
  if (!dumped) ADD_FAILURE() << dumped.error().message;
  return out;
}

// The stored rows of who wrote in which hour, by what follows the partition in their keys.
inline std::map<std::string, std::string> author_sets(const Store& store,
                                                      Partition partition = Partition{0}) {
  std::string prefix = "\x01s";
  put_fixed(prefix, static_cast<std::uint16_t>(number(partition)));
  std::map<std::string, std::string> out;
  const auto scanned = store.scan(Space::Authors, prefix, prefix_end(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    out.emplace(key.substr(prefix.size()), value);
                                    return true;
                                  });
  if (!scanned) ADD_FAILURE() << scanned.error().message;
  return out;
}

struct Recount {
  HourCounts hours;
  std::map<std::string, std::string> author_sets;
};

// What there would be if every message of the ledger were booked anew: done beside the partition
// that is in use, once.
inline Recount recount_ledger(Store& store) {
  const auto must = [](const auto& result) {
    if (!result) ADD_FAILURE() << result.error().message;
  };
  constexpr Partition kBeside{1};
  CounterBatch counters(store, kBeside);
  Authors authors(store);
  must(store.scan(Space::Ledger, "", "", [&](std::string_view key, std::string_view value) {
    if (key[3] == 'm') {
      const auto record = decode_ledger(value);
      must(record);
      book(kBeside, *record, 1, std::nullopt, counters, authors);
    } else if (key[3] == 'u') {
      ByteReader row(value);
      row.fixed<std::int64_t>();
      book_unmatched("x", Kind::Post, row.fixed<Minute>(), 1, std::nullopt, counters);
    }
    return true;
  }));
  Recount out;
  StoreBatch unwritten;
  const auto changes = counters.flush(unwritten);
  must(changes);
  for (const CounterBatch::Change& change : *changes) {
    if (change.granularity != Granularity::Hour) continue;
    for (std::size_t i = 0; i < kMeasures; ++i) {
      if (change.value[i] == 0) continue;
      out.hours[{change.series.dimension, id_text(change.series), static_cast<Measure>(i),
                 change.bucket}] = change.value[i];
    }
  }
  StoreBatch batch;
  must(authors.flush_sets(batch));
  must(store.write(batch, Durability::Buffered));
  out.author_sets = author_sets(store, kBeside);
  return out;
}

// Apply over a real log and store with the rules of acme, one partition.
class ApplyWorld {
 public:
  ApplyWorld()
      : authors_(log_.store()),
        apply_(Partition{0}, log_.store(), authors_, keys_, *log_, ApplyOptions{}) {
    auto reader = log_->read(Topic::Mentions, {.group = "worker", .shared = true}, log_.store());
    if (!reader) std::abort();
    reader_ = std::move(*reader);
    EXPECT_TRUE(apply_.load());
  }

  // One batch, committed. Forgets what earlier ones put out and counted.
  void give(const std::vector<Mention>& mentions) {
    std::vector<std::string> keys;
    for (const Mention& mention : mentions) keys.push_back(key_of(mention));
    must(apply_.begin(keys));
    for (const Mention& mention : mentions) must(apply_.record(mention, *rules_, matcher_));
    commit();
  }
  // As after a restore; returns of how many the store did not know.
  std::size_t erase_again(const std::vector<Erased>& all) {
    const auto missing = authors_.missing(Partition{0}, all);
    must(missing);
    for (const Authors::Missing& one : *missing) {
      must(apply_.erase_again(one));
      commit();
    }
    return missing->size();
  }
  void commit() {
    Effects effects;
    must(apply_.finish(effects));
    must(authors_.flush_sets(effects.state));
    authors_.flush_rows(effects.state);
    log_.take();
    must(reader_->commit(std::move(effects)));
    apply_.settled();
    authors_.settled();
    outputs_ = log_.take();
    counts_ = apply_.take_counts();
  }
  void give(const Mention& mention) { give(std::vector<Mention>{mention}); }

  // Of the last batch.
  const ApplyCounts& counts() const { return counts_; }
  std::vector<Record> outputs(Topic topic) const { return ScratchLog::of(topic, outputs_); }

  // Over all hours.
  std::int64_t total(Dimension dimension, const std::string& id, Measure measure) {
    std::int64_t sum = 0;
    for (const auto& [key, value] : hour_counts(store())) {
      const auto& [d, i, m, hour] = key;
      if (d == dimension && i == id && m == measure) sum += value;
    }
    return sum;
  }
  std::int64_t mentions(Dimension dimension, const std::string& id) {
    return total(dimension, id, Measure::Mentions);
  }
  std::int64_t everything() { return mentions(Dimension::All, "all"); }
  std::string tagged(const std::string& key) {
    const auto value = stored_tagged(store(), key);
    if (!value) ADD_FAILURE() << value.error().message;
    return value && *value ? **value : std::string();
  }
  Store& store() { return log_.store(); }
  const AuthorKeys& keys() const { return keys_; }

  Recount recount() { return recount_ledger(store()); }

 private:
  template <class T>
  static void must(const Result<T>& result) {
    if (!result) ADD_FAILURE() << result.error().message;
  }

  ScratchLog log_;
  AuthorKeys keys_{{}};
  std::shared_ptr<const RuleSet> rules_ = acme_rules();
  Matcher matcher_;
  Authors authors_;
  std::unique_ptr<LogReader> reader_;
  Apply apply_;
  std::vector<Record> outputs_;
  ApplyCounts counts_;
};

}  // namespace vigie
