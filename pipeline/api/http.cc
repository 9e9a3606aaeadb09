#include "pipeline/api/http.h"

#include <algorithm>

#include <fmt/format.h>
#include <simdjson.h>

#include "pipeline/core/json.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxParams = 32;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

unsigned status_of(Code code) {
  switch (code) {
    case Code::Invalid:
      return 400;
    case Code::NotFound:
      return 404;
    case Code::Denied:
      return 403;
    case Code::Throttled:
      return 429;
    case Code::Unavailable:
    case Code::Closed:
      return 503;
    case Code::Corrupt:
      return 500;
  }
  return 500;
}

std::string problem_body(unsigned status, std::string_view detail) {
  std::string body;
  JsonWriter json(body);
  json.begin_object().field("type", "about:blank").field("title", reason_phrase(status));
  json.field("status", std::int64_t{status}).field("detail", detail).end_object();
  return body;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::string_view> Request::param(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

Response problem(unsigned status, std::string_view detail) {
  Response response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = problem_body(status, detail);
  return response;
}

Response problem(unsigned status, std::string_view detail, std::string_view name,
                 std::string_view json) {
  Response response = problem(status, detail);
  response.body.pop_back();
  response.body += ',';
  append_json_string(response.body, name);
  response.body.append(":").append(json).append("}");
  return response;
}

Response problem(const Error& error) {
  Response response = problem(status_of(error.code), error.message);
  if (response.status == 429 || response.status == 503) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(error.retry_after).count();
    response.headers.emplace_back("Retry-After", fmt::format("{}", std::max<long>(seconds, 1)));
  }
  return response;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!simdjson::validate_utf8(out)) return std::nullopt;
  return out;
}

Result<void> parse_target(std::string_view target, Request& out) {
  if (target.empty() || target[0] != '/') return fail(Code::Invalid, "target: expected a path");
  const std::size_t mark = target.find('?');
  out.path = target.substr(0, mark);
  if (!percent_decode(out.path, false)) {
    return fail(Code::Invalid, "target: the path is not percent-encoded UTF-8");
  }
  if (mark == std::string_view::npos) return {};
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1), true);
    if (!name || !value) {
      return fail(Code::Invalid, "target: the query is not percent-encoded UTF-8");
    }
    if (out.param(*name)) return fail(Code::Invalid, "query: parameter given twice: " + *name);
    if (out.query.size() == kMaxParams) return fail(Code::Invalid, "query: too many parameters");
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

}  // namespace vigie
