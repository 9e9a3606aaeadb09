#include "pipeline/run/erasures.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <simdjson.h>
#include <spdlog/spdlog.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"
#include "pipeline/log/embedded_log.h"
#include "pipeline/run/alerting.h"
#include "pipeline/run/erasure.h"
#include "pipeline/run/erasure_book.h"
#include "pipeline/run/erasure_match.h"
#include "state/author_sets.h"
#include "state/authors.h"
#include "state/counter_key.h"

namespace vigie {
namespace {

constexpr int kIdle = 10;  // pauses are this many times as long as the sweep before

std::string erased_of_row(std::string_view key) {
  return hex(reinterpret_cast<const std::uint8_t*>(key.data()) + 4, std::tuple_size_v<KeyedHash>);
}

// Where files may hold the author: also in what was taken back before the erasure, of which no key
// is left to tell.
void add_ranges(const Erasure& erasure, std::vector<Store::KeyRange>& ranges) {
  for (const auto& [space, key] : erasure.stood) ranges.push_back({space, key, key});
  if (erasure.asked_at == Time{}) return;
  const Partition partition = erasure.partition;
  const auto add = [&](Space space, const std::string& prefix) {
    ranges.push_back({space, prefix, prefix_end(prefix)});
  };
  add(Space::Authors, author_index_of(partition, erasure.author));
  add(Space::Authors, author_sets_of(partition));
  const std::string name = hex(erasure.author);
  add(Space::Counters, counter_stem(partition, {Dimension::Author, name}).before);
  for (const Dimension dimension : {Dimension::ThemeAuthor, Dimension::CampaignAmbassador}) {
    add(Space::Counters, counters_of(partition, dimension));
  }
}

// A row of Meta that is not done.
struct Row {
  std::string key;
  std::string value;
};

// The record of `authors` under this key, or a null when there is none.
struct Proof {
  Time asked_at{};
  std::optional<Time> done_at;
  std::int64_t messages = 0;
  std::int64_t mentions = 0;
};
Result<std::optional<Proof>> read_proof(EventLog& log, const std::string& key) {
  auto json = log.latest(Topic::Authors, key);
  if (!json) return std::unexpected(std::move(json.error()));
  if (!*json) return std::nullopt;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view asked_at;
  Proof out;
  if (parser.parse(**json).get(object) || object["asked_at"].get(asked_at)) {
    return fail(Code::Corrupt, "authors: the record of an erasure is damaged");
  }
  out.asked_at = parse_time(asked_at).value_or(Time{});
  std::string_view done_at;
  if (!object["done_at"].get(done_at)) out.done_at = parse_time(done_at);
  if (object["messages"].get(out.messages)) out.messages = 0;
  if (object["mentions"].get(out.mentions)) out.mentions = 0;
  return out;
}

}  // namespace

struct Erasures::Impl {
  Parts parts;
  prometheus::Gauge& lag;
  prometheus::Counter& done;
  std::unique_ptr<ErasureBook> book{};
  std::chrono::steady_clock::time_point not_before{};

  mutable std::mutex mutex;
  std::map<std::string, Time>
      asked;  // by id, in the log and not known to be done; guarded by mutex

  Result<std::vector<Row>> rows(char what) const;
  Result<bool> is_done(std::string_view id, Time asked_at) const;
  Result<bool> forget(std::vector<Erasure> erasures, std::vector<Store::KeyRange>& ranges);
  Result<bool> detectors_forgot(const std::vector<Erasure>& erasures) const;
  Result<void> finish(const std::vector<Row>& settled);
  Result<void> tell();
};

Result<std::vector<Row>> Erasures::Impl::rows(char what) const {
  std::vector<Row> out;
  const std::string prefix{'\x01', what};
  auto scanned = parts.store.scan(Space::Meta, prefix, prefix_end(prefix),
                                  [&](std::string_view key, std::string_view value) {
                                    if (key.size() == 28) {
                                      out.push_back({std::string(key), std::string(value)});
                                    }
                                    return true;
                                  });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  return out;
}

// What the detectors saved names authors by the first eight bytes of their keys. Who has written
// again since is named rightly.
Result<bool> Erasures::Impl::detectors_forgot(const std::vector<Erasure>& erasures) const {
  auto saved = parts.store.get(Space::Meta, kDetectorState);
  if (!saved) return std::unexpected(std::move(saved.error()));
  if (!*saved) return true;
  const Authors authors(parts.store);
  for (const Erasure& erasure : erasures) {
    const std::string_view name(reinterpret_cast<const char*>(erasure.author.data()), 8);
    if (erasure.asked_at == Time{} || !(*saved)->contains(name)) continue;
    auto is_new = authors.is_new(erasure.author);
    if (!is_new) return std::unexpected(std::move(is_new.error()));
    if (*is_new) return false;
  }
  return true;
}

// Returns whether the log holds nothing of them any more.
Result<bool> Erasures::Impl::forget(std::vector<Erasure> erasures,
                                    std::vector<Store::KeyRange>& ranges) {
  bool complete = true;
  for (const TopicInfo& topic : all_topics()) {
    for (std::int32_t i = 0; i < parts.log.partitions(topic.topic); ++i) {
      ErasureMatch match(parts.keys, topic.topic);
      for (const Erasure& erasure : erasures) {
        if (!topic.with_mentions || number(erasure.partition) == i) match.add(erasure);
      }
      if (match.empty()) continue;
      auto forgotten =
          parts.embedded->forget(topic.topic, Partition{i},
                                 [&](std::string_view key, std::optional<std::string_view> value) {
                                   return match.judge(key, value);
                                 });
      if (!forgotten) return std::unexpected(std::move(forgotten.error()));
      complete = complete && forgotten->complete;
      std::ranges::move(forgotten->ranges, std::back_inserter(ranges));
    }
  }
  return complete;
}

// An erasure is done where no row is left and every partition has its record.
Result<bool> Erasures::Impl::is_done(std::string_view id, Time asked_at) const {
  for (const char what : {'E', 'D'}) {
    auto left = rows(what);
    if (!left) return std::unexpected(std::move(left.error()));
    for (const Row& row : *left) {
      if (erased_of_row(row.key) == id) return false;
    }
  }
  for (std::int32_t i = 0; i < parts.log.partitions(Topic::Mentions); ++i) {
    auto proof = read_proof(parts.log, erased_record_key(id, Partition{i}));
    if (!proof) return std::unexpected(std::move(proof.error()));
    if (!*proof || (*proof)->asked_at < asked_at) return false;
  }
  return true;
}

// The rows go, Meta's files forget them, and what is done everywhere is recorded.
Result<void> Erasures::Impl::finish(const std::vector<Row>& settled) {
  auto scoured = parts.store.scour({{Space::Meta, "\x01", "\x02"}});
  if (!scoured) return scoured;
  StoreBatch batch;
  std::set<std::string> ids;
  for (const Row& row : settled) {
    batch.erase(Space::Meta, row.key);
    ids.insert(erased_of_row(row.key));
  }
  auto written = parts.store.write(batch, Durability::Synced);
  if (!written) return written;
  for (const std::string& id : ids) {
    auto first = read_proof(parts.log, erased_record_key(id, Partition{0}));
    if (!first) return std::unexpected(std::move(first.error()));
    if (!*first) continue;
    auto all = is_done(id, (*first)->asked_at);
    if (!all) return std::unexpected(std::move(all.error()));
    const std::string key = erased_record_key(id, std::nullopt);
    auto known = read_proof(parts.log, key);
    if (!known) return std::unexpected(std::move(known.error()));
    if (!*all || (*known && (*known)->asked_at >= (*first)->asked_at)) continue;
    Record record;
    record.topic = Topic::Authors;
    record.key = key;
    record.partition = partition_for(parts.log, Topic::Authors, key);
    JsonWriter json(record.value.emplace());
    json.begin_object().field("v", std::int64_t{1}).field("erased", id);
    json.field("asked_at", format_time((*first)->asked_at));
    json.field("done_at", format_time(parts.clock())).end_object();
    auto appended = parts.log.append({std::move(record)});
    if (!appended) return appended;
    done.Increment();
  }
  return {};
}

// The gauge, from what is asked and not done.
Result<void> Erasures::Impl::tell() {
  std::optional<Time> oldest;
  const auto older = [&](Time time) { oldest = oldest ? std::min(*oldest, time) : time; };
  std::map<std::string, Time> waiting;
  {
    const std::lock_guard lock(mutex);
    waiting = asked;
  }
  for (const auto& [id, asked_at] : waiting) {
    auto all = is_done(id, asked_at);
    if (!all) return std::unexpected(std::move(all.error()));
    if (!*all) {
      older(asked_at);
      continue;
    }
    const std::lock_guard lock(mutex);
    const auto found = asked.find(id);
    if (found != asked.end() && found->second == asked_at) asked.erase(found);
  }
  for (const char what : {'E', 'D'}) {
    auto left = rows(what);
    if (!left) return std::unexpected(std::move(left.error()));
    for (const Row& row : *left) {
      ByteReader in(row.value);
      in.fixed<char>();
      const Time asked_at{std::chrono::microseconds{in.fixed<std::int64_t>()}};
      if (asked_at != Time{}) older(asked_at);
    }
  }
  const double seconds =
      oldest ? std::chrono::duration<double>(parts.clock() - *oldest).count() : 0.0;
  // What is not done is never at zero.
  lag.Set(oldest ? std::max(0.001, seconds) : 0.0);
  return {};
}

Erasures::Erasures(Parts parts, prometheus::Registry& registry)
    : impl_(new Impl{.parts = std::move(parts),
                     .lag = prometheus::BuildGauge()
                                .Name("vigie_erasure_lag_seconds")
                                .Help("Age of the oldest erasure that is not done everywhere")
                                .Register(registry)
                                .Add({}),
                     .done = prometheus::BuildCounter()
                                 .Name("vigie_erasures_total")
                                 .Help("Erasures done everywhere")
                                 .Register(registry)
                                 .Add({})}) {}
Erasures::~Erasures() = default;

Result<void> Erasures::keep_book(const std::filesystem::path& file) {
  auto opened = ErasureBook::open(file);
  if (!opened) return std::unexpected(std::move(opened.error()));
  impl_->book = std::move(*opened);
  const auto stored = stored_erasures(impl_->parts.store);
  if (!stored) return std::unexpected(stored.error());
  // What a restored store does not know of is to be done again.
  std::map<KeyedHash, Time> known;
  for (const Erased& one : *stored) known[one.author] = one.asked_at;
  for (const Erased& one : impl_->book->all()) {
    const auto found = known.find(one.author);
    if (found == known.end() || found->second < one.asked_at) late(hex(one.author), one.asked_at);
  }
  return impl_->book->add(*stored);
}

std::vector<Erased> Erasures::in_book() const {
  return impl_->book ? impl_->book->all() : std::vector<Erased>();
}

std::string Erasures::id_of(std::string_view network, std::string_view author_id) const {
  return hex(erased(impl_->parts.keys.of(network, author_id)));
}

void Erasures::asked(std::string_view network, std::string_view author_id, Time asked_at) {
  const Erased one{erased(impl_->parts.keys.of(network, author_id)), asked_at};
  // The next start adds what the store has learned of, so nothing is lost but for a restore before.
  if (impl_->book) {
    auto added = impl_->book->add(std::span(&one, 1));
    if (!added) spdlog::error("erasures error=\"{}\"", added.error().message);
  }
  late(hex(one.author), asked_at);
}

void Erasures::late(const std::string& id, Time asked_at) {
  const std::lock_guard lock(impl_->mutex);
  Time& latest = impl_->asked[id];
  latest = std::max(latest, asked_at);
  if (impl_->lag.Value() == 0) impl_->lag.Set(0.001);
}

Result<bool> Erasures::sweep() {
  Impl& self = *impl_;
  auto left = self.rows('E');
  if (!left) return std::unexpected(std::move(left.error()));
  std::vector<Erasure> erasures;
  for (const Row& row : *left) {
    auto erasure = decode_erasure(row.key, row.value);
    if (!erasure) return std::unexpected(std::move(erasure.error()));
    erasures.push_back(std::move(*erasure));
  }
  bool complete = true;
  if (!erasures.empty()) {
    std::vector<Store::KeyRange> ranges;
    for (const Erasure& erasure : erasures) {
      add_ranges(erasure, ranges);
    }
    auto forgot = self.detectors_forgot(erasures);
    if (!forgot) return std::unexpected(std::move(forgot.error()));
    complete = *forgot;
    if (!*forgot && self.parts.save_detectors) self.parts.save_detectors();
    if (complete && self.parts.embedded != nullptr) {
      auto log_forgot = self.forget(erasures, ranges);
      if (!log_forgot) return std::unexpected(std::move(log_forgot.error()));
      complete = *log_forgot;
    }
    if (complete) {
      auto scoured = self.parts.store.scour(std::move(ranges));
      if (!scoured) return std::unexpected(std::move(scoured.error()));
      StoreBatch batch;
      for (const Row& row : *left) {
        std::string settled = row.key;
        settled[1] = 'D';
        batch.erase(Space::Meta, row.key);
        batch.put(Space::Meta, settled, std::string_view(row.value).substr(0, 9));
      }
      auto written = self.parts.store.write(batch, Durability::Synced);
      if (!written) return std::unexpected(std::move(written.error()));
    }
  }
  auto settled = self.rows('D');
  if (!settled) return std::unexpected(std::move(settled.error()));
  if (!settled->empty()) {
    auto finished = self.finish(*settled);
    if (!finished) return std::unexpected(std::move(finished.error()));
  }
  auto told = self.tell();
  if (!told) return std::unexpected(std::move(told.error()));
  return complete;
}

Result<void> Erasures::step() {
  const auto begun = std::chrono::steady_clock::now();
  if (begun < impl_->not_before) return {};
  auto swept = sweep();
  const auto end = std::chrono::steady_clock::now();
  impl_->not_before = end + kIdle * (end - begun);
  if (!swept) return std::unexpected(std::move(swept.error()));
  return {};
}

Result<std::optional<Erasures::Status>> Erasures::status(std::string_view id) const {
  Status out;
  bool known = false;
  {
    const std::lock_guard lock(impl_->mutex);
    if (const auto found = impl_->asked.find(std::string(id)); found != impl_->asked.end()) {
      known = true;
      out.asked_at = found->second;
    }
  }
  for (std::int32_t i = 0; i < impl_->parts.log.partitions(Topic::Mentions); ++i) {
    auto proof = read_proof(impl_->parts.log, erased_record_key(id, Partition{i}));
    if (!proof) return std::unexpected(std::move(proof.error()));
    if (!*proof) continue;
    known = true;
    out.asked_at = std::max(out.asked_at, (*proof)->asked_at);
    out.messages += (*proof)->messages;
    out.mentions += (*proof)->mentions;
  }
  if (!known) return std::nullopt;
  auto all = impl_->is_done(id, out.asked_at);
  if (!all) return std::unexpected(std::move(all.error()));
  auto last = read_proof(impl_->parts.log, erased_record_key(id, std::nullopt));
  if (!last) return std::unexpected(std::move(last.error()));
  out.done = *all && *last && (*last)->asked_at >= out.asked_at;
  if (out.done) out.done_at = (*last)->done_at;
  return out;
}

Result<std::optional<std::string>> erasure_json(const Erasures& erasures, std::string_view id) {
  auto status = erasures.status(id);
  if (!status) return std::unexpected(std::move(status.error()));
  if (!*status) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("id", id).field("state", (*status)->done ? "done" : "pending");
  json.field("asked_at", format_time((*status)->asked_at)).key("done_at");
  if ((*status)->done_at) {
    json.string(format_time(*(*status)->done_at));
  } else {
    json.null();
  }
  json.field("messages", (*status)->messages).field("mentions", (*status)->mentions).end_object();
  return out;
}

}  // namespace vigie
