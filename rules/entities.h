#pragma once

#include <string_view>
#include <vector>

#include "rules/words.h"

namespace vigie {

// Finds the URLs, handles, hashtags, cashtags and emoji of `text`, in its order and not
// overlapping, and puts them into `found` in place of what it held; `folded` stays empty. `network`
// chooses how handles are read. Any bytes; any thread.
void find_entities(std::string_view text, std::string_view network, std::vector<Word>& found);

// The part of an entity that is folded: without the sigil of a hashtag, handle or cashtag.
std::string_view without_sigil(WordKind kind, std::string_view written);

}  // namespace vigie
