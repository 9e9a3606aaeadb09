#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/api/http.h"
#include "pipeline/api/server.h"
#include "pipeline/core/error.h"

namespace vigie {

// Who asks. The token is one of the options', which outlive it.
struct Principal {
  bool everything = false;  // no tokens are configured
  const ApiToken* token = nullptr;

  bool has(Role role) const;
};

// The SHA-256 of a text as 64 hex digits.
std::string sha256_hex(std::string_view text);

// Knows the bearer tokens. Any thread may call it.
class Authenticator {
 public:
  // Invalid when a token's hash, roles, networks or ops are wrong.
  static Result<void> check(const std::vector<ApiToken>& tokens);

  // `tokens` are checked and outlive this.
  explicit Authenticator(const std::vector<ApiToken>& tokens);

  // Who sent these headers; nobody, when there is no Authorization. Denied when there is one that
  // fits no token. Takes the same time whichever token fits.
  Result<Principal> principal(const Request& request) const;

 private:
  const std::vector<ApiToken>& tokens_;
  std::vector<std::string> hashes_;  // 32 bytes each, in the order of tokens_
};

}  // namespace vigie
