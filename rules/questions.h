#pragma once

#include <string_view>

#include "rules/words.h"

namespace vigie {

// Whether the text cut into `cut` asks something: it has `?` `？` `؟` or `¿` outside URLs and
// quotations, or a sentence of it starts with an interrogative of `lang` (BCP 47;
// rules/questions.yaml). Without a language only the signs count. A quotation is what stands
// between "…", “…” or «…» on one line; one that is not closed is none. What starts a sentence does
// so within a quotation, too.
bool is_question(const CutText& cut, std::string_view lang);

}  // namespace vigie
