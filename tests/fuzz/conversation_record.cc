// Any bytes are a record of a conversation or are refused, and so is the stored form of an item
// that a snapshot brings; what is written and read again is the same.
#include "state/conversation_record.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "state/conversation.h"

namespace {

constexpr std::string_view kConversation = "bluesky/at://did:plc:abc/app.bsky.feed.post/3k";

void check_item(std::string_view bytes) {
  vigie::Conversation item;
  if (!vigie::decode(kConversation, bytes, item)) return;
  const std::string stored = encode(item);
  vigie::Conversation again;
  if (!vigie::decode(kConversation, stored, again) || encode(again) != stored) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_item(text);
  const auto record = vigie::parse_conversation_record(kConversation, text);
  if (!record) {
    if (record.error().message.empty()) std::abort();
    return 0;
  }
  std::string json;
  append_json(json, *record);
  const auto again = vigie::parse_conversation_record(kConversation, json);
  if (!again) std::abort();
  std::string same;
  append_json(same, *again);
  if (same != json) std::abort();
  check_item(record->item);
  return 0;
}
