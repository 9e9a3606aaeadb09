#include "pipeline/run/worker.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <variant>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "pipeline/run/author_fold.h"
#include "pipeline/run/batch_pace.h"
#include "pipeline/run/changelog.h"
#include "pipeline/run/cut_builder.h"
#include "pipeline/run/records.h"
#include "pipeline/run/rule_cost_board.h"
#include "pipeline/run/worker_metrics.h"
#include "state/author_sets.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

using SteadyClock = std::chrono::steady_clock;

}  // namespace

struct Worker::Impl {
  EventLog& log;
  Store& store;
  const AuthorKeys& keys;
  std::function<std::shared_ptr<const RuleSet>()> rules;
  WorkerOptions options;
  WorkerMetrics metrics;
  BatchPace pace;
  Authors authors;
  Matcher matcher;
  RuleCostTeller cost_teller;
  MentionReader reader;
  std::unique_ptr<LogReader> log_reader;
  std::string rules_version;  // of the batch

  struct Owned {
    std::unique_ptr<Apply> apply;
    CutBuilder cuts;
  };
  std::map<Partition, Owned> owned;

  // One polled record, read.
  struct Parsed {
    Partition partition{};
    Offset offset = 0;
    std::optional<Mention> mention;  // none: a dead letter
    std::string reason;
    std::string_view bytes;
  };
  std::vector<Parsed> parsed;

  Impl(EventLog& l, Store& s, const AuthorKeys& k,
       std::function<std::shared_ptr<const RuleSet>()> r, prometheus::Registry& registry,
       WorkerOptions o)
      : log(l),
        store(s),
        keys(k),
        rules(std::move(r)),
        options(o),
        metrics(registry, std::to_string(options.number)),
        pace(options.max_batch, options.longest_batch),
        authors(s) {}

  Result<Owned*> partition(Partition number);
  Result<void> erase_again(Partition number, Owned& mine);
  void parse(std::span<const LogRecord> records);
  void tell_lag(const std::vector<Partition>& partitions);
  Result<void> know_partitions();
  std::optional<Minute> due_cut(const Parsed& record) const;
  std::size_t segment_end(std::size_t begin) const;
  Result<std::size_t> run_segment(std::size_t begin, std::size_t end, const RuleSet& set);
  Result<void> commit(Effects& effects, const std::vector<Partition>& touched);
  void tell_changelog(std::span<const Authors::Row> rows, const std::vector<Partition>& touched,
                      Effects& effects);
  Result<void> count_authors();
  Result<void> flush_authors(Effects& effects);
  Result<void> cut(Partition number, Minute minute, Effects& effects);
};

Result<Worker::Impl::Owned*> Worker::Impl::partition(Partition number) {
  const auto it = owned.find(number);
  if (it != owned.end()) return &it->second;
  if (options.author_fold != nullptr) {
    // Before its first mention is judged.
    auto known = options.author_fold->take(number, this, options.stopping);
    if (!known) return std::unexpected(std::move(known.error()));
  }
  authors.reread(number);
  Owned fresh{.apply = nullptr, .cuts = CutBuilder(number)};
  ApplyOptions apply_options;
  apply_options.keep = options.keep;
  apply_options.log_is_remote = options.log_is_remote;
  apply_options.texts = options.texts;
  fresh.apply = std::make_unique<Apply>(number, store, authors, keys, log, apply_options);
  auto loaded = fresh.apply->load();
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  loaded = fresh.cuts.load(store, authors, fresh.apply->stream_time());
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  Owned* const mine = &owned.emplace(number, std::move(fresh)).first->second;
  auto erased = erase_again(number, *mine);
  if (!erased) return std::unexpected(std::move(erased.error()));
  return mine;
}

Result<void> Worker::Impl::erase_again(Partition number, Owned& mine) {
  auto missing = authors.missing(number, options.erasures);
  if (!missing) return std::unexpected(std::move(missing.error()));
  for (const Authors::Missing& one : *missing) {
    Effects effects;
    auto erased = mine.apply->erase_again(one);
    if (erased) erased = commit(effects, {number});
    if (!erased) return erased;
  }
  if (!missing->empty()) {
    spdlog::info("worker partition={} erased_again={}", vigie::number(number), missing->size());
  }
  return {};
}

void Worker::Impl::parse(std::span<const LogRecord> records) {
  parsed.clear();
  parsed.reserve(records.size());
  for (const LogRecord& record : records) {
    Parsed& out = parsed.emplace_back();
    out.partition = record.partition;
    out.offset = record.offset;
    out.bytes = record.value.value_or("");
    auto mention = reader.read(out.bytes);
    if (mention) {
      out.mention = std::move(*mention);
    } else {
      out.reason = std::move(mention.error().message);
    }
  }
}

// Loads what is not loaded yet; a partition's minutes begin with its first record.
Result<void> Worker::Impl::know_partitions() {
  for (const Parsed& record : parsed) {
    auto found = partition(record.partition);
    if (!found) return std::unexpected(std::move(found.error()));
    if (record.mention && record.mention->seen_at) (*found)->cuts.begin(*record.mention->seen_at);
  }
  return {};
}

// The minute that is over before this record, if it was not cut yet.
std::optional<Minute> Worker::Impl::due_cut(const Parsed& record) const {
  if (!record.mention || !record.mention->seen_at) return std::nullopt;
  const auto it = owned.find(record.partition);
  if (it == owned.end()) return std::nullopt;
  return it->second.cuts.due(*record.mention->seen_at);
}

// A segment is what one commit holds: everything, but an author-wide op, which needs what came
// before it in the store, is alone.
std::size_t Worker::Impl::segment_end(std::size_t begin) const {
  std::size_t end = begin;
  for (; end < parsed.size(); ++end) {
    const bool alone = parsed[end].mention && is_author_wide(parsed[end].mention->op);
    if (!alone) continue;
    return end == begin ? end + 1 : end;
  }
  return end;
}

Result<std::size_t> Worker::step(std::chrono::milliseconds wait) {
  Impl& self = *impl_;
  if (self.options.author_fold != nullptr) {
    // So that nobody is new twice. What other workers commit meanwhile comes with the next batch.
    auto folded = self.options.author_fold->step();
    if (!folded) return std::unexpected(std::move(folded.error()));
  }
  auto polled = self.log_reader->poll(self.pace.wanted(), wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  // Also when nothing came: what the last batch cost is still to be told.
  if (self.options.costs) self.cost_teller.tell(self.matcher.costs(), *self.options.costs);
  // Partitions that moved to another worker are read anew from the store when they come back.
  const std::vector<Partition> now = self.log_reader->partitions();
  std::erase_if(self.owned, [&](const auto& entry) {
    if (std::ranges::find(now, entry.first) != now.end()) return false;
    if (self.options.author_fold != nullptr) {
      self.options.author_fold->give_back(entry.first, impl_.get());
    }
    return true;
  });
  // All of them, so that the oldest stream time is that of every partition.
  for (const Partition number : now) {
    auto loaded = self.partition(number);
    if (!loaded) return std::unexpected(std::move(loaded.error()));
  }
  if (polled->empty()) {
    self.tell_lag(now);
    return 0;
  }
  const std::shared_ptr<const RuleSet> set = self.rules();
  self.rules_version = set->version();
  self.parse(*polled);
  auto known = self.know_partitions();
  if (!known) return std::unexpected(std::move(known.error()));
  for (std::size_t begin = 0; begin < self.parsed.size();) {
    auto done = self.run_segment(begin, self.segment_end(begin), *set);
    if (!done) return std::unexpected(std::move(done.error()));
    begin = *done;
    if (begin == self.parsed.size()) break;
    auto stays = self.log_reader->stay();
    if (!stays) return std::unexpected(std::move(stays.error()));
    if (!*stays) return begin;
  }
  self.tell_lag(now);
  return self.parsed.size();
}

void Worker::Impl::tell_lag(const std::vector<Partition>& partitions) {
  std::map<Partition, Offset> lags;
  for (const Partition partition : partitions) {
    const auto [next, end] = log_reader->position(partition);
    lags[partition] = std::max<Offset>(0, end - next);
  }
  metrics.lag.tell(lags);
  if (log_reader->is_settled()) metrics.looked.SetToCurrentTime();
}

// Applies and commits what comes before `end`, or less when it takes long; returns how far it came.
Result<std::size_t> Worker::Impl::run_segment(std::size_t begin, std::size_t end,
                                              const RuleSet& set) {
  const auto begun = SteadyClock::now();
  std::map<Partition, std::vector<std::string>> keys_of_partition;
  for (std::size_t i = begin; i < end; ++i) {
    if (!parsed[i].mention) continue;
    keys_of_partition[parsed[i].partition].push_back(key_of(*parsed[i].mention));
  }
  for (const auto& [number, wanted] : keys_of_partition) {
    auto found = partition(number);
    if (!found) return std::unexpected(std::move(found.error()));
    auto read = (*found)->apply->begin(wanted);
    if (!read) return std::unexpected(std::move(read.error()));
  }
  Effects effects;
  std::map<Partition, Offset> next;
  std::size_t i = begin;
  for (; i < end; ++i) {
    if (i > begin && pace.is_over(SteadyClock::now() - begun, i - begin, end - i)) break;
    Parsed& record = parsed[i];
    next[record.partition] = record.offset + 1;
    auto found = partition(record.partition);
    if (!found) return std::unexpected(std::move(found.error()));
    if (!record.mention) {
      effects.outputs.push_back(dead_letter(
          log, fmt::format("mentions/{}", number(record.partition)), std::to_string(record.offset),
          record.reason, record.bytes, (*found)->apply->stream_time()));
      metrics.dead.Increment();
      continue;
    }
    if (const auto minute = due_cut(record)) {
      auto told = cut(record.partition, *minute, effects);
      if (!told) return std::unexpected(std::move(told.error()));
    }
    auto applied = (*found)->apply->record(*record.mention, set, matcher);
    if (!applied) return std::unexpected(std::move(applied.error()));
    record.mention.reset();  // makes room for what it causes
  }
  pace.learn(SteadyClock::now() - begun, i - begin, end - i);
  std::vector<Partition> touched;
  for (const auto& [number, offset] : next) {
    effects.next.emplace_back(number, offset);
    touched.push_back(number);
  }
  auto committed = commit(effects, touched);
  if (!committed) return std::unexpected(std::move(committed.error()));
  metrics.commit_seconds.Observe(std::chrono::duration<double>(SteadyClock::now() - begun).count());
  return i;
}

Result<void> Worker::Impl::commit(Effects& effects, const std::vector<Partition>& touched) {
  for (const Partition number : touched) {
    Owned& mine = owned.at(number);
    auto changes = mine.apply->finish(effects);
    if (!changes) return std::unexpected(std::move(changes.error()));
    for (const CounterBatch::Change& change : *changes) mine.cuts.changed(change);
    metrics.add(mine.apply->take_counts());
    mine.cuts.keep_begin(effects.state);
  }
  auto counted = flush_authors(effects);
  if (!counted) return counted;
  const std::vector<Authors::Row> rows = authors.flush_rows(effects.state);
  if (options.log_is_remote) tell_changelog(rows, touched, effects);
  auto committed = log_reader->commit(std::move(effects));
  if (!committed) return committed;
  for (const Partition number : touched) owned.at(number).apply->settled();
  authors.settled();
  return {};
}

// What the outputs do not say of the state yet: rows of authors, and how far each partition is.
void Worker::Impl::tell_changelog(std::span<const Authors::Row> rows,
                                  const std::vector<Partition>& touched, Effects& effects) {
  std::ranges::move(author_records(log, rows), std::back_inserter(effects.outputs));
  for (const Partition number : touched) {
    const Owned& mine = owned.at(number);
    Effects::Mark mark{
        .partition = number, .stream_time = mine.apply->stream_time(), .rules = rules_version};
    mark.rows.emplace_back(stream_time_key(number), encode_stream_time(mark.stream_time));
    if (auto row = mine.cuts.row()) mark.rows.push_back(std::move(*row));
    effects.marks.push_back(std::move(mark));
  }
}

Result<void> Worker::Impl::count_authors() {
  auto sets = authors.set_changes();
  if (!sets) return std::unexpected(std::move(sets.error()));
  for (const Authors::SetChange& change : *sets) {
    if (change.names_changed) owned.at(change.partition).cuts.changed(change);
  }
  return {};
}

Result<void> Worker::Impl::flush_authors(Effects& effects) {
  auto counted = count_authors();
  if (!counted) return counted;
  auto sets = authors.flush_sets(effects.state);
  if (!sets) return std::unexpected(std::move(sets.error()));
  if (!options.log_is_remote) return {};
  for (Authors::SetChange& change : *sets) {
    for (AuthorSetRecord& told : change.records) {
      Record record;
      record.topic = Topic::Counters;
      record.partition = change.partition;
      record.key = std::move(told.key);
      record.value = std::move(told.value);
      effects.outputs.push_back(std::move(record));
    }
  }
  return {};
}

// Tells every value as it stands now, between two records of the batch. It becomes true with the
// batch.
Result<void> Worker::Impl::cut(Partition wanted, Minute minute, Effects& effects) {
  Owned& mine = owned.at(wanted);
  auto changes = mine.apply->count();
  if (!changes) return std::unexpected(std::move(changes.error()));
  for (const CounterBatch::Change& change : *changes) mine.cuts.changed(change);
  auto counted = count_authors();
  if (!counted) return counted;
  for (CutRecord& part : mine.cuts.take(minute, effects.state)) {
    Record record;
    record.topic = Topic::Counters;
    record.partition = wanted;
    record.key = std::move(part.key);
    record.value = std::move(part.json);
    effects.outputs.push_back(std::move(record));
  }
  return {};
}

Worker::Worker(EventLog& log, Store& store, const AuthorKeys& keys,
               std::function<std::shared_ptr<const RuleSet>()> rules,
               prometheus::Registry& registry, WorkerOptions options)
    : impl_(std::make_unique<Impl>(log, store, keys, std::move(rules), registry, options)) {}
Worker::~Worker() {
  if (impl_->options.author_fold == nullptr) return;
  for (const auto& [number, owned] : impl_->owned) {
    impl_->options.author_fold->give_back(number, impl_.get());
  }
}

Result<void> Worker::start() {
  Impl& self = *impl_;
  ReadOptions mentions{.group = "worker", .shared = true};
  if (self.options.log_is_remote) mentions.changelog = worker_changelog();
  auto reader = self.log.read(Topic::Mentions, mentions, self.store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  // Behind the reader, which has ended the transaction of the worker before it: the end of
  // `authors` lies behind that. And before its first poll, with which the group waits for it.
  if (self.options.author_fold != nullptr) {
    auto known = self.options.author_fold->catch_up(self.options.stopping);
    if (!known) return known;
  }
  self.log_reader = std::move(*reader);
  return {};
}

Result<void> Worker::finish() {
  for (auto& [number, owned] : impl_->owned) {
    const Minute begun = minute_of(owned.apply->stream_time());
    if (!owned.cuts.last() || *owned.cuts.last() >= begun) continue;
    Effects effects;
    auto told = impl_->cut(number, begun, effects);
    if (!told) return told;
    auto committed = impl_->commit(effects, {number});
    if (!committed) return committed;
  }
  return {};
}

bool Worker::is_settled() const {
  return impl_->log_reader != nullptr && impl_->log_reader->is_settled();
}

Time Worker::stream_time() const {
  Time highest{};
  for (const auto& [number, owned] : impl_->owned) {
    highest = std::max(highest, owned.apply->stream_time());
  }
  return highest;
}

std::optional<Time> Worker::oldest_stream_time() const {
  if (!is_settled()) return Time{};
  std::optional<Time> lowest;
  for (const auto& [number, owned] : impl_->owned) {
    const Time time = owned.apply->stream_time();
    lowest = lowest ? std::min(*lowest, time) : time;
  }
  return lowest;
}

}  // namespace vigie
