#pragma once

#include <string_view>

namespace vigie {

// The end of the URL of `text` that starts at `begin`, by the rules of twitter-text but for the
// list of top-level domains; null when none starts there.
//
// With `http://` or `https://` a host may be in any script, and its top label is any of two letters
// or more.
const char* url_end_with_scheme(std::string_view text, const char* begin);
// Without a scheme the host is Latin and stands after `www.`, has a path, or is under a listed
// top-level domain.
const char* url_end_without_scheme(std::string_view text, const char* begin);

// Where a host without a scheme starts whose first dot is at `dot`, looking back no further than
// `floor`; null when what stands before the dot, or before the host, forbids one.
const char* host_start_before(std::string_view text, const char* floor, const char* dot);

}  // namespace vigie
