#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/core/clock.h"
#include "pipeline/core/error.h"

namespace vigie {

// The key of one sender or receiver of Standard Webhooks.
class WebhookSecret {
 public:
  // Reads `whsec_` + base64 of 24 to 64 bytes. A failure never repeats the text.
  static Result<WebhookSecret> parse(std::string_view text);

  // "v1," + base64 of HMAC-SHA-256 over `id.timestamp.body`.
  std::string sign(std::string_view id, Time timestamp, std::string_view body) const;

  // HMAC-SHA-256 over `id.timestamp.body`, the timestamp as it is written in the header.
  using Mac = std::array<std::uint8_t, 32>;
  Mac mac(std::string_view id, std::string_view timestamp, std::string_view body) const;

 private:
  explicit WebhookSecret(std::string key) : key_(std::move(key)) {}

  std::string key_;
};

// The headers `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` (a list,
// separated by spaces) as received.
struct WebhookHeaders {
  std::string_view id;
  std::string_view timestamp;
  std::string_view signature;
};

// Checks that a body comes from who holds one of the secrets and is no replay of an old one. Any
// thread may call it.
class WebhookVerifier {
 public:
  // Several secrets serve the time of a change of secrets. `clock` says when a body arrives.
  WebhookVerifier(std::vector<WebhookSecret> secrets, Clock clock,
                  std::chrono::seconds tolerance = std::chrono::minutes{5});

  // Fails with Denied and what is wrong: a header that is missing or out of form, a timestamp
  // further from now than the tolerance, no signature that fits. Signatures of other versions than
  // v1 are passed over. Takes the same time wherever a signature differs.
  Result<void> verify(const WebhookHeaders& headers, std::string_view body) const;

 private:
  std::vector<WebhookSecret> secrets_;
  Clock clock_;
  std::chrono::seconds tolerance_;
};

}  // namespace vigie
