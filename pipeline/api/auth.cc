#include "pipeline/api/auth.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "pipeline/core/ids.h"
#include "pipeline/core/mention.h"

namespace vigie {
namespace {

constexpr std::size_t kHashBytes = 32;

std::string sha256(std::string_view text) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Empty when the text is not 64 hex digits.
std::string parse_hash(std::string_view text) {
  if (text.size() != 2 * kHashBytes) return {};
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

bool is_bearer(std::string_view scheme) {
  constexpr std::string_view kBearer = "bearer";
  return std::ranges::equal(scheme, kBearer, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

}  // namespace

std::string sha256_hex(std::string_view text) {
  const std::string digest = sha256(text);
  return hex(reinterpret_cast<const std::uint8_t*>(digest.data()), digest.size());
}

bool Principal::has(Role role) const {
  if (everything) return true;
  return token != nullptr && std::ranges::find(token->roles, role) != token->roles.end();
}

Result<void> Authenticator::check(const std::vector<ApiToken>& tokens) {
  for (const ApiToken& token : tokens) {
    const std::string where = "api token " + token.name + ": ";
    if (parse_hash(token.sha256_hex).empty()) {
      return fail(Code::Invalid, where + "expected a SHA-256 of 64 hex digits");
    }
    if (token.roles.empty()) return fail(Code::Invalid, where + "no roles");
    for (const std::string& network : token.networks) {
      if (!is_network_name(network)) {
        return fail(Code::Invalid, fmt::format("{}no network name: {}", where, network));
      }
    }
    for (const std::string& op : token.ops) {
      const std::optional<Op> parsed = parse_op(op);
      if (!parsed || *parsed == Op::Tick)
        return fail(Code::Invalid, fmt::format("{}no op: {}", where, op));
    }
  }
  return {};
}

Authenticator::Authenticator(const std::vector<ApiToken>& tokens) : tokens_(tokens) {
  for (const ApiToken& token : tokens) hashes_.push_back(parse_hash(token.sha256_hex));
}

Result<Principal> Authenticator::principal(const Request& request) const {
  Principal who;
  if (tokens_.empty()) {
    who.everything = true;
    return who;
  }
  const std::string_view header = request.header("authorization");
  if (header.empty()) return who;
  const std::size_t space = header.find(' ');
  if (space == std::string_view::npos || !is_bearer(header.substr(0, space))) {
    return fail(Code::Denied, "authorization: expected a bearer token");
  }
  std::string_view secret = header.substr(space + 1);
  while (secret.starts_with(' ')) secret.remove_prefix(1);
  const std::string hash = sha256(secret);
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (CRYPTO_memcmp(hash.data(), hashes_[i].data(), kHashBytes) == 0) who.token = &tokens_[i];
  }
  if (who.token == nullptr) return fail(Code::Denied, "authorization: unknown token");
  return who;
}

}  // namespace vigie
