#include "state/queues.h"

#include <algorithm>
#include <map>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "pipeline/core/bytes.h"
#include "state/conversation.h"
#include "state/queue_order.h"

namespace vigie {

using Type = ConversationRecord::Type;

namespace {

QueueItem copy_of(const Conversation& conversation, std::size_t max_messages) {
  QueueItem item = conversation.item;
  const std::vector<ItemMessage>& messages = conversation.messages;
  const std::size_t told = std::min(messages.size(), max_messages);
  item.messages.assign(messages.end() - static_cast<std::ptrdiff_t>(told), messages.end());
  item.omitted += messages.size() - told;
  return item;
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

std::string_view name(ItemClock::Kind kind) {
  switch (kind) {
    case ItemClock::Kind::FirstResponse:
      return "first_response";
    case ItemClock::Kind::NextResponse:
      return "next_response";
    case ItemClock::Kind::Resolution:
      return "resolution";
  }
  return "";
}

struct Queues::Impl {
  using Due = std::set<std::pair<Time, std::string>>;
  using Found = std::unordered_map<std::string, Conversation>::iterator;
  struct Lists {
    std::set<QueuePlace> open;      // open and claimed
    std::set<QueuePlace> answered;  // waiting and resolved
  };

  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, Conversation> conversations;  // by id; guarded by mutex
  std::map<std::string, Lists, std::less<>> lists;              // by queue; guarded by mutex
  // By partition; those of version 1 under -1 until a record tells theirs. Guarded by mutex.
  std::map<std::int32_t, Due> expiry;
  Due timers;                                 // when each item is due next; guarded by mutex
  std::map<std::int32_t, Time> stream_times;  // guarded by mutex
  Time stream_base{};                         // as version 1 had it, for all; guarded by mutex

  std::set<QueuePlace>* list_of(const QueueItem& item) {
    if (item.state == ItemState::Withdrawn) return nullptr;
    const bool open = item.state == ItemState::Open || item.state == ItemState::Claimed;
    Lists& of = lists[item.queue];
    return open ? &of.open : &of.answered;
  }
  void enlist(const Conversation& conversation) {
    expiry[conversation.partition].emplace(conversation.expires(), conversation.item.id);
    timers.emplace(conversation.next_due(), conversation.item.id);
    if (std::set<QueuePlace>* list = list_of(conversation.item)) {
      list->insert(place_of(conversation.item));
    }
  }
  void delist(const Conversation& conversation) {
    expiry[conversation.partition].erase({conversation.expires(), conversation.item.id});
    timers.erase({conversation.next_due(), conversation.item.id});
    if (std::set<QueuePlace>* list = list_of(conversation.item)) {
      list->erase(place_of(conversation.item));
    }
  }
  Time stream_time(std::int32_t partition) const {
    const auto found = stream_times.find(partition);
    return found == stream_times.end() ? stream_base : std::max(found->second, stream_base);
  }
  bool load(std::string_view key, std::string_view value);
  bool load_clocks(std::string_view value);
  void save_clocks(StoreBatch& batch) const;
  void drop_expired(std::int32_t partition, Time now, StoreBatch& batch);
  Folded fold(std::int32_t partition, Offset offset, ConversationRecord record, Time now,
              StoreBatch& batch);
  bool change(Conversation& conversation, ConversationRecord record, Time now, Folded& folded);
  bool take_snapshot(Conversation& conversation, std::int32_t partition,
                     const ConversationRecord& record);
};

bool Queues::Impl::load_clocks(std::string_view value) {
  ByteReader in(value);
  const auto version = in.fixed<char>();
  if (version == 1) {
    stream_base = read_time(in);
    return in.ok();
  }
  if (version != kQueuesVersion) return false;
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto partition = static_cast<std::int32_t>(in.signed_varint());
    stream_times[partition] = read_time(in);
  }
  return in.ok() && in.at_end();
}

void Queues::Impl::save_clocks(StoreBatch& batch) const {
  std::string clocks(1, kQueuesVersion);
  put_varint(clocks, stream_times.size());
  for (const auto& [partition, time] : stream_times) {
    put_signed(clocks, partition);
    put_time(clocks, time);
  }
  batch.put(Space::Queues, queues_key(""), clocks);
}

bool Queues::Impl::load(std::string_view key, std::string_view value) {
  const std::string id(key.substr(1));
  if (id.empty()) return load_clocks(value);
  Conversation conversation;
  if (!decode(id, value, conversation)) return false;
  enlist(conversation);
  conversations.emplace(id, std::move(conversation));
  return true;
}

void Queues::Impl::drop_expired(std::int32_t partition, Time now, StoreBatch& batch) {
  for (const std::int32_t of : {partition, -1}) {
    Due& due = expiry[of];
    while (!due.empty() && due.begin()->first <= now) {
      const auto found = conversations.find(due.begin()->second);
      batch.erase(Space::Queues, queues_key(found->first));
      delist(found->second);
      conversations.erase(found);
    }
  }
}

// A snapshot holds for who knows no more of the item than the snapshot does: to the fold from the
// beginning it says what is there already, and a fold that begins later learns it. One that was
// overtaken by a record is void.
bool Queues::Impl::take_snapshot(Conversation& conversation, std::int32_t partition,
                                 const ConversationRecord& record) {
  if (record.after < conversation.last_offset) return false;
  Conversation taken;
  if (!decode(record.conversation, record.item, taken)) return false;
  taken.partition = partition;
  taken.last_offset = record.after;
  taken.oldest = record.seen_at;
  conversation = std::move(taken);
  return true;
}

// Whether the record changed what an item says.
bool Queues::Impl::change(Conversation& conversation, ConversationRecord record, Time now,
                          Folded& folded) {
  const bool ended = conversation.end_lease(now);
  if (record.type <= Type::Withdraw) {
    conversation.change(std::move(record));
    return true;
  }
  if (record.type == Type::Timer) {
    return conversation.fire(record.timer, record.due) || ended;
  }
  folded.outcome = conversation.act(record, now);
  return folded.outcome->result == ActionOutcome::Result::Applied || ended;
}

// Changes one conversation by one record; an unchanged one is written all the same, with the offset
// that it has been folded to.
Queues::Folded Queues::Impl::fold(std::int32_t partition, Offset offset, ConversationRecord record,
                                  Time now, StoreBatch& batch) {
  Folded folded{.type = record.type, .seen_at = record.seen_at};
  Found found = conversations.find(record.conversation);
  const bool snapshot = record.type == Type::Snapshot;
  if (found == conversations.end()) {
    if (is_action(record.type)) {
      folded.outcome = ActionOutcome{record.action.id, ActionOutcome::Result::NoItem, "", {}, ""};
    }
    if (record.type != Type::Message && !snapshot) return folded;
    found = conversations.try_emplace(record.conversation).first;
    found->second.item.id = record.conversation;
    found->second.oldest = record.seen_at;
  } else {
    delist(found->second);
  }
  Conversation& conversation = found->second;
  const bool over = record.type == Type::Timer && conversation.expires() <= now;
  if (snapshot) {
    folded.changed = take_snapshot(conversation, partition, record);
  } else {
    conversation.partition = partition;
    conversation.last_offset = offset;
    folded.changed = change(conversation, std::move(record), now, folded);
  }
  if (over || (conversation.messages.empty() && !conversation.is_item)) {
    batch.erase(Space::Queues, queues_key(found->first));
    conversations.erase(found);
    return folded;
  }
  enlist(conversation);
  batch.put(Space::Queues, queues_key(found->first), encode(conversation));
  return folded;
}

Queues::Queues() : impl_(std::make_unique<Impl>()) {}
Queues::~Queues() = default;

Result<std::unique_ptr<Queues>> Queues::open(const Store& store) {
  std::unique_ptr<Queues> queues(new Queues());
  bool damaged = false;
  const auto load = [&](std::string_view key, std::string_view value) {
    damaged = !queues->impl_->load(key, value);
    return !damaged;
  };
  const Result<void> scanned =
      store.scan(Space::Queues, queues_key(""), prefix_end(queues_key("")), load);
  if (!scanned) return std::unexpected(scanned.error());
  if (damaged) return fail(Code::Corrupt, "queues: a stored item cannot be read");
  return queues;
}

Result<Queues::Folded> Queues::apply(Partition partition, Offset offset, std::string_view key,
                                     std::string_view value, StoreBatch& batch) {
  Result<ConversationRecord> record = parse_conversation_record(key, value);
  if (!record) return std::unexpected(record.error());

  const std::lock_guard lock(impl_->mutex);
  const std::int32_t of = number(partition);
  const std::string id = record->conversation;
  const bool known = impl_->conversations.contains(id);
  if (record->seen_at > impl_->stream_time(of)) {
    impl_->stream_times[of] = record->seen_at;
    impl_->save_clocks(batch);
    impl_->drop_expired(of, record->seen_at, batch);
  }
  Folded folded = impl_->fold(of, offset, std::move(*record), impl_->stream_time(of), batch);
  // The time that a record brings may be what ends its item.
  folded.changed = folded.changed || (known && !impl_->conversations.contains(id));
  return folded;
}

std::string_view name(ActionOutcome::Result result) {
  switch (result) {
    case ActionOutcome::Result::Applied:
      return "applied";
    case ActionOutcome::Result::Repeated:
      return "repeated";
    case ActionOutcome::Result::Held:
      return "held";
    case ActionOutcome::Result::Refused:
      return "refused";
    case ActionOutcome::Result::NoItem:
      return "no_item";
  }
  return "";
}

Result<Queues::Page> Queues::list(std::string_view queue, bool all, std::string_view after,
                                  std::size_t limit, std::size_t max_messages) const {
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
    page.items.push_back(copy_of(impl_->conversations.at(place.id), max_messages));
    page.next = page_mark(place);
  }
  if (a == open.end() && b == rest.end()) page.next.clear();
  return page;
}

std::optional<QueueItem> Queues::item(std::string_view id) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->conversations.find(std::string(id));
  if (found == impl_->conversations.end() || !found->second.is_item) return std::nullopt;
  return copy_of(found->second, SIZE_MAX);
}

bool Queues::took(std::string_view id, std::string_view action) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->conversations.find(std::string(id));
  return found != impl_->conversations.end() &&
         std::ranges::find(found->second.ids, action) != found->second.ids.end();
}

std::string Queues::queue_of(std::string_view id) const {
  const std::shared_lock lock(impl_->mutex);
  const auto found = impl_->conversations.find(std::string(id));
  return found == impl_->conversations.end() ? "" : found->second.item.queue;
}

void Queues::each(const std::function<void(const QueueItem&, const WorkHours&)>& visit) const {
  const std::shared_lock lock(impl_->mutex);
  for (const auto& [id, conversation] : impl_->conversations) {
    if (conversation.is_item) visit(conversation.item, conversation.hours);
  }
}

std::size_t Queues::open_items(std::string_view queue) const {
  const std::shared_lock lock(impl_->mutex);
  const auto of = impl_->lists.find(queue);
  return of == impl_->lists.end() ? 0 : of->second.open.size();
}

Time Queues::stream_time(Partition partition) const {
  const std::shared_lock lock(impl_->mutex);
  return impl_->stream_time(number(partition));
}

Time Queues::newest_record() const {
  const std::shared_lock lock(impl_->mutex);
  Time newest = impl_->stream_base;
  for (const auto& [partition, time] : impl_->stream_times) newest = std::max(newest, time);
  return newest;
}

std::vector<ConversationRecord> Queues::due(
    Time now, std::size_t max, const std::function<bool(std::string_view id)>& mine) const {
  std::vector<ConversationRecord> out;
  const std::shared_lock lock(impl_->mutex);
  for (const auto& [due, id] : impl_->timers) {
    if (due > now || out.size() >= max) break;
    if (!mine(id)) continue;
    const Conversation& conversation = impl_->conversations.at(id);
    ConversationRecord record;
    record.conversation = id;
    if (conversation.snapshot_due() <= now) {
      record.type = Type::Snapshot;
      record.seen_at = conversation.snapshot_due();
      record.after = conversation.last_offset;
      record.item = encode(conversation);
      out.push_back(record);
    }
    record.type = Type::Timer;
    for (const Conversation::Timer& timer : conversation.timers()) {
      if (timer.due > now) continue;
      record.timer = timer.timer;
      record.seen_at = record.due = timer.due;
      out.push_back(record);
    }
  }
  return out;
}

}  // namespace vigie
