#include "pipeline/net/url.h"

#include <algorithm>

#include <boost/url.hpp>
#include <fmt/format.h>

namespace vigie {
namespace {

std::uint16_t own_port(std::string_view scheme) {
  return scheme == "https" || scheme == "wss" ? 443 : 80;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// What DNS names and IP addresses are written with; it also keeps zone ids and control characters
// out of what is later put into a request.
bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == ':';
}

void append_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
}

}  // namespace

std::string Url::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : fmt::format("[{}]", host);
  if (port != own_port(scheme)) out += fmt::format(":{}", port);
  return out;
}

Result<Url> parse_url(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::Invalid, fmt::format("URL \"{}\": {}", text.substr(0, 200), why));
  };
  const auto parsed = boost::urls::parse_uri(boost::urls::string_view(text.data(), text.size()));
  if (!parsed) return refuse("expected scheme://host[:port][/path]");
  Url url;
  url.scheme.assign(parsed->scheme().data(), parsed->scheme().size());
  std::ranges::transform(url.scheme, url.scheme.begin(), lower);
  if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" && url.scheme != "wss") {
    return refuse("expected the scheme http, https, ws or wss");
  }
  if (parsed->has_userinfo()) return refuse("a user name or password does not belong in a URL");
  if (parsed->has_fragment()) return refuse("a fragment cannot be asked for");
  url.host = parsed->host_address();
  std::ranges::transform(url.host, url.host.begin(), lower);
  if (url.host.empty()) return refuse("expected a host");
  if (!std::ranges::all_of(url.host, is_host_char)) {
    return refuse("expected a DNS name or an IP address as host");
  }
  url.port = own_port(url.scheme);
  if (parsed->has_port()) {
    url.port = parsed->port_number();
    if (url.port == 0) return refuse("expected a port from 1 to 65535");
  }
  const auto target = parsed->encoded_target();
  url.target.assign(target.data(), target.size());
  if (url.target.empty() || url.target.front() != '/') url.target.insert(0, 1, '/');
  return url;
}

void append_query(std::string& target, std::string_view key, std::string_view value) {
  target += target.find('?') == std::string::npos ? '?' : '&';
  append_encoded(target, key);
  target += '=';
  append_encoded(target, value);
}

}  // namespace vigie
