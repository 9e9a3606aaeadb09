#include "pipeline/run/ingest.h"

#include <algorithm>
#include <map>
#include <mutex>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <simdjson.h>

#include "pipeline/core/json.h"
#include "pipeline/route/route.h"
#include "pipeline/run/language.h"
#include "pipeline/run/records.h"

namespace vigie {
namespace {

std::string cursor_json(const std::string& cursor) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("cursor", cursor).end_object();
  return out;
}

Result<std::string> parse_cursor(std::string_view connector, std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view cursor;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS ||
      root["cursor"].get(cursor) != simdjson::SUCCESS) {
    return fail(Code::Corrupt, fmt::format("cursors: the record of {} is damaged", connector));
  }
  return std::string(cursor);
}

void count_by_network(std::map<std::string, std::size_t>& counts, const Mention& mention) {
  ++counts[mention.network];
}

}  // namespace

struct Ingest::Impl {
  EventLog& log;
  const RulesSource* rules;

  std::mutex clock_mutex;
  RecordClock clock;                                               // guarded by clock_mutex
  std::map<std::string, Time> last_input_time;                     // guarded by clock_mutex
  std::vector<std::chrono::steady_clock::time_point> last_record;  // guarded by clock_mutex

  std::mutex matcher_mutex;
  std::vector<std::unique_ptr<Matcher>> idle_matchers;  // guarded by matcher_mutex

  prometheus::Family<prometheus::Counter>& mentions;
  prometheus::Family<prometheus::Counter>& dropped;
  prometheus::Family<prometheus::Counter>& dead_letters;
  prometheus::Histogram& seconds;

  Impl(EventLog& l, const RulesSource* r, RecordClock c, prometheus::Registry& registry)
      : log(l),
        rules(r),
        clock(std::move(c)),
        last_record(static_cast<std::size_t>(l.partitions(Topic::Mentions))),
        mentions(prometheus::BuildCounter()
                     .Name("vigie_ingest_mentions_total")
                     .Help("Mentions logged")
                     .Register(registry)),
        dropped(prometheus::BuildCounter()
                    .Name("vigie_ingest_dropped_total")
                    .Help("Mentions dropped before the log")
                    .Register(registry)),
        dead_letters(prometheus::BuildCounter()
                         .Name("vigie_ingest_deadletters_total")
                         .Help("Input that could not be read")
                         .Register(registry)),
        seconds(prometheus::BuildHistogram()
                    .Name("vigie_ingest_seconds")
                    .Help("From receipt to the log")
                    .Register(registry)
                    .Add({}, prometheus::Histogram::BucketBoundaries{
                                 .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5})) {}

  std::unique_ptr<Matcher> borrow_matcher() {
    const std::lock_guard lock(matcher_mutex);
    if (idle_matchers.empty()) return std::make_unique<Matcher>();
    std::unique_ptr<Matcher> matcher = std::move(idle_matchers.back());
    idle_matchers.pop_back();
    return matcher;
  }
  void give_back(std::unique_ptr<Matcher> matcher) {
    const std::lock_guard lock(matcher_mutex);
    idle_matchers.push_back(std::move(matcher));
  }

  Time stamp(std::string_view connector, Mention& mention, const IngestOptions& options);
  bool wanted(const Mention& mention, Matcher& matcher) const;
  void log_mention(Mention&& mention, std::vector<Record>& records);
};

// The receipt, or what stands for it.
Time Ingest::Impl::stamp(std::string_view connector, Mention& mention,
                         const IngestOptions& options) {
  const std::lock_guard lock(clock_mutex);
  if (!options.time_from_input) {
    mention.seen_at = clock.now();
    return *mention.seen_at;
  }
  Time& last = last_input_time.try_emplace(std::string(connector)).first->second;
  if (!mention.seen_at) mention.seen_at = std::max(last, mention.created_at.value_or(last));
  last = *mention.seen_at;
  return last;
}

// Whether a rule of the set in force, or of the one that it has just replaced, may want it.
bool Ingest::Impl::wanted(const Mention& mention, Matcher& matcher) const {
  if (mention.op != Op::Create || rules == nullptr) return true;
  const auto keeps = [&](const std::shared_ptr<const RuleSet>& set) {
    return set && is_kept(mention, matcher.match(*set, mention, {}));
  };
  return keeps(rules->current()) || keeps(rules->outgoing());
}

void Ingest::Impl::log_mention(Mention&& mention, std::vector<Record>& records) {
  Record record;
  record.topic = Topic::Mentions;
  record.key = key_of(mention);
  append_json(record.value.emplace(), mention);
  if (!is_author_wide(mention.op)) {
    record.partition = partition_for(log, Topic::Mentions, record.key);
    records.push_back(std::move(record));
    return;
  }
  // Any partition may hold messages of the author.
  for (std::int32_t i = 0; i < log.partitions(Topic::Mentions); ++i) {
    record.partition = Partition{i};
    records.push_back(record);
  }
}

Ingest::Ingest(EventLog& log, const RulesSource* rules, RecordClock record_clock,
               prometheus::Registry& registry)
    : impl_(std::make_unique<Impl>(log, rules, std::move(record_clock), registry)) {}
Ingest::~Ingest() = default;

Result<Ingest::Outcome> Ingest::accept(std::string_view connector, std::vector<Item> items,
                                       const std::string& cursor, const IngestOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  const std::string source(connector);
  Outcome outcome;
  std::vector<Record> records;
  records.reserve(items.size() + 1);
  std::map<std::string, std::size_t> networks;
  std::unique_ptr<Matcher> matcher = options.keep_matched ? impl_->borrow_matcher() : nullptr;
  Time receipt{};
  const auto reject = [&](const Undecodable& letter) {
    if (receipt == Time{}) {
      const std::lock_guard lock(impl_->clock_mutex);
      const auto last = impl_->last_input_time.find(source);
      receipt = !options.time_from_input               ? impl_->clock.now()
                : last != impl_->last_input_time.end() ? last->second
                                                       : Time{};
    }
    records.push_back(
        dead_letter(impl_->log, source, letter.position, letter.reason, letter.bytes, receipt));
    ++outcome.dead_lettered;
  };
  for (Item& item : items) {
    if (const auto* letter = std::get_if<Undecodable>(&item)) {
      reject(*letter);
      continue;
    }
    Mention& mention = std::get<Mention>(item);
    receipt = impl_->stamp(connector, mention, options);
    mention.connector = source;
    const bool undetermined = mention.lang.empty() || mention.lang == "und";
    if (options.detect_lang && undetermined && !mention.text.empty()) {
      std::string detected = detect_language(mention.text);
      if (!detected.empty()) mention.lang = std::move(detected);
    }
    if (matcher && !impl_->wanted(mention, *matcher)) {
      ++outcome.dropped;
      continue;
    }
    count_by_network(networks, mention);
    const std::size_t first = records.size();
    impl_->log_mention(std::move(mention), records);
    if (records[first].value->size() > kMaxMentionBytes) {
      const std::string bytes = std::move(*records[first].value);
      records.resize(first);
      reject({fmt::format("larger than {} bytes", kMaxMentionBytes), "", bytes});
      continue;
    }
    ++outcome.logged;
  }
  if (matcher) impl_->give_back(std::move(matcher));
  std::vector<Partition> touched;
  for (const Record& record : records) {
    if (record.topic == Topic::Mentions) touched.push_back(record.partition);
  }
  if (!cursor.empty()) {
    Record saved;
    saved.topic = Topic::Cursors;
    saved.key = source;
    saved.partition = partition_for(impl_->log, Topic::Cursors, saved.key);
    saved.value = cursor_json(cursor);
    records.push_back(std::move(saved));
  }
  if (!records.empty()) {
    auto appended = impl_->log.append(std::move(records));
    if (!appended) return std::unexpected(std::move(appended.error()));
  }
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(impl_->clock_mutex);
    for (const Partition partition : touched) {
      impl_->last_record[static_cast<std::size_t>(number(partition))] = now;
    }
  }
  for (const auto& [network, n] : networks) {
    impl_->mentions.Add({{"connector", source}, {"network", network}})
        .Increment(static_cast<double>(n));
  }
  if (outcome.dropped > 0) {
    impl_->dropped.Add({{"connector", source}, {"reason", "unmatched"}})
        .Increment(static_cast<double>(outcome.dropped));
  }
  if (outcome.dead_lettered > 0) {
    impl_->dead_letters.Add({{"connector", source}})
        .Increment(static_cast<double>(outcome.dead_lettered));
  }
  impl_->seconds.Observe(std::chrono::duration<double>(now - begun).count());
  return outcome;
}

void Ingest::announce(std::string_view connector) {
  const std::string source(connector);
  impl_->dropped.Add({{"connector", source}, {"reason", "unmatched"}});
  impl_->dead_letters.Add({{"connector", source}});
}

Result<std::string> Ingest::cursor(std::string_view connector) {
  auto stored = impl_->log.latest(Topic::Cursors, connector);
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (!*stored) return std::string();
  return parse_cursor(connector, **stored);
}

Result<void> Ingest::tick(std::chrono::milliseconds idle) {
  std::vector<Record> records;
  {
    const std::lock_guard lock(impl_->clock_mutex);
    const auto now = std::chrono::steady_clock::now();
    Mention tick;
    tick.op = Op::Tick;
    for (std::size_t i = 0; i < impl_->last_record.size(); ++i) {
      if (now - impl_->last_record[i] < idle) continue;
      impl_->last_record[i] = now;
      tick.seen_at = impl_->clock.now();
      Record record;
      record.topic = Topic::Mentions;
      record.partition = Partition{static_cast<std::int32_t>(i)};
      record.key = key_of(tick);
      append_json(record.value.emplace(), tick);
      records.push_back(std::move(record));
    }
  }
  if (records.empty()) return {};
  return impl_->log.append(std::move(records));
}

}  // namespace vigie
