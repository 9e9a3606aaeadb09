#include "pipeline/log/text_retention.h"

#include <optional>

#include "pipeline/log/event_log.h"

namespace vigie {
namespace {

// A quotation mark inside a string is escaped, so this stands for the field alone.
std::optional<Time> seen_at_of(std::string_view tagged) {
  constexpr std::string_view kField = R"("seen_at":")";
  const std::size_t found = tagged.find(kField);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view rest = tagged.substr(found + kField.size());
  return parse_time(rest.substr(0, rest.find('"')));
}

}  // namespace

std::chrono::hours TextRetention::of(std::string_view network) const {
  const auto found = by_network.find(network);
  return found == by_network.end() ? otherwise : found->second;
}

bool TextRetention::expired(std::string_view key, std::string_view tagged, Time stream_time) const {
  const auto seen_at = seen_at_of(tagged);
  return seen_at && *seen_at + of(key.substr(0, key.find('/'))) <= stream_time;
}

bool TextRetention::expired_row(std::string_view key, std::string_view value,
                                Time stream_time) const {
  if (key.size() < 2 || static_cast<Topic>(key[1]) != Topic::Tagged || value.size() < kLatestHead) {
    return false;
  }
  return expired(key.substr(2), value.substr(kLatestHead), stream_time);
}

}  // namespace vigie
