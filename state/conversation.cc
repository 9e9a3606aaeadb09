#include "state/conversation.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <tuple>
#include <utility>

#include "state/queue_order.h"

namespace vigie {
namespace {

using Type = ConversationRecord::Type;

constexpr std::size_t kMaxMessages = 1000;
// Of all its messages: an item has to fit into one record.
constexpr std::size_t kMaxMessageBytes = std::size_t{256} << 10;
constexpr std::size_t kKeptIds = 64;
constexpr std::chrono::hours kItemKept{35 * 24};
constexpr std::chrono::hours kReplyWaits{24};
// A day before the records that a snapshot stands for are 28 days old.
constexpr std::chrono::hours kSnapshotAfter{27 * 24};

bool before(const ItemMessage& a, const ItemMessage& b) {
  return std::tie(a.event_time, a.key) < std::tie(b.event_time, b.key);
}

std::size_t bytes_of(const ItemMessage& message) {
  constexpr std::size_t kNumbers = 32;
  return kNumbers + message.key.size() + message.queue.size() + message.route.size() +
         message.author_handle.size();
}

// Keeps the first message and the newest ones.
void bound(Conversation& conversation) {
  auto& messages = conversation.messages;
  Omitted& omitted = conversation.omitted;
  std::size_t bytes = 0;
  for (const ItemMessage& message : messages) bytes += bytes_of(message);
  std::size_t gone = 0;
  while (messages.size() - gone > kMaxMessages ||
         (bytes > kMaxMessageBytes && messages.size() - gone > 2)) {
    const ItemMessage& oldest = messages[1 + gone];
    if (!omitted.covers(oldest)) {
      ++omitted.count;
      omitted.inbound += oldest.inbound ? 1 : 0;
      omitted.last_time = oldest.event_time;
      omitted.last_key = oldest.key;
    }
    omitted.absorb(oldest);
    bytes -= bytes_of(oldest);
    ++gone;
  }
  messages.erase(messages.begin() + 1, messages.begin() + 1 + static_cast<std::ptrdiff_t>(gone));
}

// Whether a handle may be that of the person who holds an item: `who` is a token's name, or the
// name behind it.
bool same_person(std::string_view who, std::string_view handle) {
  who.remove_prefix(who.rfind('/') + 1);
  if (handle.starts_with('@')) handle.remove_prefix(1);
  return std::ranges::equal(who, handle, [](unsigned char a, unsigned char b) {
    return std::tolower(a) == std::tolower(b);
  });
}

bool answered(ItemState state) {
  return state == ItemState::Waiting || state == ItemState::Resolved;
}

}  // namespace

bool Omitted::covers(const ItemMessage& message) const {
  return count > 0 && std::tie(message.event_time, message.key) <= std::tie(last_time, last_key);
}

void Omitted::forget(std::string_view key) {
  if (last_key == key) last_key = "~";
}

void Omitted::absorb(const ItemMessage& message) {
  if (!message.inbound) return;
  if (const int other = priority_rank(message.priority); other > rank) {
    rank = other;
    if (!message.held) queue = message.queue;
  }
  sla_seconds = stricter(sla_seconds, message.sla_seconds);
  resolve_seconds = stricter(resolve_seconds, message.resolve_seconds);
}

void Conversation::change(ConversationRecord record) {
  const ItemState old_state = is_item ? item.state : ItemState::Open;
  ItemMessage& message = record.message;
  const auto same = std::ranges::find(messages, message.key, &ItemMessage::key);
  const bool known = same != messages.end();
  message.held = message.inbound && (known ? same->held : claim.has_value());
  if (known) messages.erase(same);
  bool is_new = false;
  if (record.type == Type::Message) {
    if (message.inbound && (message.sla_seconds > 0 || message.resolve_seconds > 0)) {
      hours = std::move(record.hours);
    }
    const bool again =
        !known && !messages.empty() && before(messages.front(), message) && omitted.covers(message);
    is_new = !known && !again;
    const bool by_other = !message.inbound && claim && is_new;
    if (by_other && !same_person(claim->who, message.author_handle)) {
      claim->answered_by_other = true;
    }
    if (again) {
      omitted.absorb(message);
    } else {
      const auto at = std::ranges::upper_bound(messages, message, before);
      is_new = is_new && message.inbound;
      messages.insert(at, std::move(message));
      bound(*this);
    }
  }
  if (record.erased) {
    omitted.forget(record.message.key);
    // Of an item that was this author's alone nothing stays: its id may be a message's.
    if (messages.empty() && omitted.count == 0) is_item = false;
  }
  is_item = is_item || omitted.inbound > 0 || std::ranges::any_of(messages, &ItemMessage::inbound);
  item.updated_at = std::max(item.updated_at, record.seen_at);
  derive(*this);
  late_message = answered(item.state) && (late_message || (is_new && answered(old_state)));
  item.late_message = late_message;
}

// Why an action cannot be done in this state; empty when it can.
std::string_view Conversation::refusal(const ConversationRecord& record) const {
  const bool resolved = item.state == ItemState::Resolved;
  switch (record.type) {
    case Type::Claim:
    case Type::ReplyNoted:
    case Type::Handoff:
      if (resolved) return "the item is resolved: reopen it first";
      if (record.type == Type::Handoff && item.queue == record.action.queue) {
        return "the item is in that queue already";
      }
      return "";
    case Type::Release:
      return claim ? "" : "nobody holds the item";
    case Type::Resolve:
      return resolved ? "the item is resolved already" : "";
    case Type::Reopen:
      return answered(item.state) ? "" : "the item is open";
    default:
      return "";
  }
}

ActionOutcome Conversation::act(const ConversationRecord& record, Time now) {
  using Result = ActionOutcome::Result;
  const ConversationRecord::Action& action = record.action;
  ActionOutcome outcome;
  outcome.id = action.id;
  const auto says = [&](Result result, std::string_view why = "") {
    outcome.result = result;
    outcome.why = why;
    return outcome;
  };
  if (!is_item) return says(Result::NoItem);
  if (std::ranges::find(ids, action.id) != ids.end()) return says(Result::Repeated);
  if (item.state == ItemState::Withdrawn) {
    return says(Result::Refused, "the item is withdrawn: it has no message left");
  }
  if (!action.only_in.empty() && item.queue != action.only_in) {
    return says(Result::Refused, "the item has moved to the other queue");
  }
  const bool needs_hold = record.type != Type::Note && record.type != Type::ReplyNoted;
  if (needs_hold && claim && claim->who != action.who) {
    outcome.who = claim->who;
    outcome.until = claim->until;
    return says(Result::Held);
  }
  if (const std::string_view why = refusal(record); !why.empty()) {
    return says(Result::Refused, why);
  }
  if (record.type == Type::Claim) {
    const Time until = now + action.lease;
    if (!claim) claim = ItemClaim{action.who, until, false};
    claim->until = std::max(claim->until, until);
  }
  carry_out(record);
  keep_note(record);
  ids.push_back(action.id);
  if (ids.size() > kKeptIds) ids.erase(ids.begin());
  if (record.type != Type::Note) late_message = false;
  item.updated_at = std::max(item.updated_at, record.seen_at);
  derive(*this);
  return says(Result::Applied);
}

void Conversation::carry_out(const ConversationRecord& record) {
  const std::string& who = record.action.who;
  switch (record.type) {
    case Type::Release:
      claim.reset();
      return;
    case Type::ReplyNoted:
      if (claim && claim->who != who) claim->answered_by_other = true;
      return mark(StateMark::Kind::Reply, record.seen_at, who);
    case Type::Handoff:
      claim.reset();
      handoff = ItemHandoff{place(record.seen_at), record.action.queue};
      // Whoever gets it has to look at it.
      if (item.state == ItemState::Waiting) mark(StateMark::Kind::Reopen, record.seen_at, who);
      return;
    case Type::Resolve:
      claim.reset();
      return mark(StateMark::Kind::Resolve, record.seen_at, who);
    case Type::Reopen:
      return mark(StateMark::Kind::Reopen, record.seen_at, who);
    default:
      return;
  }
}

Time Conversation::place(Time seen_at) {
  acted_at = std::max(acted_at, seen_at);
  if (!messages.empty()) acted_at = std::max(acted_at, messages.back().event_time);
  return acted_at;
}

void Conversation::mark(StateMark::Kind kind, Time seen_at, const std::string& who) {
  marks.push_back(StateMark{kind, place(seen_at), who});
  if (marks.size() > kKeptMarks) marks.erase(marks.begin());
}

void Conversation::keep_note(const ConversationRecord& record) {
  if (record.action.note.empty()) return;
  item.notes.push_back(ItemNote{record.seen_at, record.action.who, std::string(name(record.type)),
                                record.action.note});
  if (item.notes.size() <= kKeptNotes) return;
  item.notes.erase(item.notes.begin());
  ++item.notes_omitted;
}

bool Conversation::end_lease(Time now) {
  if (!claim || now < claim->until) return false;
  claim.reset();
  derive(*this);
  return true;
}

bool Conversation::fire(ItemTimer timer, Time due) {
  if (timer < ItemTimer::ResponseWarning || timer > ItemTimer::ResolutionBreach) return false;
  const auto is_due = [&](const Timer& each) { return each.timer == timer && each.due == due; };
  if (std::ranges::none_of(timers(), is_due)) return false;
  fired[static_cast<std::size_t>(timer) - 1] = due;
  return true;
}

Time Conversation::expires() const {
  return item.updated_at + (is_item ? kItemKept : kReplyWaits);
}

Time Conversation::snapshot_due() const {
  return is_item ? oldest + kSnapshotAfter : Time::max();
}

std::vector<Conversation::Timer> Conversation::timers() const {
  std::vector<Timer> out;
  if (claim) out.push_back({ItemTimer::Lease, claim->until});
  for (const ItemClock& clock : item.clocks) {
    if (!clock.due) continue;
    const bool response = clock.kind != ItemClock::Kind::Resolution;
    const auto warning = response ? ItemTimer::ResponseWarning : ItemTimer::ResolutionWarning;
    const auto breach = response ? ItemTimer::ResponseBreach : ItemTimer::ResolutionBreach;
    if (fired[static_cast<std::size_t>(warning) - 1] != *clock.warn_at) {
      out.push_back({warning, *clock.warn_at});
    }
    if (fired[static_cast<std::size_t>(breach) - 1] != *clock.due) {
      out.push_back({breach, *clock.due});
    }
  }
  out.push_back({ItemTimer::Expiry, expires()});
  return out;
}

Time Conversation::next_due() const {
  Time due = snapshot_due();
  for (const Timer& timer : timers()) due = std::min(due, timer.due);
  return due;
}

std::optional<std::string> item_without(std::string_view id, std::string_view bytes,
                                        const std::set<std::string, std::less<>>& messages) {
  Conversation conversation;
  if (!decode(id, bytes, conversation)) return std::nullopt;
  std::vector<std::string> found;
  for (const ItemMessage& message : conversation.messages) {
    if (messages.contains(message.key)) found.push_back(message.key);
  }
  if (messages.contains(conversation.omitted.last_key)) {
    found.push_back(conversation.omitted.last_key);
  }
  if (found.empty()) return std::nullopt;
  for (std::string& key : found) {
    ConversationRecord record;
    record.type = Type::Withdraw;
    record.erased = true;
    record.seen_at = conversation.item.updated_at;
    record.message.key = std::move(key);
    conversation.change(std::move(record));
  }
  if (!conversation.is_item && conversation.messages.empty()) return std::string();
  return encode(conversation);
}

}  // namespace vigie
