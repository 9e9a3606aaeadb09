#include "state/queues.h"

#include <algorithm>
#include <shared_mutex>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"
#include "state/conversation.h"
#include "state/queue_order.h"

namespace vigie {
namespace {

constexpr std::int64_t kMaxSlaSeconds = std::int64_t{366} * 86400;

}  // namespace

std::string_view name(ItemState state) {
  switch (state) {
    case ItemState::Open:
      return "open";
    case ItemState::Claimed:
      return "claimed";
    case ItemState::Waiting:
      return "waiting";
    case ItemState::Resolved:
      return "resolved";
    case ItemState::Withdrawn:
      return "withdrawn";
  }
  return "";
}

void append_json(std::string& out, const ConversationRecord& record) {
  const ItemMessage& message = record.message;
  JsonWriter json(out);
  json.begin_object().field("v", std::int64_t{1});
  json.field("type", record.type == ConversationRecord::Type::Message ? "message" : "withdraw");
  json.field("seen_at", format_time(record.seen_at)).field("message", message.key);
  if (record.type == ConversationRecord::Type::Message) {
    json.field("event_time", format_time(message.event_time)).field("inbound", message.inbound);
    if (message.inbound) {
      json.field("queue", message.queue).field("route", message.route);
      json.field("priority", message.priority).field("sla_seconds", message.sla_seconds);
    }
    json.field("author", message.author_handle);
  }
  json.end_object();
}

Result<ConversationRecord> parse_conversation_record(std::string_view key, std::string_view json) {
  const auto wrong = [&](std::string_view what) {
    return fail(Code::Invalid, fmt::format("conversation record: {}", what));
  };
  if (key.empty()) return wrong("no conversation");
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(json)).get(object)) return wrong("no JSON object");
  const auto text = [&](const char* field, auto& out) {
    std::string_view value;
    if (object[field].get(value)) return false;
    out = value;
    return true;
  };
  const auto time = [&](const char* field, Time& out) {
    std::string_view value;
    if (!text(field, value)) return false;
    const std::optional<Time> parsed = parse_time(value);
    if (parsed) out = *parsed;
    return parsed.has_value();
  };

  std::int64_t version = 0;
  if (object["v"].get(version) || version != 1) return wrong("v is not 1");
  ConversationRecord record;
  record.conversation = key;
  ItemMessage& message = record.message;
  std::string_view type;
  if (!text("type", type)) return wrong("no type");
  if (!time("seen_at", record.seen_at)) return wrong("seen_at is no time");
  if (!text("message", message.key) || message.key.empty()) return wrong("no message");
  if (type == "withdraw") {
    record.type = ConversationRecord::Type::Withdraw;
    return record;
  }
  if (type != "message") return wrong("unknown type");
  if (!time("event_time", message.event_time)) return wrong("event_time is no time");
  if (object["inbound"].get(message.inbound)) return wrong("inbound is no boolean");
  text("author", message.author_handle);
  if (!message.inbound) return record;
  if (!text("queue", message.queue) ||
      (message.queue != "social" && message.queue != "community")) {
    return wrong("queue is not social or community");
  }
  text("route", message.route);
  if (!text("priority", message.priority) || priority_rank(message.priority) < 0) {
    return wrong("unknown priority");
  }
  if (object["sla_seconds"].get(message.sla_seconds) || message.sla_seconds < 0 ||
      message.sla_seconds > kMaxSlaSeconds) {
    return wrong("sla_seconds out of range");
  }
  return record;
}

struct Queues::Impl {
  struct Lists {
    std::set<QueuePlace> open;      // open and claimed
    std::set<QueuePlace> answered;  // waiting and resolved
  };

  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, Conversation> conversations;  // by id; guarded by mutex
  std::map<std::string, Lists, std::less<>> lists;              // by queue; guarded by mutex
  std::set<std::pair<Time, std::string>> expiry;                // guarded by mutex
  Time stream_time{};                                           // guarded by mutex

  std::set<QueuePlace>* list_of(const QueueItem& item) {
    if (item.state == ItemState::Withdrawn) return nullptr;
    const bool open = item.state == ItemState::Open || item.state == ItemState::Claimed;
    Lists& of = lists[item.queue];
    return open ? &of.open : &of.answered;
  }
  void enlist(const Conversation& conversation) {
    expiry.emplace(conversation.expires(), conversation.item.id);
    if (std::set<QueuePlace>* list = list_of(conversation.item)) {
      list->insert(place_of(conversation.item));
    }
  }
  void delist(const Conversation& conversation) {
    expiry.erase({conversation.expires(), conversation.item.id});
    if (std::set<QueuePlace>* list = list_of(conversation.item)) {
      list->erase(place_of(conversation.item));
    }
  }
  void drop_expired(StoreBatch& batch);
  void fold(ConversationRecord record, StoreBatch& batch);
};

void Queues::Impl::drop_expired(StoreBatch& batch) {
  while (!expiry.empty() && expiry.begin()->first < stream_time) {
    const auto found = conversations.find(expiry.begin()->second);
    batch.erase(Space::Queues, queues_key(found->first));
    delist(found->second);
    conversations.erase(found);
  }
}

// Changes one conversation by one record; an unchanged one is written all the same when its record
// time moved.
void Queues::Impl::fold(ConversationRecord record, StoreBatch& batch) {
  const bool withdraw = record.type == ConversationRecord::Type::Withdraw;
  auto found = conversations.find(record.conversation);
  if (found == conversations.end()) {
    if (withdraw) return;
    found = conversations.try_emplace(record.conversation).first;
    found->second.item.id = record.conversation;
  } else {
    delist(found->second);
  }
  Conversation& conversation = found->second;
  conversation.change(std::move(record));
  if (conversation.item.messages.empty() && !conversation.is_item) {
    batch.erase(Space::Queues, queues_key(found->first));
    conversations.erase(found);
    return;
  }
  enlist(conversation);
  batch.put(Space::Queues, queues_key(found->first), encode(conversation));
}

Queues::Queues() : impl_(std::make_unique<Impl>()) {}
Queues::~Queues() = default;

Result<std::unique_ptr<Queues>> Queues::open(const Store& store) {
  std::unique_ptr<Queues> queues(new Queues());
  Impl& impl = *queues->impl_;
  bool damaged = false;
  const auto load = [&](std::string_view key, std::string_view value) {
    const std::string id(key.substr(1));
    if (id.empty()) {
      ByteReader in(value);
      damaged = in.fixed<char>() != kQueuesVersion;
      impl.stream_time = read_time(in);
      damaged = damaged || !in.ok();
      return !damaged;
    }
    Conversation conversation;
    damaged = !decode(id, value, conversation);
    if (damaged) return false;
    impl.enlist(conversation);
    impl.conversations.emplace(id, std::move(conversation));
    return true;
  };
  const Result<void> scanned =
      store.scan(Space::Queues, queues_key(""), prefix_end(queues_key("")), load);
  if (!scanned) return std::unexpected(scanned.error());
  if (damaged) return fail(Code::Corrupt, "queues: a stored item cannot be read");
  return queues;
}

Result<void> Queues::apply(std::string_view key, std::string_view value, StoreBatch& batch) {
  Result<ConversationRecord> record = parse_conversation_record(key, value);
  if (!record) return std::unexpected(record.error());

  const std::lock_guard lock(impl_->mutex);
  if (record->seen_at > impl_->stream_time) {
    impl_->stream_time = record->seen_at;
    std::string clock(1, kQueuesVersion);
    put_signed(clock, impl_->stream_time.time_since_epoch().count());
    batch.put(Space::Queues, queues_key(""), clock);
    impl_->drop_expired(batch);
  }
  impl_->fold(std::move(*record), batch);
  return {};
}

Result<Queues::Page> Queues::list(std::string_view queue, bool all, std::string_view after,
                                  std::size_t limit) const {
  std::optional<QueuePlace> mark;
  if (!after.empty()) {
    mark = parse_page_mark(after);
    if (!mark) return fail(Code::Invalid, "after: no page mark");
  }
  static const std::set<QueuePlace> kNone;
  const std::shared_lock lock(impl_->mutex);
  const auto of = impl_->lists.find(queue);
  const std::set<QueuePlace>& open = of == impl_->lists.end() ? kNone : of->second.open;
  const std::set<QueuePlace>& rest = of == impl_->lists.end() || !all ? kNone : of->second.answered;

  Page page;
  page.total = open.size() + rest.size();
  auto a = mark ? open.upper_bound(*mark) : open.begin();
  auto b = mark ? rest.upper_bound(*mark) : rest.begin();
  while (page.items.size() < limit && (a != open.end() || b != rest.end())) {
    const bool from_open = b == rest.end() || (a != open.end() && *a < *b);
    const QueuePlace& place = from_open ? *a++ : *b++;
    page.items.push_back(impl_->conversations.at(place.id).item);
    page.next = page_mark(place);
  }
  if (a == open.end() && b == rest.end()) page.next.clear();
  return page;
}

std::optional<QueueItem> Queues::item(std::string_view id) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->conversations.find(std::string(id));
  if (found == impl_->conversations.end() || !found->second.is_item) return std::nullopt;
  return found->second.item;
}

std::string Queues::queue_of(std::string_view id) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->conversations.find(std::string(id));
  return found == impl_->conversations.end() ? "" : found->second.item.queue;
}

std::size_t Queues::open_items(std::string_view queue) const {
  const std::shared_lock lock(impl_->mutex);
  const auto of = impl_->lists.find(queue);
  return of == impl_->lists.end() ? 0 : of->second.open.size();
}

}  // namespace vigie
