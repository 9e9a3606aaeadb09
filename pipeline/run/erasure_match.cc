#include "pipeline/run/erasure_match.h"

#include <algorithm>
#include <vector>

#include <openssl/evp.h>
#include <simdjson.h>

#include "state/conversation_record.h"
#include "state/cut.h"
#include "state/queues.h"

namespace vigie {
namespace {

std::string from_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(std::max(size, 0)));
  return out;
}

// Every string that follows `"name":` in what may be no JSON.
std::vector<std::string_view> strings_of(std::string_view text, std::string_view name) {
  std::vector<std::string_view> out;
  const std::string quoted = '"' + std::string(name) + '"';
  constexpr std::string_view kBetween = " \t\r\n:";
  for (std::size_t at = text.find(quoted); at != std::string_view::npos;
       at = text.find(quoted, at + 1)) {
    const std::size_t begin = text.find_first_not_of(kBetween, at + quoted.size());
    if (begin == std::string_view::npos || text[begin] != '"') continue;
    const std::size_t end = text.find('"', begin + 1);
    if (end != std::string_view::npos) out.push_back(text.substr(begin + 1, end - begin - 1));
  }
  return out;
}

}  // namespace

void ErasureMatch::add(const Erasure& erasure) {
  Time& until = authors_[erasure.author];
  until = std::max(until, erasure.asked_at);
  messages_.insert(erasure.messages.begin(), erasure.messages.end());
}

bool ErasureMatch::is_erased(std::string_view network, std::string_view author_id,
                             std::optional<Time> seen_at) const {
  const auto found = authors_.find(keys_.of(network, author_id));
  if (found == authors_.end() || found->second == Time{}) return false;
  return !seen_at || *seen_at <= found->second;
}

// A mention as logged, tagged or routed.
bool ErasureMatch::holds_mention(std::string_view value) const {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view network;
  if (parser.parse(value.data(), value.size(), true).get(object) ||
      object["network"].get(network)) {
    return false;
  }
  std::string_view id;
  if (!object["id"].get(id) && messages_.contains(std::string(network).append("/").append(id))) {
    return true;
  }
  std::string_view author;
  if (object["author"]["id"].get(author)) return false;
  std::string_view seen_at;
  std::optional<Time> time;
  if (!object["seen_at"].get(seen_at)) time = parse_time(seen_at);
  return is_erased(network, author, time);
}

// A snapshot is of a whole item: it stays, without what was the author's, unless that was all.
EmbeddedLog::Verdict ErasureMatch::judge_conversation(std::string_view key,
                                                      std::string_view value) const {
  EmbeddedLog::Verdict verdict;
  auto record = parse_conversation_record(key, value);
  if (!record) return verdict;
  if (record->type != ConversationRecord::Type::Snapshot) {
    verdict.drop = messages_.contains(record->message.key);
    return verdict;
  }
  auto without = item_without(key, record->item, messages_);
  if (!without) return verdict;
  verdict.drop = without->empty();
  if (verdict.drop) return verdict;
  record->item = std::move(*without);
  append_json(verdict.value.emplace(), *record);
  return verdict;
}

// What could not be read may still name its author. Strings with escapes are not found: these are
// forgotten by retention.
bool ErasureMatch::holds_dead_letter(std::string_view value) const {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view head;
  if (parser.parse(value.data(), value.size(), true).get(object) ||
      object["head_base64"].get(head)) {
    return false;
  }
  std::string_view seen_at;
  std::optional<Time> time;
  if (!object["seen_at"].get(seen_at)) time = parse_time(seen_at);
  const std::string bytes = from_base64(head);
  const std::vector<std::string_view> ids = strings_of(bytes, "id");
  return std::ranges::any_of(strings_of(bytes, "network"), [&](std::string_view network) {
    return std::ranges::any_of(ids,
                               [&](std::string_view id) { return is_erased(network, id, time); });
  });
}

EmbeddedLog::Verdict ErasureMatch::judge_cut(std::optional<std::string_view> value) const {
  EmbeddedLog::Verdict verdict;
  if (!value) return verdict;
  for (const auto& [author, until] : authors_) {
    std::uint64_t name = 0;
    for (std::size_t i = 0; i < 8; ++i) name = name << 8 | author[i];
    auto without = cut_without(verdict.value ? *verdict.value : *value, name);
    if (without) verdict.value = std::move(without);
  }
  return verdict;
}

EmbeddedLog::Verdict ErasureMatch::judge(std::string_view key,
                                         std::optional<std::string_view> value) const {
  EmbeddedLog::Verdict verdict;
  switch (topic_) {
    case Topic::Mentions:
    case Topic::Tagged:
      verdict.drop = messages_.contains(key) || (value && holds_mention(*value));
      break;
    case Topic::QueueSocial:
    case Topic::QueueCommunity:
      verdict.drop = value && holds_mention(*value);
      break;
    case Topic::Conversations:
      if (value) return judge_conversation(key, *value);
      break;
    case Topic::Authors:
      // Who wrote again since is told anew, and that is newer than this tombstone.
      verdict.drop = !value && std::ranges::any_of(authors_, [&](const auto& author) {
        return hex(author.first) == key;
      });
      break;
    case Topic::Counters:
      if (is_cut_key(key)) return judge_cut(value);
      break;
    case Topic::Deadletter:
      verdict.drop = value && holds_dead_letter(*value);
      break;
    default:
      break;
  }
  return verdict;
}

}  // namespace vigie
