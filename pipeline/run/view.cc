// Meta : 0x01 'v' topic:u8 partition:u16 -> offset:u64, the first record that is not folded yet
#include "pipeline/run/view.h"

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"
#include "pipeline/run/handover.h"
#include "pipeline/run/records.h"
#include "state/author_rows.h"
#include "state/author_sets.h"
#include "state/counter_key.h"
#include "state/cut.h"
#include "state/stream_time.h"

namespace vigie {
namespace {

constexpr std::size_t kBatch = 2000;
constexpr std::size_t kForgottenAtOnce = std::size_t{8} << 20;
// A question to a broker, for followers who stand beyond what was read.
constexpr std::chrono::seconds kAskAgain{1};
constexpr std::chrono::seconds kAskLater{30};  // when it did not answer
constexpr std::array<std::string_view, 2> kQueues = {"social", "community"};

std::string fold_key(Topic topic, Partition partition) {
  std::string key{'\x01', 'v', static_cast<char>(topic)};
  put_fixed(key, static_cast<std::uint16_t>(number(partition)));
  return key;
}

// What changed is the type of the record, or the timer that fired.
std::string summary_json(const QueueItem& item, const ConversationRecord& record) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.field("item", item.id).field("queue", item.queue).field("state", name(item.state));
  json.field("priority", item.priority).field("route", item.route);
  json.field("messages", static_cast<std::int64_t>(item.messages.size()));
  json.field("updated_at", format_time(item.updated_at));
  json.field("change", record.type == ConversationRecord::Type::Timer ? name(record.timer)
                                                                      : name(record.type));
  if (is_action(record.type)) json.field("by", record.action.who);
  if (!item.claimed_by.empty()) json.field("claimed_by", item.claimed_by);
  if (item.answered_by_other) json.field("answered_by", item.answered_by);
  for (const auto& [flag, set] : {std::pair("other_queue", item.other_queue),
                                  std::pair("answered_by_other", item.answered_by_other),
                                  std::pair("late_message", item.late_message)}) {
    if (set) json.field(flag, true);
  }
  json.end_object();
  return out;
}

// An item that expired.
std::string gone_json(std::string_view id, std::string_view queue) {
  std::string out;
  JsonWriter(out).begin_object().field("item", id).field("queue", queue).end_object();
  return out;
}

const prometheus::Histogram::BucketBoundaries kSeconds = {.001, .0025, .005, .01, .025, .05, .1,
                                                          .25,  .5,    1,    2.5, 5,    10};

}  // namespace

struct View::Impl {
  EventLog& log;
  Store& store;
  ViewOptions options;
  std::unique_ptr<Queues> queues;
  CounterReader counters;
  AuthorSetReader author_sets;
  FirstSeenReader first_seen;
  AlertBook alerts;
  Feed social;
  Feed community;
  Feed alert_feed;
  std::atomic<std::int64_t> as_of{0};

  // One topic that is folded.
  struct Source {
    Topic topic;
    std::unique_ptr<LogReader> reader;   // null after a failure, until it is opened again
    std::map<Partition, Offset> folded;  // first offset that is not folded
    std::chrono::steady_clock::time_point ask_again{};  // where it ends
    Offset rewind = 0;  // when it is opened again: of what is kept in memory alone, all of it
  };
  std::vector<Source> sources;
  std::vector<ActionOutcome> outcomes;  // folded and not committed yet

  prometheus::Histogram& view_seconds;
  prometheus::Histogram& served_seconds;
  prometheus::Family<prometheus::Counter>& actions;
  std::array<prometheus::Gauge*, 2> queue_items{};

  Impl(EventLog& l, Store& s, prometheus::Registry& registry, ViewOptions o)
      : log(l),
        store(s),
        options(std::move(o)),
        counters(s, l.partitions(Topic::Mentions)),
        author_sets(s, l.partitions(Topic::Mentions)),
        first_seen(s),
        social(options.feed_capacity),
        community(options.feed_capacity),
        alert_feed(options.feed_capacity),
        view_seconds(prometheus::BuildHistogram()
                         .Name("vigie_view_seconds")
                         .Help("From the read of committed records to their being served")
                         .Register(registry)
                         .Add({}, kSeconds)),
        served_seconds(prometheus::BuildHistogram()
                           .Name("vigie_receipt_to_served_seconds")
                           .Help("From a mention's receipt to its being served in a queue")
                           .Register(registry)
                           .Add({}, kSeconds)),
        actions(prometheus::BuildCounter()
                    .Name("vigie_item_actions_total")
                    .Help("What people did to queue items, by what became of it")
                    .Register(registry)) {
    auto& items = prometheus::BuildGauge()
                      .Name("vigie_queue_items")
                      .Help("Items that wait for somebody")
                      .Register(registry);
    for (std::size_t i = 0; i < kQueues.size(); ++i) {
      queue_items[i] = &items.Add({{"queue", std::string(kQueues[i])}});
    }
  }

  Result<void> add_source(Topic topic, Offset rewind);
  Result<void> open_reader(Source& source, Offset rewind);
  Result<void> forget(Topic topic);
  Result<void> forget_counters(Topic topic, StoreBatch& batch);
  Result<std::size_t> step(Source& source, std::chrono::milliseconds wait);
  void settle_doubts(Source& source);
  Result<std::size_t> fold(Source& source, std::chrono::milliseconds wait);
  void fold_conversation(const LogRecord& record, bool is_new, StoreBatch& batch);
  void tell_actions();
  void fold_alert(const LogRecord& record);
  void fold_latest(Topic topic, const LogRecord& record, StoreBatch& batch);
  Result<void> fold_counter(const LogRecord& record, StoreBatch& batch);
  void push(const LogRecord& record, const ConversationRecord* change, const std::string& before);
  void advance(Time time);
};

Result<void> View::Impl::add_source(Topic topic, Offset rewind) {
  Source source{.topic = topic};
  if (topic == Topic::Alerts) source.rewind = rewind;
  auto opened = open_reader(source, rewind);
  if (!opened) return opened;
  sources.push_back(std::move(source));
  return {};
}

// Also tells how far the fold is: that begins anew where tombstones may have been missed.
Result<void> View::Impl::open_reader(Source& source, Offset rewind) {
  const Topic topic = source.topic;
  ReadOptions read;
  read.group = "view";
  read.rewind = rewind;
  // Alerts are kept in memory, and read from their beginning at each start.
  if (info(topic).compacted && topic != Topic::Alerts) {
    read.wipe = [this, topic](Store&) { return forget(topic); };
  }
  auto reader = log.read(topic, read, store);
  if (!reader) return std::unexpected(std::move(reader.error()));
  for (std::int32_t i = 0; i < log.partitions(topic); ++i) {
    auto stored = store.get(Space::Meta, fold_key(topic, Partition{i}));
    if (!stored) return std::unexpected(std::move(stored.error()));
    if (!*stored) {
      source.folded[Partition{i}] = 0;
      continue;
    }
    ByteReader bytes(**stored);
    source.folded[Partition{i}] = bytes.fixed<Offset>();
    if (!bytes.ok() || !bytes.at_end()) {
      return fail(Code::Corrupt,
                  fmt::format("view: the offset of {}/{} is damaged", info(topic).name, i));
    }
  }
  source.reader = std::move(*reader);
  return {};
}

// The rows that are folded from a topic, and how far.
Result<void> View::Impl::forget(Topic topic) {
  StoreBatch batch;
  const auto erase = [&](Space space, const std::string& prefix) {
    batch.erase_range(space, prefix, prefix_end(prefix));
  };
  if (topic == Topic::Tagged) erase(Space::Latest, latest_key(topic, ""));
  if (topic == Topic::Authors) erase(Space::Authors, first_seen_rows());
  for (std::int32_t i = 0; i < log.partitions(topic); ++i) {
    if (topic == Topic::Counters) erase(Space::Authors, author_sets_of(Partition{i}));
    batch.erase(Space::Meta, fold_key(topic, Partition{i}));
  }
  if (topic == Topic::Counters || topic == Topic::CountersLong) {
    if (auto forgotten = forget_counters(topic, batch); !forgotten) return forgotten;
  }
  return store.write(batch, Durability::Buffered);
}

// Two topics share the counters.
Result<void> View::Impl::forget_counters(Topic topic, StoreBatch& batch) {
  Result<void> written;
  const auto scanned =
      store.scan(Space::Counters, "", "", [&](std::string_view key, std::string_view) {
        const auto counter = parse_counter_key(key);
        const bool is_long =
            counter && is_kept_long(counter->series.dimension, counter->granularity);
        if (is_long == (topic == Topic::CountersLong)) batch.erase(Space::Counters, key);
        if (batch.bytes() < kForgottenAtOnce) return true;
        written = store.write(batch, Durability::Buffered);
        batch.clear();
        return written.has_value();
      });
  return written ? scanned : written;
}

void View::Impl::advance(Time time) {
  const std::int64_t wanted = time.time_since_epoch().count();
  std::int64_t known = as_of.load();
  while (known < wanted && !as_of.compare_exchange_weak(known, wanted)) {
  }
}

// A reader that failed is broken; the next one goes on where the fold stands.
Result<std::size_t> View::Impl::step(Source& source, std::chrono::milliseconds wait) {
  if (source.reader == nullptr) {
    auto opened = open_reader(source, source.rewind);
    if (!opened) return std::unexpected(std::move(opened.error()));
  }
  auto folded = fold(source, wait);
  if (!folded) source.reader.reset();
  return folded;
}

// A broker that does not answer leaves followers waiting; who still does is asked about later.
void View::Impl::settle_doubts(Source& source) {
  std::vector<Feed*> feeds;
  if (source.topic == Topic::Conversations) feeds = {&social, &community};
  if (source.topic == Topic::Alerts) feeds = {&alert_feed};
  if (feeds.empty() || std::chrono::steady_clock::now() < source.ask_again) return;
  if (std::erase_if(feeds, [](Feed* feed) { return !feed->take_doubts(); }); feeds.empty()) return;
  const auto ends = source.reader->ends();
  source.ask_again = std::chrono::steady_clock::now() + (ends ? kAskAgain : kAskLater);
  if (!ends) return;
  for (Feed* feed : feeds) feed->set_end(*ends);
}

Result<std::size_t> View::Impl::fold(Source& source, std::chrono::milliseconds wait) {
  auto polled = source.reader->poll(kBatch, wait);
  if (!polled) return std::unexpected(std::move(polled.error()));
  // Not while it is behind: the answer takes its time.
  if (polled->size() < kBatch) settle_doubts(source);
  if (polled->empty()) return 0;
  const auto begun = std::chrono::steady_clock::now();
  Effects effects;
  std::map<Partition, Offset> next;
  for (const LogRecord& record : *polled) {
    Offset& folded = source.folded[record.partition];
    // What was folded before a restart is only told again to those who follow a feed.
    const bool is_new = record.offset >= folded;
    if (source.topic == Topic::Conversations) fold_conversation(record, is_new, effects.state);
    if (source.topic == Topic::Alerts) fold_alert(record);
    if (source.topic == Topic::Authors) fold_first_seen(record, effects.state);
    if (source.topic == Topic::Tagged) fold_latest(source.topic, record, effects.state);
    if (source.topic == Topic::Counters || source.topic == Topic::CountersLong) {
      auto counted = fold_counter(record, effects.state);
      if (!counted) return std::unexpected(std::move(counted.error()));
    }
    folded = std::max(folded, record.offset + 1);
    // What is told again does not move the place back.
    if (is_new) next[record.partition] = folded;
  }
  for (const auto& [partition, offset] : next) {
    std::string value;
    put_fixed(value, offset);
    effects.state.put(Space::Meta, fold_key(source.topic, partition), value);
    effects.next.emplace_back(partition, offset);
  }
  if (options.fold_state) {
    const Time folded{std::chrono::microseconds{as_of.load()}};
    effects.state.put(Space::Meta, kViewTime, encode_stream_time(folded));
  }
  const std::size_t count = polled->size();
  auto committed = source.reader->commit(std::move(effects));
  if (!committed) {
    // What is in memory is ahead of the store now; only a restart brings both together.
    return fail(Code::Corrupt, fmt::format("view: what was folded of {} cannot be kept: {}",
                                           info(source.topic).name, committed.error().message));
  }
  tell_actions();
  view_seconds.Observe(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  return count;
}

void View::Impl::tell_actions() {
  for (const ActionOutcome& outcome : std::exchange(outcomes, {})) {
    if (options.on_action) options.on_action(outcome);
  }
}

void View::Impl::fold_conversation(const LogRecord& record, bool is_new, StoreBatch& batch) {
  const std::string_view value = record.value.value_or("");
  const std::string before = queues->queue_of(record.key);
  bool changed = true;
  if (is_new) {
    auto applied = queues->apply(record.partition, record.offset, record.key, value, batch);
    if (!applied) spdlog::error("view topic=conversations error=\"{}\"", applied.error().message);
    changed = applied && applied->changed;
    if (applied && applied->outcome) {
      actions
          .Add({{"action", std::string(name(applied->type))},
                {"result", std::string(name(applied->outcome->result))}})
          .Increment();
      outcomes.push_back(std::move(*applied->outcome));
    }
  }
  const auto parsed = parse_conversation_record(record.key, value);
  push(record, parsed && changed ? &*parsed : nullptr, before);
  if (!parsed) return;
  advance(parsed->seen_at);
  const bool message = parsed->type <= ConversationRecord::Type::Withdraw;
  if (is_new && message && options.clock) {
    served_seconds.Observe(
        std::max(0.0, std::chrono::duration<double>(options.clock() - parsed->seen_at).count()));
  }
}

// Each feed moves on with every record, so that an id stands for the same moment in both. The feed
// of a queue that the item has left is told where it went, or that it is gone. What changed nothing
// is told to nobody.
void View::Impl::push(const LogRecord& record, const ConversationRecord* change,
                      const std::string& before) {
  const auto item = change == nullptr ? std::nullopt : queues->item(record.key);
  const std::string& queue = item && !item->queue.empty() ? item->queue : before;
  for (std::size_t i = 0; i < kQueues.size(); ++i) {
    std::string type;
    if (item && queue == kQueues[i]) type = "item";
    if (item && queue != kQueues[i] && before == kQueues[i]) type = "moved";
    std::string data = type.empty() ? "" : summary_json(*item, *change);
    if (change != nullptr && !item && before == kQueues[i]) {
      type = "gone";
      data = gone_json(record.key, before);
    }
    Feed& feed = i == 0 ? social : community;
    const Time at = change == nullptr ? Time{} : change->seen_at;
    feed.push(record.partition, record.offset + 1, std::move(type), std::move(data), at);
  }
}

void View::Impl::fold_alert(const LogRecord& record) {
  if (is_detector_record(record.key)) return;
  const auto is_new = alerts.fold(record.key, record.value);
  if (!is_new) spdlog::error("view topic=alerts error=\"{}\"", is_new.error().message);
  // The node that raises it may have told it twice.
  if (!record.value || !is_new || !*is_new) return;
  alert_feed.push(record.partition, record.offset + 1, "alert", std::string(*record.value));
}

void View::Impl::fold_latest(Topic topic, const LogRecord& record, StoreBatch& batch) {
  const std::string key = latest_key(topic, record.key);
  if (!record.value) {
    batch.erase(Space::Latest, key);
    return;
  }
  batch.put(Space::Latest, key, latest_value(record.partition, as_of.load(), *record.value));
}

Result<void> View::Impl::fold_counter(const LogRecord& record, StoreBatch& batch) {
  if (is_cut_key(record.key)) {
    if (!record.value) return {};
    const auto part = parse_cut_part(*record.value);
    if (part && !part->more) advance(start_of_minute(part->cut.minute + 1));
    return {};
  }
  if (tells_author_set(record.key)) return fold_author_set(record.key, record.value, batch);
  if (!parse_counter_key(record.key)) {
    return fail(Code::Corrupt,
                "view: a record of counters is damaged, or a newer version wrote it");
  }
  if (record.value) {
    batch.put(Space::Counters, record.key, *record.value);
  } else {
    batch.erase(Space::Counters, record.key);
  }
  return {};
}

View::View(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
View::~View() = default;

Result<std::unique_ptr<View>> View::open(EventLog& log, Store& store,
                                         prometheus::Registry& registry, ViewOptions options) {
  auto impl = std::make_unique<Impl>(log, store, registry, std::move(options));
  auto queues = Queues::open(store);
  if (!queues) return std::unexpected(std::move(queues.error()));
  impl->queues = std::move(*queues);
  impl->advance(impl->queues->newest_record());
  const auto folded = newest_stream_time(store);
  if (!folded) return std::unexpected(folded.error());
  if (*folded) impl->advance(**folded);
  const auto rewind = static_cast<Offset>(impl->options.feed_capacity);
  std::vector<std::pair<Topic, Offset>> topics = {{Topic::Conversations, rewind}};
  // Alerts are few and their life is a fold from the beginning.
  topics.emplace_back(Topic::Alerts, std::numeric_limits<Offset>::max() / 2);
  if (impl->options.fold_state) {
    topics.emplace_back(Topic::Tagged, 0);
    topics.emplace_back(Topic::CountersLong, 0);
    topics.emplace_back(Topic::Counters, 0);
    topics.emplace_back(Topic::Authors, 0);
  }
  for (const auto& [topic, back] : topics) {
    auto added = impl->add_source(topic, back);
    if (!added) return std::unexpected(std::move(added.error()));
  }
  return std::unique_ptr<View>(new View(std::move(impl)));
}

Result<std::size_t> View::step(std::chrono::milliseconds wait) {
  std::size_t count = 0;
  for (Impl::Source& source : impl_->sources) {
    const bool first = &source == impl_->sources.data();
    auto folded = impl_->step(source, first ? wait : std::chrono::milliseconds{0});
    if (!folded) return folded;
    count += *folded;
  }
  for (std::size_t i = 0; i < kQueues.size(); ++i) {
    impl_->queue_items[i]->Set(static_cast<double>(impl_->queues->open_items(kQueues[i])));
  }
  return count;
}

const Queues& View::queues() const {
  return *impl_->queues;
}
const CounterReader& View::counters() const {
  return impl_->counters;
}
const AuthorSetReader& View::author_sets() const {
  return impl_->author_sets;
}
const FirstSeenReader& View::first_seen() const {
  return impl_->first_seen;
}
const AlertBook& View::alerts() const {
  return impl_->alerts;
}
Feed& View::social() {
  return impl_->social;
}
Feed& View::community() {
  return impl_->community;
}
Feed& View::alert_feed() {
  return impl_->alert_feed;
}

Result<std::optional<std::string>> View::tagged(std::string_view key) const {
  auto value = stored_tagged(impl_->store, key);
  if (!value || !*value) return value;
  if (impl_->options.texts.expired(key, **value, as_of())) return std::nullopt;
  // Written by tagged_json, where the flag ends the object.
  if ((*value)->ends_with(R"("hidden":true})")) return std::nullopt;
  return value;
}

Time View::as_of() const {
  return Time{std::chrono::microseconds{impl_->as_of.load()}};
}

void View::advance(Time stream_time) {
  impl_->advance(stream_time);
}

}  // namespace vigie
