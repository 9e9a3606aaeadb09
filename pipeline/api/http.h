#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/core/error.h"

namespace vigie {

// A request as the answers see it: everything decoded and checked as UTF-8, nothing of Beast.
struct Request {
  std::string method;  // "GET"
  std::string path;    // as sent, percent-encoded, without the query
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::vector<std::string> captures;                         // what the route's {parts} hold
  std::string body;

  // Empty when the request has no such header.
  std::string_view header(std::string_view name) const;
  std::optional<std::string_view> param(std::string_view name) const;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// The standard phrase of a status.
std::string_view reason_phrase(unsigned status);

// RFC 9457. `detail` is valid UTF-8.
Response problem(unsigned status, std::string_view detail);
// One status a code: the only place that decides it.
Response problem(const Error& error);
// A problem with one more member, `name`, whose value is JSON.
Response problem(unsigned status, std::string_view detail, std::string_view name,
                 std::string_view json);

// Splits a request target into path and query. Invalid when it is no path, or when a part is not
// percent-encoded UTF-8, or a parameter comes twice.
Result<void> parse_target(std::string_view target, Request& out);

// Empty when the text is not percent-encoded UTF-8. In queries `+` is a space.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace vigie
