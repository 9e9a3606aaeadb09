#include "state/queues.h"

#include <algorithm>
#include <shared_mutex>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/bytes.h"
#include "pipeline/core/json.h"
#include "state/queue_order.h"

// What is stored in Space::Queues, with the encodings of bytes.h:
//   key     = version(1 byte, 1) item id          ; the empty id is the clock
//   clock   = version(1 byte, 1) stream_time(signed)
//   item    = version(1 byte, 1) touched(signed) omitted messages
//   omitted = count(varint) inbound(varint) [ last_event_time(signed) last_key(text)
//             rank(varint) queue(text) sla_seconds(varint) ]   ; the rest only when count > 0
//   messages = count(varint) *message             ; by (event time, key)
//   message = key(text) event_time(signed) inbound(1 byte) queue(text) route(text) rank(varint)
//             sla_seconds(varint) author_handle(text)
// All else that an item says is derived from these.

namespace vigie {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kMaxMessages = 1000;
constexpr std::chrono::hours kItemKept{35 * 24};
constexpr std::chrono::hours kReplyWaits{24};
constexpr std::int64_t kMaxSlaSeconds = std::int64_t{366} * 86400;

std::int64_t stricter(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

bool before(const ItemMessage& a, const ItemMessage& b) {
  return std::tie(a.event_time, a.key) < std::tie(b.event_time, b.key);
}

// The messages between the first and the oldest kept one, when there are too many. What they say of
// priority and SLA still counts. A message at or before `last` may be one of them come again, so it
// adds to what they say and not to their number.
struct Omitted {
  std::uint64_t count = 0;
  std::uint64_t inbound = 0;
  Time last_time{};
  std::string last_key;
  int rank = -1;  // highest of the inbound ones, and the queue of the first that had it
  std::string queue;
  std::int64_t sla_seconds = 0;

  bool covers(const ItemMessage& message) const {
    return count > 0 && std::tie(message.event_time, message.key) <= std::tie(last_time, last_key);
  }
  void absorb(const ItemMessage& message) {
    if (!message.inbound) return;
    if (const int other = priority_rank(message.priority); other > rank) {
      rank = other;
      queue = message.queue;
    }
    sla_seconds = stricter(sla_seconds, message.sla_seconds);
  }
};

// A conversation. One without any inbound message that ever was is a reply which waits for its
// item.
struct Conversation {
  QueueItem item;
  Omitted omitted;
  bool is_item = false;

  bool has_inbound() const {
    return omitted.inbound > 0 ||
           std::ranges::any_of(item.messages, [](const ItemMessage& m) { return m.inbound; });
  }
  Time expires() const { return item.updated_at + (is_item ? kItemKept : kReplyWaits); }
};

// Queue, state, priority and clocks as the messages in their order give them.
void derive(Conversation& conversation) {
  QueueItem& item = conversation.item;
  std::optional<Time> waits_since;
  int rank = -1;
  bool any = false;
  item.state = ItemState::Withdrawn;
  item.sla_seconds = conversation.omitted.sla_seconds;
  item.answered_by.clear();
  item.omitted = conversation.omitted.count;
  const auto raise = [&](int to, const std::string& queue) {
    if (to <= rank) return;
    rank = to;
    item.queue = queue;
  };
  const auto take_omitted = [&] {
    if (conversation.omitted.inbound == 0) return;
    raise(conversation.omitted.rank, conversation.omitted.queue);
    item.state = ItemState::Open;
    any = true;
  };
  for (std::size_t i = 0; i < item.messages.size(); ++i) {
    const ItemMessage& message = item.messages[i];
    if (i == 1) take_omitted();
    if (!message.inbound) {
      // The brand's own post at the head of a conversation answers nobody.
      if (!any) continue;
      item.state = ItemState::Waiting;
      item.answered_by = message.author_handle;
      waits_since.reset();
      continue;
    }
    if (!any) {
      item.route = message.route;
      item.opened_at = message.event_time;
    }
    any = true;
    raise(priority_rank(message.priority), message.queue);
    item.state = ItemState::Open;
    item.sla_seconds = stricter(item.sla_seconds, message.sla_seconds);
    if (!waits_since) waits_since = message.event_time;
  }
  if (item.messages.size() < 2) take_omitted();
  item.priority = priority_of_rank(rank);
  item.due_at.reset();
  if (waits_since && item.sla_seconds > 0) {
    item.due_at = *waits_since + std::chrono::seconds(item.sla_seconds);
  }
}

// Keeps the first message and the newest ones.
void bound(Conversation& conversation) {
  auto& messages = conversation.item.messages;
  Omitted& omitted = conversation.omitted;
  while (messages.size() > kMaxMessages) {
    const ItemMessage& gone = messages[1];
    if (!omitted.covers(gone)) {
      ++omitted.count;
      omitted.inbound += gone.inbound ? 1 : 0;
      omitted.last_time = gone.event_time;
      omitted.last_key = gone.key;
    }
    omitted.absorb(gone);
    messages.erase(messages.begin() + 1);
  }
}

// No rank is -1.
std::uint64_t stored_rank(int rank) {
  return static_cast<std::uint64_t>(std::int64_t{rank} + 1);
}

void encode(std::string& out, const ItemMessage& message) {
  put_text(out, message.key);
  put_signed(out, message.event_time.time_since_epoch().count());
  out += message.inbound ? '\1' : '\0';
  put_text(out, message.queue);
  put_text(out, message.route);
  put_varint(out, stored_rank(priority_rank(message.priority)));
  put_varint(out, static_cast<std::uint64_t>(message.sla_seconds));
  put_text(out, message.author_handle);
}

std::string encode(const Conversation& conversation) {
  std::string out(1, kVersion);
  put_signed(out, conversation.item.updated_at.time_since_epoch().count());
  const Omitted& omitted = conversation.omitted;
  put_varint(out, omitted.count);
  put_varint(out, omitted.inbound);
  if (omitted.count > 0) {
    put_signed(out, omitted.last_time.time_since_epoch().count());
    put_text(out, omitted.last_key);
    put_varint(out, stored_rank(omitted.rank));
    put_text(out, omitted.queue);
    put_varint(out, static_cast<std::uint64_t>(omitted.sla_seconds));
  }
  out += conversation.is_item ? '\1' : '\0';
  put_varint(out, conversation.item.messages.size());
  for (const ItemMessage& message : conversation.item.messages) encode(out, message);
  return out;
}

Time read_time(ByteReader& in) {
  return Time(std::chrono::microseconds(in.signed_varint()));
}

int read_rank(ByteReader& in) {
  return static_cast<int>(std::min<std::uint64_t>(in.varint(), 4)) - 1;
}

ItemMessage decode_message(ByteReader& in) {
  ItemMessage message;
  message.key = in.text();
  message.event_time = read_time(in);
  message.inbound = in.fixed<std::uint8_t>() != 0;
  message.queue = in.text();
  message.route = in.text();
  const int rank = read_rank(in);
  if (rank >= 0) message.priority = priority_of_rank(rank);
  message.sla_seconds = static_cast<std::int64_t>(in.varint());
  message.author_handle = in.text();
  return message;
}

bool decode(std::string_view id, std::string_view bytes, Conversation& out) {
  ByteReader in(bytes);
  if (in.fixed<char>() != kVersion) return false;
  out.item.id = id;
  out.item.updated_at = read_time(in);
  Omitted& omitted = out.omitted;
  omitted.count = in.varint();
  omitted.inbound = in.varint();
  if (omitted.count > 0) {
    omitted.last_time = read_time(in);
    omitted.last_key = in.text();
    omitted.rank = read_rank(in);
    omitted.queue = in.text();
    omitted.sla_seconds = static_cast<std::int64_t>(in.varint());
  }
  out.is_item = in.fixed<std::uint8_t>() != 0;
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    out.item.messages.push_back(decode_message(in));
  }
  if (!in.ok() || !in.at_end()) return false;
  derive(out);
  return true;
}

std::string store_key(std::string_view id) {
  return std::string(1, kVersion).append(id);
}

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
    batch.erase(Space::Queues, store_key(found->first));
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
  auto& messages = conversation.item.messages;
  const auto same = std::ranges::find(messages, record.message.key, &ItemMessage::key);
  const bool known = same != messages.end();
  if (known) messages.erase(same);
  if (!withdraw) {
    const bool again = !known && !messages.empty() && before(messages.front(), record.message) &&
                       conversation.omitted.covers(record.message);
    if (again) {
      conversation.omitted.absorb(record.message);
    } else {
      const auto at = std::ranges::upper_bound(messages, record.message, before);
      messages.insert(at, std::move(record.message));
      bound(conversation);
    }
  }
  conversation.is_item = conversation.is_item || conversation.has_inbound();
  conversation.item.updated_at = std::max(conversation.item.updated_at, record.seen_at);
  derive(conversation);
  if (messages.empty() && !conversation.is_item) {
    batch.erase(Space::Queues, store_key(found->first));
    conversations.erase(found);
    return;
  }
  enlist(conversation);
  batch.put(Space::Queues, store_key(found->first), encode(conversation));
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
      damaged = in.fixed<char>() != kVersion;
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
      store.scan(Space::Queues, store_key(""), prefix_end(store_key("")), load);
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
    std::string clock(1, kVersion);
    put_signed(clock, impl_->stream_time.time_since_epoch().count());
    batch.put(Space::Queues, store_key(""), clock);
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
