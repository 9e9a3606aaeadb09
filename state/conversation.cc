#include "state/conversation.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "state/queue_order.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxMessages = 1000;
constexpr std::chrono::hours kItemKept{35 * 24};
constexpr std::chrono::hours kReplyWaits{24};

std::int64_t stricter(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

bool before(const ItemMessage& a, const ItemMessage& b) {
  return std::tie(a.event_time, a.key) < std::tie(b.event_time, b.key);
}

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

}  // namespace

bool Omitted::covers(const ItemMessage& message) const {
  return count > 0 && std::tie(message.event_time, message.key) <= std::tie(last_time, last_key);
}

void Omitted::absorb(const ItemMessage& message) {
  if (!message.inbound) return;
  if (const int other = priority_rank(message.priority); other > rank) {
    rank = other;
    queue = message.queue;
  }
  sla_seconds = stricter(sla_seconds, message.sla_seconds);
}

void Conversation::change(ConversationRecord record) {
  auto& messages = item.messages;
  const auto same = std::ranges::find(messages, record.message.key, &ItemMessage::key);
  const bool known = same != messages.end();
  if (known) messages.erase(same);
  if (record.type == ConversationRecord::Type::Message) {
    const bool again = !known && !messages.empty() && before(messages.front(), record.message) &&
                       omitted.covers(record.message);
    if (again) {
      omitted.absorb(record.message);
    } else {
      const auto at = std::ranges::upper_bound(messages, record.message, before);
      messages.insert(at, std::move(record.message));
      bound(*this);
    }
  }
  is_item = is_item || omitted.inbound > 0 || std::ranges::any_of(messages, &ItemMessage::inbound);
  item.updated_at = std::max(item.updated_at, record.seen_at);
  derive(*this);
}

Time Conversation::expires() const {
  return item.updated_at + (is_item ? kItemKept : kReplyWaits);
}

Time read_time(ByteReader& in) {
  return Time(std::chrono::microseconds(in.signed_varint()));
}

std::string encode(const Conversation& conversation) {
  std::string out(1, kQueuesVersion);
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

bool decode(std::string_view id, std::string_view bytes, Conversation& out) {
  ByteReader in(bytes);
  if (in.fixed<char>() != kQueuesVersion) return false;
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

std::string queues_key(std::string_view id) {
  return std::string(1, kQueuesVersion).append(id);
}

}  // namespace vigie
