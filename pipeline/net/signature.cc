#include "pipeline/net/signature.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <tuple>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace vigie {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr std::size_t kLeastKeyBytes = 24;
constexpr std::size_t kMostKeyBytes = 64;
// More signatures than a change of secrets ever needs; each costs an HMAC comparison.
constexpr std::size_t kMostSignatures = 32;
constexpr std::size_t kMacBytes = std::tuple_size_v<WebhookSecret::Mac>;

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// Strict: whole groups of four, padding at the end only and no stray bits, so that one key has one
// spelling.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>(bits >> held & 0xff);
  }
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return out;
}

std::string encode_base64(std::span<const std::uint8_t> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // Twelve digits reach the year 33658 and stay far from the edge of microseconds in 64 bits.
  if (code != std::errc{} || end != text.data() + text.size() || text.size() > 12 || seconds < 0) {
    return std::nullopt;
  }
  return seconds;
}

// The v1 signatures in a header, decoded.
std::vector<std::string> read_signatures(std::string_view header) {
  std::vector<std::string> out;
  while (!header.empty() && out.size() < kMostSignatures) {
    const std::string_view entry = header.substr(0, header.find(' '));
    header.remove_prefix(std::min(header.size(), entry.size() + 1));
    if (!entry.starts_with("v1,")) continue;
    if (auto bytes = decode_base64(entry.substr(3)); bytes && bytes->size() == kMacBytes) {
      out.push_back(*std::move(bytes));
    }
  }
  return out;
}

}  // namespace

Result<WebhookSecret> WebhookSecret::parse(std::string_view text) {
  if (!text.starts_with(kPrefix)) {
    return fail(Code::Invalid, "webhook secret: expected whsec_ and base64");
  }
  const auto key = decode_base64(text.substr(kPrefix.size()));
  if (!key) return fail(Code::Invalid, "webhook secret: expected base64 after whsec_");
  if (key->size() < kLeastKeyBytes || key->size() > kMostKeyBytes) {
    return fail(Code::Invalid,
                fmt::format("webhook secret: expected {} to {} bytes in base64, found {}",
                            kLeastKeyBytes, kMostKeyBytes, key->size()));
  }
  return WebhookSecret(*key);
}

std::string WebhookSecret::sign(std::string_view id, Time timestamp, std::string_view body) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timestamp).time_since_epoch();
  return "v1," + encode_base64(mac(id, fmt::format("{}", seconds.count()), body));
}

WebhookSecret::Mac WebhookSecret::mac(std::string_view id, std::string_view timestamp,
                                      std::string_view body) const {
  std::string text;
  text.reserve(id.size() + timestamp.size() + body.size() + 2);
  text.append(id).append(1, '.').append(timestamp).append(1, '.').append(body);
  Mac out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return out;
}

WebhookVerifier::WebhookVerifier(std::vector<WebhookSecret> secrets, Clock clock,
                                 std::chrono::seconds tolerance)
    : secrets_(std::move(secrets)), clock_(std::move(clock)), tolerance_(tolerance) {}

Result<void> WebhookVerifier::verify(const WebhookHeaders& headers, std::string_view body) const {
  if (headers.id.empty() || headers.timestamp.empty() || headers.signature.empty()) {
    return fail(Code::Denied,
                "webhook: expected the headers webhook-id, webhook-timestamp, webhook-signature");
  }
  const auto seconds = parse_seconds(headers.timestamp);
  if (!seconds) return fail(Code::Denied, "webhook-timestamp: expected seconds since 1970");
  const auto distance = std::chrono::abs(clock_() - Time{std::chrono::seconds{*seconds}});
  if (distance > tolerance_) {
    return fail(Code::Denied,
                fmt::format("webhook-timestamp: {} s from now, at most {} s allowed",
                            std::chrono::floor<std::chrono::seconds>(distance).count(),
                            tolerance_.count()));
  }
  const std::vector<std::string> signatures = read_signatures(headers.signature);
  bool fits = false;
  for (const WebhookSecret& secret : secrets_) {
    const WebhookSecret::Mac mac = secret.mac(headers.id, headers.timestamp, body);
    for (const std::string& signature : signatures) {
      fits |= CRYPTO_memcmp(mac.data(), signature.data(), kMacBytes) == 0;
    }
  }
  if (!fits) return fail(Code::Denied, "webhook-signature: no signature fits");
  return {};
}

}  // namespace vigie
