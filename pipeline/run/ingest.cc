#include "pipeline/run/ingest.h"

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <simdjson.h>

#include "pipeline/core/json.h"
#include "pipeline/route/route.h"
#include "pipeline/run/language.h"
#include "pipeline/run/records.h"
#include "pipeline/run/rule_cost_board.h"

namespace vigie {
namespace {

constexpr std::size_t kNetworkLabels = 64;

// A record of `cursors`: {"v":1,"cursor":"...","seen_at":"..."}. `seen_at` is the last stamp of a
// source that brings its own time: stamps go on from there.
struct SavedCursor {
  std::string cursor;
  std::optional<Time> seen_at;
};

std::string cursor_json(const SavedCursor& saved) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1}).field("cursor", saved.cursor);
  if (saved.seen_at) json.field("seen_at", format_time(*saved.seen_at));
  json.end_object();
  return out;
}

Result<SavedCursor> parse_cursor(std::string_view connector, std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::int64_t version = 0;
  std::string_view cursor;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS ||
      root["v"].get(version) != simdjson::SUCCESS || version != 1 ||
      root["cursor"].get(cursor) != simdjson::SUCCESS) {
    return fail(Code::Corrupt, fmt::format("cursors: the record of {} is damaged, or of a newer "
                                           "format",
                                           connector));
  }
  SavedCursor saved{std::string(cursor), std::nullopt};
  std::string_view seen_at;
  if (root["seen_at"].get(seen_at) == simdjson::SUCCESS) saved.seen_at = parse_time(seen_at);
  return saved;
}

// Stamps the mentions of one call. Of a source that brings its own time, the last stamp is
// remembered only once the mentions are durable: what is sent again gets the same stamps.
class Stamps {
 public:
  Stamps(std::function<Time()> receipt, std::optional<Time> last_input)
      : receipt_(std::move(receipt)), input_(last_input) {}

  // The receipt, or what stands for it.
  Time of(Mention& mention) {
    if (!input_) {
      mention.seen_at = receipt_();
    } else if (!mention.seen_at) {
      mention.seen_at = std::max(*input_, mention.created_at.value_or(*input_));
    }
    if (input_) input_ = mention.seen_at;
    return *mention.seen_at;
  }
  Time of_unreadable() { return input_ ? *input_ : receipt_(); }
  std::optional<Time> last_input() const { return input_; }

 private:
  std::function<Time()> receipt_;
  std::optional<Time> input_;
};

}  // namespace

struct Ingest::Impl {
  // What one thread matches with. A matcher counts the costs of one set, so that the outgoing one
  // has its own; what that cost is told to nobody.
  struct Matchers {
    Matcher current;
    Matcher outgoing;
    RuleCostTeller teller;
  };

  EventLog& log;
  const RulesSource* rules;
  RuleCostBoard* costs;

  std::function<std::optional<Error>()> refusal;
  std::function<void(const Mention&)> erasure_logged;

  std::mutex clock_mutex;
  RecordClock clock;                                               // guarded by clock_mutex
  std::map<std::string, Time> last_input_time;                     // guarded by clock_mutex
  std::vector<std::chrono::steady_clock::time_point> last_record;  // guarded by clock_mutex

  std::mutex matcher_mutex;
  std::vector<std::unique_ptr<Matchers>> idle_matchers;  // guarded by matcher_mutex

  std::mutex label_mutex;
  std::set<std::string> network_labels;  // guarded by label_mutex

  prometheus::Family<prometheus::Counter>& mentions;
  prometheus::Family<prometheus::Counter>& dropped;
  prometheus::Family<prometheus::Counter>& dead_letters;
  prometheus::Family<prometheus::Counter>& refused;
  prometheus::Counter& clock_steps;
  prometheus::Histogram& seconds;

  Impl(EventLog& l, const RulesSource* r, RecordClock c, prometheus::Registry& registry,
       RuleCostBoard* board)
      : log(l),
        rules(r),
        costs(board),
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
        refused(
            prometheus::BuildCounter()
                .Name("vigie_ingest_refused_total")
                .Help("Batches sent back while intake is stopped; their sources send them again")
                .Register(registry)),
        clock_steps(prometheus::BuildCounter()
                        .Name("vigie_clock_steps_total")
                        .Help("Steps of the wall clock that record time did not follow")
                        .Register(registry)
                        .Add({})),
        seconds(prometheus::BuildHistogram()
                    .Name("vigie_ingest_seconds")
                    .Help("From receipt to the log")
                    .Register(registry)
                    .Add({}, prometheus::Histogram::BucketBoundaries{
                                 .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5})) {}

  std::unique_ptr<Matchers> borrow_matchers() {
    const std::lock_guard lock(matcher_mutex);
    if (idle_matchers.empty()) return std::make_unique<Matchers>();
    std::unique_ptr<Matchers> matchers = std::move(idle_matchers.back());
    idle_matchers.pop_back();
    return matchers;
  }
  void give_back(std::unique_ptr<Matchers> matchers) {
    if (costs != nullptr) matchers->teller.tell(matchers->current.costs(), *costs);
    const std::lock_guard lock(matcher_mutex);
    idle_matchers.push_back(std::move(matchers));
  }

  std::string network_label(const std::string& network);
  Time receipt();
  Time now();
  bool wanted(const Mention& mention, Matchers& matchers) const;
  void log_mention(Mention&& mention, std::vector<Record>& records);
};

// A source says what its network is called, so labels are bounded: the first names keep theirs.
std::string Ingest::Impl::network_label(const std::string& network) {
  const std::lock_guard lock(label_mutex);
  if (network_labels.contains(network)) return network;
  if (network_labels.size() >= kNetworkLabels) return "other";
  network_labels.insert(network);
  return network;
}

Time Ingest::Impl::receipt() {
  const std::lock_guard lock(clock_mutex);
  return now();
}

// Under clock_mutex.
Time Ingest::Impl::now() {
  const std::uint64_t steps = clock.steps();
  const Time time = clock.now();
  clock_steps.Increment(static_cast<double>(clock.steps() - steps));
  return time;
}

// Whether a rule of the set in force, or of the one that it has just replaced, may want it.
bool Ingest::Impl::wanted(const Mention& mention, Matchers& matchers) const {
  if (mention.op != Op::Create || rules == nullptr) return true;
  // Whether the author is new is decided by a worker; until then either may be.
  const auto keeps = [&](const std::shared_ptr<const RuleSet>& set, Matcher& matcher) {
    if (!set) return false;
    bool asked = false;
    Matcher::Options options;
    options.is_new_author = [&](const Mention&) { return asked = true; };
    if (is_kept(mention, matcher.match(*set, mention, options))) return true;
    return asked && is_kept(mention, matcher.match(*set, mention, {}));
  };
  return keeps(rules->current(), matchers.current) || keeps(rules->outgoing(), matchers.outgoing);
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
               prometheus::Registry& registry, RuleCostBoard* costs)
    : impl_(std::make_unique<Impl>(log, rules, std::move(record_clock), registry, costs)) {}
Ingest::~Ingest() = default;

Result<Ingest::Outcome> Ingest::accept(std::string_view connector, std::vector<Item> items,
                                       const std::string& cursor, const IngestOptions& options) {
  const auto begun = std::chrono::steady_clock::now();
  if (impl_->refusal) {
    if (auto refused = impl_->refusal()) {
      impl_->refused.Add({{"connector", std::string(connector)}}).Increment();
      return std::unexpected(std::move(*refused));
    }
  }
  const std::string source(connector);
  Outcome outcome;
  std::vector<Record> records;
  records.reserve(items.size() + 1);
  std::map<std::string, std::size_t> networks;
  std::vector<Mention> erasures;
  std::unique_ptr<Impl::Matchers> matchers =
      options.keep_matched ? impl_->borrow_matchers() : nullptr;
  std::optional<Time> last_input;
  if (options.time_from_input) {
    const std::lock_guard lock(impl_->clock_mutex);
    last_input = impl_->last_input_time.try_emplace(source).first->second;
  }
  Stamps stamps([this] { return impl_->receipt(); }, last_input);
  const auto reject = [&](const Undecodable& letter) {
    records.push_back(dead_letter(impl_->log, source, letter.position, letter.reason, letter.bytes,
                                  stamps.of_unreadable()));
    ++outcome.dead_lettered;
  };
  for (Item& item : items) {
    if (const auto* letter = std::get_if<Undecodable>(&item)) {
      reject(*letter);
      continue;
    }
    Mention& mention = std::get<Mention>(item);
    stamps.of(mention);
    mention.connector = source;
    const bool undetermined = mention.lang.empty() || mention.lang == "und";
    if (options.detect_lang && undetermined && !mention.text.empty()) {
      std::string detected = detect_language(mention.text);
      if (!detected.empty()) mention.lang = std::move(detected);
    }
    if (matchers && !impl_->wanted(mention, *matchers)) {
      ++outcome.dropped;
      continue;
    }
    ++networks[mention.network];
    if (mention.op == Op::EraseAuthor && impl_->erasure_logged) erasures.push_back(mention);
    const std::size_t first = records.size();
    impl_->log_mention(std::move(mention), records);
    if (records[first].value->size() > kMaxMentionBytes) {
      const Record large = std::move(records[first]);
      records.resize(first);
      reject({fmt::format("larger than {} bytes", kMaxMentionBytes), large.key, *large.value});
      continue;
    }
    ++outcome.logged;
  }
  if (matchers) impl_->give_back(std::move(matchers));
  std::vector<Partition> touched;
  for (const Record& record : records) {
    if (record.topic == Topic::Mentions) touched.push_back(record.partition);
  }
  if (!cursor.empty()) {
    Record saved;
    saved.topic = Topic::Cursors;
    saved.key = source;
    saved.partition = partition_for(impl_->log, Topic::Cursors, saved.key);
    saved.value = cursor_json({cursor, stamps.last_input()});
    records.push_back(std::move(saved));
  }
  if (!records.empty()) {
    auto appended = impl_->log.append(std::move(records));
    if (!appended) return std::unexpected(std::move(appended.error()));
  }
  for (const Mention& erasure : erasures) impl_->erasure_logged(erasure);
  const auto now = std::chrono::steady_clock::now();
  {
    const std::lock_guard lock(impl_->clock_mutex);
    for (const Partition partition : touched) {
      impl_->last_record[static_cast<std::size_t>(number(partition))] = now;
    }
    if (stamps.last_input()) impl_->last_input_time[source] = *stamps.last_input();
  }
  for (const auto& [network, n] : networks) {
    impl_->mentions.Add({{"connector", source}, {"network", impl_->network_label(network)}})
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

void Ingest::guard(std::function<std::optional<Error>()> refusal) {
  impl_->refusal = std::move(refusal);
}

void Ingest::on_erasure(std::function<void(const Mention&)> told) {
  impl_->erasure_logged = std::move(told);
}

void Ingest::announce(std::string_view connector) {
  const std::string source(connector);
  impl_->dropped.Add({{"connector", source}, {"reason", "unmatched"}});
  impl_->dead_letters.Add({{"connector", source}});
  impl_->refused.Add({{"connector", source}});
}

Result<std::string> Ingest::cursor(std::string_view connector) {
  auto stored = impl_->log.latest(Topic::Cursors, connector);
  if (!stored) return std::unexpected(std::move(stored.error()));
  if (!*stored) return std::string();
  auto saved = parse_cursor(connector, **stored);
  if (!saved) return std::unexpected(std::move(saved.error()));
  if (saved->seen_at) {
    const std::lock_guard lock(impl_->clock_mutex);
    impl_->last_input_time[std::string(connector)] = *saved->seen_at;
  }
  return std::move(saved->cursor);
}

Result<void> Ingest::tick(std::chrono::milliseconds idle) {
  if (impl_->refusal && impl_->refusal()) return {};
  std::vector<Record> records;
  {
    const std::lock_guard lock(impl_->clock_mutex);
    const auto now = std::chrono::steady_clock::now();
    Mention tick;
    tick.op = Op::Tick;
    for (std::size_t i = 0; i < impl_->last_record.size(); ++i) {
      if (now - impl_->last_record[i] < idle) continue;
      impl_->last_record[i] = now;
      tick.seen_at = impl_->now();
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
