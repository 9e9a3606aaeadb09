// Any bytes are a mention or are refused; a mention that is written and read again is the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pipeline/core/mention.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static vigie::MentionReader reader;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mention = reader.read(text);
  if (!mention) {
    if (mention.error().message.empty()) std::abort();
    return 0;
  }
  std::string json;
  vigie::append_json(json, *mention);
  // Escapes may make the text longer than a mention may be.
  if (json.size() > vigie::kMaxMentionBytes) return 0;
  const auto again = reader.read(json);
  if (!again || !(*again == *mention)) std::abort();
  if (content_hash(*again) != content_hash(*mention)) std::abort();
  if (key_of(*again) != key_of(*mention)) std::abort();
  return 0;
}
