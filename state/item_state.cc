// What an item says, derived from its messages and from what was done with it.
#include <algorithm>
#include <utility>

#include "state/conversation.h"
#include "state/queue_order.h"

namespace vigie {
namespace {

using std::chrono::seconds;

// A clock warns when this part of its limit is left.
constexpr int kWarnPart = 5;

// Goes through messages and actions in their order.
class Walk {
 public:
  explicit Walk(Conversation& conversation)
      : conversation_(conversation), item_(conversation.item), marks_(conversation.marks) {
    item_.state = ItemState::Withdrawn;
    // Nothing stays of what is gone: it is not stored, and a restart would forget it.
    const std::vector<ItemMessage>& messages = conversation.messages;
    item_.opened_at = messages.empty() ? item_.updated_at : messages.front().event_time;
    item_.route.clear();
    item_.sla_seconds = conversation.omitted.sla_seconds;
    item_.resolve_seconds = conversation.omitted.resolve_seconds;
    item_.answered_by.clear();
    item_.resolved_by.clear();
    item_.resolved_at.reset();
    item_.first_response_at.reset();
    item_.other_queue = false;
    item_.responses.clear();
    item_.omitted = conversation.omitted.count;
  }

  void run();

 private:
  void take_actions_before(const ItemMessage* message);
  void take_omitted();
  void inbound(const ItemMessage& message);
  void reply(Time at, const std::string& who);
  void resolve(const StateMark& mark);
  void open(Time at);
  void pause(Time at);
  void move(int rank, const std::string& queue, bool held);
  void finish();
  void add_response();
  void add_resolution();
  void start(ItemClock& clock) const;

  Conversation& conversation_;
  QueueItem& item_;
  const std::vector<StateMark>& marks_;
  std::size_t next_mark_ = 0;
  bool handed_ = false;  // the handoff is behind us
  bool any_ = false;     // so is an inbound message
  int rank_ = -1;
  std::optional<Time> owed_since_;  // a response
  bool unanswered_ = false;         // an inbound message since the last reply
  std::optional<Time> runs_since_;  // the clock of the resolution
  seconds worked_{0};               // before that
};

void Walk::run() {
  const std::vector<ItemMessage>& messages = conversation_.messages;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ItemMessage& message = messages[i];
    if (i == 1) take_omitted();
    take_actions_before(&message);
    if (message.inbound) {
      inbound(message);
    } else if (any_) {
      // The brand's own post at the head of a conversation answers nobody.
      reply(message.event_time, message.author_handle);
    }
  }
  if (messages.size() < 2) take_omitted();
  take_actions_before(nullptr);
  finish();
}

// What was done before `message` (null: all that is left). An action comes after the messages of
// its time.
void Walk::take_actions_before(const ItemMessage* message) {
  const auto passed = [&](Time at) { return message == nullptr || at < message->event_time; };
  const auto& handoff = conversation_.handoff;
  for (;;) {
    const bool marked = next_mark_ < marks_.size() && passed(marks_[next_mark_].at);
    if (handoff && !handed_ && passed(handoff->at) &&
        (!marked || handoff->at <= marks_[next_mark_].at)) {
      handed_ = true;
      item_.queue = handoff->queue;
      item_.other_queue = false;
      continue;
    }
    if (!marked) return;
    const StateMark& mark = marks_[next_mark_++];
    if (!any_) continue;
    if (mark.kind == StateMark::Kind::Reply) reply(mark.at, mark.who);
    if (mark.kind == StateMark::Kind::Resolve) resolve(mark);
    if (mark.kind == StateMark::Kind::Reopen && item_.state != ItemState::Open) {
      open(mark.at);
      // Opening what was answered leaves nobody waiting.
      if (!unanswered_) owed_since_.reset();
    }
  }
}

void Walk::take_omitted() {
  const Omitted& omitted = conversation_.omitted;
  if (omitted.inbound == 0) return;
  move(omitted.rank, omitted.queue, omitted.queue.empty());
  item_.state = ItemState::Open;
  any_ = true;
  unanswered_ = true;
}

// The first message sets the queue; a later one moves the item only with a higher priority, and not
// under somebody's hands.
void Walk::move(int rank, const std::string& queue, bool held) {
  const bool first = !any_ && !handed_;
  const bool moves = first || (any_ && rank > rank_ && !held);
  rank_ = std::max(rank_, rank);
  if (queue.empty()) return;
  if (moves) {
    item_.queue = queue;
    item_.other_queue = false;
  } else if (queue != item_.queue) {
    item_.other_queue = true;
  }
}

void Walk::inbound(const ItemMessage& message) {
  if (!any_) {
    item_.route = message.route;
    item_.opened_at = message.event_time;
  }
  move(priority_rank(message.priority), message.queue, message.held);
  item_.sla_seconds = stricter(item_.sla_seconds, message.sla_seconds);
  item_.resolve_seconds = stricter(item_.resolve_seconds, message.resolve_seconds);
  if (item_.state == ItemState::Resolved) worked_ = seconds{0};
  const bool again = !any_ || item_.state != ItemState::Open;
  any_ = true;
  unanswered_ = true;
  if (again || !owed_since_) open(message.event_time);
}

// What is open owes a response from here on.
void Walk::open(Time at) {
  item_.state = ItemState::Open;
  item_.resolved_by.clear();
  item_.resolved_at.reset();
  owed_since_ = at;
  if (!runs_since_) runs_since_ = at;
}

void Walk::pause(Time at) {
  owed_since_.reset();
  if (runs_since_ && item_.resolve_seconds > 0) {
    worked_ += conversation_.hours.between(*runs_since_, at);
  }
  runs_since_.reset();
}

void Walk::reply(Time at, const std::string& who) {
  item_.answered_by = who;
  unanswered_ = false;
  const bool first = !item_.first_response_at;
  if (first) item_.first_response_at = at;
  // What is resolved stays so.
  if (item_.state != ItemState::Open) return;
  if (owed_since_) {
    item_.responses.push_back({first, *owed_since_, at, seconds{item_.sla_seconds}});
  }
  item_.state = ItemState::Waiting;
  pause(at);
}

void Walk::resolve(const StateMark& mark) {
  pause(mark.at);
  item_.state = ItemState::Resolved;
  item_.resolved_by = mark.who;
  item_.resolved_at = mark.at;
  item_.other_queue = false;
}

// Due and warning of a clock that runs.
void Walk::start(ItemClock& clock) const {
  const seconds spare = clock.limit / kWarnPart;
  clock.due = conversation_.hours.after(clock.since, clock.left);
  clock.warn_at = conversation_.hours.after(clock.since, std::max(clock.left - spare, seconds{0}));
}

void Walk::add_response() {
  if (!owed_since_ || item_.sla_seconds == 0) return;
  ItemClock clock;
  clock.kind =
      item_.first_response_at ? ItemClock::Kind::NextResponse : ItemClock::Kind::FirstResponse;
  clock.limit = clock.left = seconds{item_.sla_seconds};
  clock.since = *owed_since_;
  start(clock);
  item_.clocks.push_back(clock);
}

void Walk::add_resolution() {
  if (item_.resolve_seconds == 0 || item_.state == ItemState::Resolved) return;
  ItemClock clock;
  clock.kind = ItemClock::Kind::Resolution;
  clock.limit = seconds{item_.resolve_seconds};
  clock.left = std::max(clock.limit - worked_, seconds{0});
  clock.since = runs_since_.value_or(item_.opened_at);
  if (runs_since_) start(clock);
  item_.clocks.push_back(clock);
}

void Walk::finish() {
  item_.priority = priority_of_rank(rank_);
  item_.clocks.clear();
  item_.due_at.reset();
  if (any_) {
    add_response();
    add_resolution();
  }
  for (const ItemClock& clock : item_.clocks) {
    if (clock.due && (!item_.due_at || *clock.due < *item_.due_at)) item_.due_at = clock.due;
  }
  const std::optional<ItemClaim>& claim = conversation_.claim;
  if (claim && item_.state == ItemState::Open) item_.state = ItemState::Claimed;
  item_.claimed_by = claim ? claim->who : "";
  item_.claimed_until = claim ? std::optional(claim->until) : std::nullopt;
  item_.answered_by_other = claim && claim->answered_by_other;
  item_.late_message = conversation_.late_message;
}

}  // namespace

std::int64_t stricter(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return std::max(a, b);
  return std::min(a, b);
}

void derive(Conversation& conversation) {
  Walk(conversation).run();
}

}  // namespace vigie
