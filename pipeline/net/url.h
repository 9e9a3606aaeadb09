#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/core/error.h"

namespace vigie {

// An absolute address of a server: what to connect to and what to ask for.
struct Url {
  std::string scheme;      // "http", "https", "ws" or "wss"
  std::string host;        // a name or an IP address in lower case, without brackets
  std::uint16_t port = 0;  // the scheme's own when the text has none
  std::string target;      // path and query, still encoded; at least "/"

  bool secure() const { return scheme == "https" || scheme == "wss"; }
  // "host" or "host:port" as a Host header has it: the scheme's own port is left out.
  std::string authority() const;
};

// Fails with Invalid: another scheme, no host, a user name or password, a fragment.
Result<Url> parse_url(std::string_view text);

// Adds `key=value` to the query of `target`, both percent-encoded.
void append_query(std::string& target, std::string_view key, std::string_view value);

}  // namespace vigie
