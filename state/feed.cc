#include "state/feed.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace vigie {
namespace {

using Positions = std::vector<std::pair<std::int32_t, Offset>>;

// Longer texts are not ids of ours: a topic with this many partitions does not exist.
constexpr std::size_t kMaxIdBytes = std::size_t{32} * 1024;
// Partitions of which followers are doubted at once; the others wait.
constexpr std::size_t kMostDoubts = 1024;

Offset position(const Positions& positions, std::int32_t partition) {
  const auto at = std::ranges::lower_bound(positions, partition, {}, &Positions::value_type::first);
  return at != positions.end() && at->first == partition ? at->second : 0;
}

// Whether a follower at `follower` has everything up to `positions`.
bool covers(const Positions& follower, const Positions& positions) {
  return std::ranges::all_of(positions, [&](const auto& entry) {
    return position(follower, entry.first) >= entry.second;
  });
}

template <class Number>
bool read_number(std::string_view& text, Number& out) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool skip(std::string_view& text, char expected) {
  if (text.empty() || text[0] != expected) return false;
  text.remove_prefix(1);
  return true;
}

// id = position *("," position) ; position = partition ":" offset ; partitions ascend
Result<Positions> parse_id(std::string_view text) {
  if (text.size() > kMaxIdBytes) return fail(Code::Invalid, "event id: too long");
  Positions positions;
  do {
    std::int32_t partition = 0;
    Offset next = 0;
    if (!read_number(text, partition) || !skip(text, ':') || !read_number(text, next)) {
      return fail(Code::Invalid, "event id: expected partition:offset pairs with commas");
    }
    if (!positions.empty() && positions.back().first >= partition) {
      return fail(Code::Invalid, "event id: partitions are not in order");
    }
    positions.emplace_back(partition, next);
  } while (skip(text, ','));
  if (!text.empty()) return fail(Code::Invalid, "event id: expected partition:offset pairs");
  return positions;
}

}  // namespace

void Feed::advance(Positions& positions, Partition partition, Offset next) {
  const auto at =
      std::ranges::lower_bound(positions, number(partition), {}, &Positions::value_type::first);
  if (at == positions.end() || at->first != number(partition)) {
    positions.emplace(at, number(partition), next);
    return;
  }
  at->second = std::max(at->second, next);
}

// A partition that is not named stands at 0, so nothing at all is "0:0".
std::string Feed::id_of(const Positions& positions) {
  if (positions.empty()) return "0:0";
  std::string id;
  for (const auto& [partition, next] : positions) {
    if (!id.empty()) id += ',';
    fmt::format_to(std::back_inserter(id), "{}:{}", partition, next);
  }
  return id;
}

void Feed::push(Partition partition, Offset next, std::string type, std::string data, Time at) {
  {
    const std::lock_guard lock(mutex_);
    if (next <= position(end_, number(partition))) return;  // read again after a restart
    const bool known =
        std::ranges::binary_search(end_, number(partition), {}, &Positions::value_type::first);
    // What stood before the first record of a partition is not here.
    if (!known) advance(before_first_, partition, next - 1);
    advance(end_, partition, next);
    // The topic has grown since it was asked for its end: whoever stands there may have heard it.
    const auto beyond = no_more_.find(number(partition));
    if (beyond != no_more_.end() && next > beyond->second.first) no_more_.erase(beyond);
    if (type.empty()) return;
    entries_[number(partition)].push_back(
        Entry{next, pushed_++, at, std::move(type), std::move(data), end_});
    if (++kept_ > capacity_) drop_oldest();
  }
  const std::lock_guard lock(wake_mutex_);
  for (const auto& [id, wake] : subscribers_) wake();
}

// Who has read on behind it in its partition has missed nothing.
void Feed::drop_oldest() {
  const auto of = std::ranges::min_element(entries_, {}, [](const auto& each) {
    const Entry& first = each.second.front();
    return std::pair(first.at, first.number);
  });
  advance(before_first_, Partition{of->first}, of->second.front().next);
  of->second.pop_front();
  if (of->second.empty()) entries_.erase(of);
  --kept_;
}

bool Feed::take_doubts() {
  const std::lock_guard lock(mutex_);
  asked_ = std::exchange(doubts_, {});
  return !asked_.empty();
}

void Feed::set_end(const std::map<Partition, Offset>& end) {
  {
    const std::lock_guard lock(mutex_);
    no_more_.clear();
    for (const auto& [partition, furthest] : asked_) {
      const auto at = end.find(Partition{partition});
      const Offset ends = at == end.end() ? 0 : at->second;
      if (furthest > ends) no_more_[partition] = {ends, furthest};
    }
    asked_.clear();
    if (no_more_.empty()) return;
  }
  const std::lock_guard lock(wake_mutex_);
  for (const auto& [id, wake] : subscribers_) wake();
}

bool Feed::is_denied(const Positions& follower) const {
  return std::ranges::any_of(follower, [&](const auto& entry) {
    const auto& [partition, at] = entry;
    const auto beyond = no_more_.find(partition);
    return beyond != no_more_.end() && at > beyond->second.first && at <= beyond->second.second;
  });
}

Result<Feed::Page> Feed::read(std::string_view after, std::size_t max) {
  Page page;
  if (after.empty()) {
    const std::lock_guard lock(mutex_);
    page.last_id = id_of(end_);
    return page;
  }
  Result<Positions> parsed = parse_id(after);
  if (!parsed) return std::unexpected(parsed.error());
  Positions& follower = *parsed;

  const std::lock_guard lock(mutex_);
  for (const auto& [partition, at] : follower) {
    const bool is_new = doubts_.size() < kMostDoubts || position(doubts_, partition) > 0;
    if (at > position(end_, partition) && is_new) advance(doubts_, Partition{partition}, at);
  }
  if (!covers(follower, before_first_) || is_denied(follower)) {
    page.reset = true;
    page.last_id = id_of(end_);
    return page;
  }
  // What it has not heard of each partition, in the order of pushes. Another node may have read the
  // partitions in another order, so that says nothing of what it has.
  using Rest = std::ranges::subrange<std::deque<Entry>::const_iterator>;
  std::vector<Rest> rests;
  for (const auto& [partition, entries] : entries_) {
    const auto begin =
        std::ranges::upper_bound(entries, position(follower, partition), {}, &Entry::next);
    if (begin != entries.end()) rests.emplace_back(begin, entries.end());
  }
  while (!rests.empty() && page.events.size() < max) {
    const auto rest =
        std::ranges::min_element(rests, {}, [](const Rest& each) { return each.front().number; });
    const Entry& entry = rest->front();
    for (const auto& [of, at] : entry.after) advance(follower, Partition{of}, at);
    page.events.push_back(Event{id_of(follower), entry.type, entry.data});
    rest->advance(1);
    if (rest->empty()) rests.erase(rest);
  }
  if (rests.empty()) {
    for (const auto& [of, at] : end_) advance(follower, Partition{of}, at);
  }
  page.last_id = id_of(follower);
  return page;
}

std::function<void()> Feed::subscribe(std::function<void()> wake) {
  const std::lock_guard lock(wake_mutex_);
  const std::uint64_t id = next_subscriber_++;
  subscribers_.emplace_back(id, std::move(wake));
  return [this, id] {
    const std::lock_guard inner(wake_mutex_);
    std::erase_if(subscribers_, [&](const auto& each) { return each.first == id; });
  };
}

}  // namespace vigie
