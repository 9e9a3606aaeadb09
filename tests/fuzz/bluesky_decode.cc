// Frames of Jetstream: the first byte chooses the wire. Whatever comes out is a mention that reads
// back, or says why not.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "connectors/bluesky/cursor.h"
#include "connectors/bluesky/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static vigie::JetstreamDecoder decoders[] = {vigie::JetstreamDecoder(vigie::JetstreamWire::V1),
                                               vigie::JetstreamDecoder(vigie::JetstreamWire::V2)};
  static vigie::MentionReader reader;
  const std::string_view frame(reinterpret_cast<const char*>(data) + 1, size - 1);
  const vigie::JetstreamEvent event = decoders[data[0] & 1].decode(frame, "");
  if (event.item) {
    if (const auto* mention = std::get_if<vigie::Mention>(&*event.item)) {
      std::string json;
      vigie::append_json(json, *mention);
      if (json.size() <= vigie::kMaxMentionBytes && !reader.read(json)) std::abort();
    } else if (std::get<vigie::Undecodable>(*event.item).reason.empty()) {
      std::abort();
    }
  }
  vigie::JetstreamCursor cursor;
  cursor.advance(event, "host", vigie::Time{std::chrono::microseconds{1'800'000'000'000'000}});
  if (!cursor.empty() && !vigie::parse_cursor(cursor.text())) std::abort();
  (void)vigie::parse_cursor(frame);
  return 0;
}
