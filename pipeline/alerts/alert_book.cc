#include "pipeline/alerts/alert_book.h"

#include <algorithm>
#include <tuple>

namespace vigie {

Result<bool> AlertBook::fold(std::string_view key, std::optional<std::string_view> value) {
  // Parsed before the lock: a broken record costs readers nothing and changes nothing.
  std::optional<Alert> alert;
  if (value) {
    auto parsed = parse_alert(*value);
    if (!parsed) return std::unexpected(parsed.error());
    if (parsed->id != key) {
      return fail(Code::Corrupt, "alerts: a record's key is not its alert's id");
    }
    alert = std::move(*parsed);
  }

  const std::lock_guard lock(mutex_);
  auto entry = entries_.find(key);
  if (!alert) {
    const bool is_known = entry != entries_.end();
    if (is_known) forget(entry);
    return is_known;
  }
  if (entry == entries_.end()) entry = entries_.try_emplace(std::string(key)).first;
  // Of a new entry it is empty, which no alert is.
  if (entry->second.json == *value) return false;
  if (entry->second.state == AlertState::Resolved) {
    // An older record that comes again opens nothing.
    if (alert->state == AlertState::Firing) return false;
    entry->second.json = *value;
    return true;
  }
  entry->second.kind = alert->kind;
  entry->second.state = alert->state;
  entry->second.started_at = alert->started_at;
  entry->second.json = *value;
  if (alert->state == AlertState::Firing) return true;
  resolved_.push_front(entry->first);
  entry->second.place = resolved_.begin();
  while (resolved_.size() > resolved_kept_) forget(entries_.find(resolved_.back()));
  return true;
}

void AlertBook::forget(Entries::iterator entry) {
  if (entry->second.state == AlertState::Resolved) resolved_.erase(entry->second.place);
  entries_.erase(entry);
}

std::vector<std::string> AlertBook::firing() const {
  std::vector<std::tuple<Time, std::string, std::string>> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, entry] : entries_) {
      if (entry.state == AlertState::Firing) found.emplace_back(entry.started_at, id, entry.json);
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    if (std::get<0>(a) != std::get<0>(b)) return std::get<0>(a) > std::get<0>(b);
    return std::get<1>(a) < std::get<1>(b);
  });
  std::vector<std::string> out;
  out.reserve(found.size());
  for (auto& alert : found) out.push_back(std::move(std::get<2>(alert)));
  return out;
}

std::vector<std::string> AlertBook::resolved(std::size_t max) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const std::string& id : resolved_) {
    if (out.size() == max) break;
    out.push_back(entries_.find(id)->second.json);
  }
  return out;
}

std::optional<std::string> AlertBook::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return std::nullopt;
  return entry->second.json;
}

std::vector<AlertBook::Count> AlertBook::counts() const {
  const std::lock_guard lock(mutex_);
  const std::size_t resolved = resolved_.size();
  return {{AlertKind::Surge, AlertState::Firing, entries_.size() - resolved},
          {AlertKind::Surge, AlertState::Resolved, resolved}};
}

}  // namespace vigie
