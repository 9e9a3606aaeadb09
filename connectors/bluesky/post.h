#pragma once

#include <string_view>

#include "pipeline/core/error.h"
#include "pipeline/core/mention.h"

namespace simdjson::dom {
class object;  // NOLINT(readability-identifier-naming)
}

namespace vigie {

// Fills `mention` from an app.bsky.feed.post record: text, language, thread, kind and everything
// that facets and embeds carry. `mention.author.id` is set already. Fails with Invalid when a part
// that the meaning hangs on (text, reply) has another form than the lexicon's; decorations that do
// are left out. `created_at` stays empty when the record's is none. Private to this folder.
Result<void> read_post(const simdjson::dom::object& record, Mention& mention);

// The parts of at://authority/collection/key; empty ones when the text is none.
struct AtUri {
  std::string_view authority;
  std::string_view collection;
  std::string_view key;
  bool valid() const { return !key.empty(); }
};
AtUri parse_at_uri(std::string_view text);

// Whether `text` names an account: did:method:id, at most 256 bytes.
bool is_did(std::string_view text);

}  // namespace vigie
