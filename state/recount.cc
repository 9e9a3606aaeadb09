// Each pass adds up what the records contribute to one share of the keys, told by their hash, and
// ticks off what the store has. What is left over is a difference, unless it has expired meanwhile:
// that is asked last, since compaction may drop expired rows, also of the snapshot.
#include "state/recount.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <xxhash.h>

#include "pipeline/core/bytes.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/contributions.h"
#include "state/ledger.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

// A record is forgotten a little before the hour that its author's clock put it into: that may be
// two minutes ahead.
constexpr std::chrono::hours kMargin{1};
constexpr std::size_t kAskEvery = 4096;

constexpr auto kMentions = static_cast<std::size_t>(Measure::Mentions);

// Which buckets the ledger still explains when the stream has come to `now`.
struct Edges {
  Time now;

  explicit Edges(Time time) : now(time) {}

  bool explains(Dimension dimension, Granularity granularity, std::int32_t bucket) const {
    const auto kept = kept_for(dimension, granularity);
    if (granularity == Granularity::Minute) {
      return has_minutes(dimension) && start_of_minute(bucket) > now - kept;
    }
    // Unmatched messages contribute to these.
    const bool is_short = dimension == Dimension::All || dimension == Dimension::Network;
    const auto explained = is_short ? kUnmatchedKept : std::min(kept, kHoursKept);
    return start_of_hour(bucket) > now - explained + kMargin;
  }
};

using Bucket = std::pair<Granularity, std::int32_t>;
using Messages = std::map<std::uint64_t, std::int64_t>;  // by author

// One partition's recount.
class PartitionRecount {
 public:
  PartitionRecount(const Store& store, const StoreSnapshot& moment, Partition partition,
                   const RecountOptions& options,
                   const std::function<void(const Difference&)>& visit, Recounted& out)
      : store_(store),
        moment_(moment),
        partition_(partition),
        options_(options),
        visit_(visit),
        out_(out) {}

  Result<void> run();

 private:
  enum class Pass : std::uint8_t { Done, TooMuch };

  struct Mismatch {
    CounterKey key;
    Measures stored{};
    Measures recounted{};
  };
  struct SetMismatch {
    AuthorSetKey key;
    std::int64_t stored = 0;
    std::int64_t recounted = 0;
  };

  Result<Time> stream_time() const;
  Result<Pass> pass(std::size_t share, std::size_t shares);
  Result<Pass> add_up();
  void add(const SeriesView& series, Minute minute, const Measures& measures);
  void add_author(const SeriesView& series, Hour hour, std::uint64_t author);
  Result<void> tick_off_counters();
  Result<void> tick_off_sets();
  void tick_off(const CounterKey& key, const std::string& bytes, const Measures& stored);
  void tell(const Edges& edges);
  void tell(const CounterKey& key, const Measures& stored, const Measures& recounted);
  void tell(Difference difference);
  void tell_networks(const Edges& edges);
  void start_over();

  bool is_mine(std::string_view key) const {
    return shares_ == 1 || XXH3_64bits(key.data(), key.size()) % shares_ == share_;
  }
  bool stopped() const { return options_.stopped && options_.stopped(); }

  const Store& store_;
  const StoreSnapshot& moment_;
  const Partition partition_;
  const RecountOptions& options_;
  const std::function<void(const Difference&)>& visit_;
  Recounted& out_;

  std::size_t share_ = 0;
  std::size_t shares_ = 1;
  Edges edges_{Time{}};
  std::unordered_map<std::string, Measures> sums_;
  std::unordered_map<std::string, Messages> sets_;
  std::size_t authors_ = 0;  // in all of sets_
  std::vector<Mismatch> mismatches_;
  std::vector<SetMismatch> set_mismatches_;
  Recounted counted_;  // of this partition, as long as a pass may have to start over
  std::map<Bucket, std::int64_t> unmatched_;  // rows; of every share
  // Mentions of all networks beyond their records.
  std::map<Bucket, std::int64_t> beyond_records_;
};

// How far the stream has come by now, in any partition: nothing was dropped that had not expired
// then.
Result<Time> PartitionRecount::stream_time() const {
  const auto latest = newest_stream_time(store_);
  if (!latest) return std::unexpected(latest.error());
  return latest->value_or(Time{});
}

void PartitionRecount::start_over() {
  sums_.clear();
  sets_.clear();
  authors_ = 0;
  mismatches_.clear();
  set_mismatches_.clear();
}

Result<void> PartitionRecount::run() {
  std::size_t shares = 1;
  for (std::size_t share = 0; share < shares; ++share) {
    start_over();
    auto done = pass(share, shares);
    if (!done) return std::unexpected(std::move(done.error()));
    if (*done == Pass::Done) continue;
    // Nothing was told yet: shares are only made smaller before the first one is done.
    if (share > 0) return fail(Code::Unavailable, "recount: more buckets than fit in memory");
    shares *= 2;
    share = static_cast<std::size_t>(-1);
  }
  auto now = stream_time();
  if (!now) return std::unexpected(std::move(now.error()));
  tell_networks(Edges(*now));
  out_.records += counted_.records;
  out_.passes = std::max(out_.passes, shares);
  return {};
}

Result<PartitionRecount::Pass> PartitionRecount::pass(std::size_t share, std::size_t shares) {
  share_ = share;
  shares_ = shares;
  unmatched_.clear();
  counted_ = {};
  auto now = stream_time();
  if (!now) return std::unexpected(std::move(now.error()));
  edges_ = Edges(*now);
  auto added = add_up();
  if (!added || *added == Pass::TooMuch) return added;
  for (const auto step : {&PartitionRecount::tick_off_counters, &PartitionRecount::tick_off_sets}) {
    auto done = (this->*step)();
    if (!done) return std::unexpected(std::move(done.error()));
  }
  now = stream_time();
  if (!now) return std::unexpected(std::move(now.error()));
  tell(Edges(*now));
  return Pass::Done;
}

Result<PartitionRecount::Pass> PartitionRecount::add_up() {
  std::uint64_t author = 0;
  ContributionSink sink;
  sink.count = [&](const SeriesView& series, Minute minute, const Measures& measures) {
    add(series, minute, measures);
  };
  sink.author = [&](const SeriesView& series, Hour hour) { add_author(series, hour, author); };
  bool too_much = false;
  bool closed = false;
  // Later shares may be a little larger than the first.
  const std::size_t limit = share_ == 0 ? options_.max_held : options_.max_held * 2;
  auto scanned =
      scan_ledger(moment_, partition_, [&](const LedgerRecord* record, const UnmatchedRow* row) {
        if (++counted_.records % kAskEvery == 0 && stopped()) closed = true;
        if (record != nullptr) {
          author = author_in_sets(record->author);
          contributions(*record, sink);
        } else {
          // The row knows no network: what it contributes to one goes to the series without a name.
          contributions_of_unmatched("", Kind::Post, row->event_minute, sink);
        }
        too_much = sums_.size() + authors_ > limit;
        return !closed && !too_much;
      });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (closed) return fail(Code::Closed, "recount: stopped");
  return too_much ? Pass::TooMuch : Pass::Done;
}

void PartitionRecount::add(const SeriesView& series, Minute minute, const Measures& measures) {
  std::optional<CounterStem> stem;
  const auto book = [&](Granularity granularity, std::int32_t bucket) {
    if (!edges_.explains(series.dimension, granularity, bucket)) return;
    if (series.dimension == Dimension::Network && series.id.empty()) {
      unmatched_[{granularity, bucket}] += measures[kMentions];
      return;
    }
    if (!stem) stem = counter_stem(partition_, series);
    std::string key;
    stem->append_key(key, granularity, bucket);
    if (!is_mine(key)) return;
    Measures& sum = sums_[std::move(key)];
    for (std::size_t i = 0; i < kMeasures; ++i) sum[i] += measures[i];
  };
  book(Granularity::Minute, minute);
  book(Granularity::Hour, hour_of_minute(minute));
}

void PartitionRecount::add_author(const SeriesView& series, Hour hour, std::uint64_t author) {
  if (!edges_.explains(series.dimension, Granularity::Hour, hour)) return;
  std::string key =
      author_set_key(partition_, {series.dimension, std::string(series.id), {}}, hour);
  if (!is_mine(key)) return;
  if (++sets_[std::move(key)][author] == 1) ++authors_;
}

Result<void> PartitionRecount::tick_off_counters() {
  const std::string prefix = counters_of(partition_);
  bool damaged = false;
  bool closed = false;
  std::size_t seen = 0;
  auto scanned = moment_.scan(Space::Counters, prefix, prefix_end(prefix),
                              [&](std::string_view key, std::string_view value) {
                                if (++seen % kAskEvery == 0 && stopped()) closed = true;
                                if (closed) return false;
                                const auto parsed = parse_counter_key(key);
                                const auto stored = parse_counter_value(value);
                                damaged = !parsed || !stored;
                                if (damaged) return false;
                                if (is_mine(key)) tick_off(*parsed, std::string(key), *stored);
                                return true;
                              });
  if (!scanned) return scanned;
  if (closed) return fail(Code::Closed, "recount: stopped");
  if (damaged) return fail(Code::Corrupt, "counters: a stored value is damaged");
  return {};
}

void PartitionRecount::tick_off(const CounterKey& key, const std::string& bytes,
                                const Measures& stored) {
  const Dimension dimension = key.series.dimension;
  if (!edges_.explains(dimension, key.granularity, key.bucket)) {
    ++out_.expired;
    return;
  }
  ++out_.buckets;
  Measures recounted{};
  if (const auto it = sums_.find(bytes); it != sums_.end()) {
    recounted = it->second;
    sums_.erase(it);
  }
  if (dimension == Dimension::Network) {
    const std::int64_t beyond = stored[kMentions] - recounted[kMentions];
    if (beyond >= 0) {
      beyond_records_[{key.granularity, key.bucket}] += beyond;
      recounted[kMentions] = stored[kMentions];
    }
  }
  if (recounted != stored) mismatches_.push_back({key, stored, recounted});
}

Result<void> PartitionRecount::tick_off_sets() {
  const std::string prefix = author_sets_of(partition_);
  bool damaged = false;
  auto scanned = moment_.scan(
      Space::Authors, prefix, prefix_end(prefix),
      [&](std::string_view key, std::string_view value) {
        if (!is_mine(key)) return true;
        const auto parsed = parse_author_set_key(key);
        damaged = !parsed;
        if (damaged) return false;
        if (!edges_.explains(parsed->series.dimension, Granularity::Hour, parsed->hour)) {
          ++out_.expired;
          return true;
        }
        const auto set = AuthorSet::decode(value);
        damaged = !set;
        if (damaged) return false;
        ++out_.author_sets;
        Messages messages;
        if (const auto it = sets_.find(std::string(key)); it != sets_.end()) {
          messages = std::move(it->second);
          sets_.erase(it);
        }
        if (!set->agrees_with(messages)) {
          set_mismatches_.push_back(
              {*parsed, set->size().authors, static_cast<std::int64_t>(messages.size())});
        }
        return true;
      });
  if (!scanned) return scanned;
  if (damaged) return fail(Code::Corrupt, "authors: a stored set is damaged");
  return {};
}

// What differs and has not expired by now.
void PartitionRecount::tell(const Edges& edges) {
  for (auto& [bytes, sum] : sums_) {
    if (!is_zero(sum)) mismatches_.push_back({*parse_counter_key(bytes), {}, sum});
  }
  for (auto& [bytes, messages] : sets_) {
    set_mismatches_.push_back(
        {*parse_author_set_key(bytes), 0, static_cast<std::int64_t>(messages.size())});
  }
  std::ranges::sort(mismatches_, {}, [](const Mismatch& one) { return counter_key(one.key); });
  for (const Mismatch& one : mismatches_) {
    if (edges.explains(one.key.series.dimension, one.key.granularity, one.key.bucket)) {
      tell(one.key, one.stored, one.recounted);
    }
  }
  std::ranges::sort(set_mismatches_, {}, [](const SetMismatch& one) {
    return std::tuple(one.key.series.dimension, one.key.series.id, one.key.hour);
  });
  for (const SetMismatch& one : set_mismatches_) {
    if (!edges.explains(one.key.series.dimension, Granularity::Hour, one.key.hour)) continue;
    tell(Difference{partition_, one.key.series, Granularity::Hour, one.key.hour,
                    std::string(kAuthorsMeasure), one.stored, one.recounted});
  }
}

void PartitionRecount::tell(const CounterKey& key, const Measures& stored,
                            const Measures& recounted) {
  const bool is_network = key.series.dimension == Dimension::Network;
  for (std::size_t i = 0; i < kMeasures; ++i) {
    if (stored[i] == recounted[i]) continue;
    tell(Difference{partition_, key.series, key.granularity, key.bucket,
                    std::string(name(static_cast<Measure>(i))), stored[i], recounted[i],
                    is_network && i == kMentions});
  }
}

void PartitionRecount::tell_networks(const Edges& edges) {
  std::map<Bucket, std::pair<std::int64_t, std::int64_t>> both;
  for (const auto& [bucket, beyond] : beyond_records_) both[bucket].first = beyond;
  for (const auto& [bucket, rows] : unmatched_) both[bucket].second = rows;
  for (const auto& [bucket, counts] : both) {
    if (counts.first == counts.second) continue;
    if (!edges.explains(Dimension::Network, bucket.first, bucket.second)) continue;
    tell(Difference{partition_, Series{Dimension::Network, "(unmatched, all)", {}}, bucket.first,
                    bucket.second, std::string(name(Measure::Mentions)), counts.first,
                    counts.second});
  }
}

void PartitionRecount::tell(Difference difference) {
  ++out_.differences;
  visit_(difference);
}

// Every partition that the store knows anything of.
Result<std::set<Partition>> partitions_of(const StoreSnapshot& moment) {
  std::set<Partition> out;
  auto scanned = moment.scan(Space::Meta, kStreamTimes, prefix_end(kStreamTimes),
                             [&](std::string_view key, std::string_view) {
                               const auto partition = parse_stream_time_key(key);
                               if (partition) out.insert(*partition);
                               return true;
                             });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  for (const Space space : {Space::Counters, Space::Ledger}) {
    // One key a partition: the next scan begins behind the partition that was found.
    std::string begin(1, '\x01');
    while (!begin.empty()) {
      std::string found;
      auto looked = moment.scan(space, begin, "", [&](std::string_view key, std::string_view) {
        found = key.substr(0, 3);
        return false;
      });
      if (!looked) return std::unexpected(std::move(looked.error()));
      if (found.size() < 3) break;
      out.insert(Partition{ByteReader(std::string_view(found).substr(1)).fixed<std::uint16_t>()});
      begin = prefix_end(found);
    }
  }
  return out;
}

}  // namespace

std::string to_text(const Difference& difference) {
  const bool is_minute = difference.granularity == Granularity::Minute;
  return fmt::format("partition {} {}={} {} of the {} {}: stored {}, the ledger has {}{}",
                     number(difference.partition), name(difference.series.dimension),
                     difference.series.id, difference.measure, is_minute ? "minute" : "hour",
                     format_time(is_minute ? start_of_minute(difference.bucket)
                                           : start_of_hour(difference.bucket)),
                     difference.stored, difference.recounted,
                     difference.at_least ? " or more" : "");
}

Result<Recounted> recount(const Store& store, const RecountOptions& options,
                          const std::function<void(const Difference&)>& visit) {
  const std::unique_ptr<StoreSnapshot> moment = store.snapshot();
  auto partitions = partitions_of(*moment);
  if (!partitions) return std::unexpected(std::move(partitions.error()));
  Recounted out;
  for (const Partition partition : *partitions) {
    auto done = PartitionRecount(store, *moment, partition, options, visit, out).run();
    if (!done) return std::unexpected(std::move(done.error()));
  }
  return out;
}

}  // namespace vigie
