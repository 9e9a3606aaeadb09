#include "pipeline/net/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include <arpa/inet.h>
#include <sys/socket.h>

namespace vigie {
namespace {

using V6 = std::array<std::uint8_t, 16>;

struct Range4 {
  std::uint32_t first;
  unsigned bits;
};

// Everything IANA's special-purpose registry does not call globally reachable, and multicast.
constexpr Range4 kSpecial4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // shared by carriers
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local, and cloud metadata
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarks
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
};

bool is_public4(std::uint32_t address) {
  return std::ranges::none_of(kSpecial4, [&](const Range4& range) {
    return (address ^ range.first) >> (32 - range.bits) == 0;
  });
}

std::uint32_t read4(std::span<const std::uint8_t, 4> bytes) {
  return static_cast<std::uint32_t>(bytes[0]) << 24 | static_cast<std::uint32_t>(bytes[1]) << 16 |
         static_cast<std::uint32_t>(bytes[2]) << 8 | static_cast<std::uint32_t>(bytes[3]);
}

bool starts_with(const V6& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

bool is_public6(const V6& address) {
  const std::span<const std::uint8_t, 16> bytes(address);
  const auto last4 = bytes.last<4>();
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {
    return is_public4(read4(last4));  // mapped
  }
  if (starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return is_public4(read4(last4));  // ::, ::1 and compatible: 0.0.0.0/8 covers the first two
  }
  if (starts_with(address, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return is_public4(read4(last4));  // NAT64
  }
  if (starts_with(address, {0x20, 0x02})) return is_public4(read4(bytes.subspan<2, 4>()));  // 6to4
  if (starts_with(address, {0x20, 0x01}) && address[2] < 2) return false;  // Teredo and protocols
  if (starts_with(address, {0x20, 0x01, 0x0d, 0xb8})) return false;        // documentation
  if (starts_with(address, {0x3f, 0xff}) && address[2] < 0x10) return false;  // documentation
  return (address[0] & 0xe0) == 0x20;  // 2000::/3 is all of global unicast
}

std::optional<std::uint32_t> parse4(const std::string& text) {
  std::array<std::uint8_t, 4> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) != 1) return std::nullopt;
  return read4(bytes);
}

std::optional<V6> parse6(const std::string& text) {
  // A link-local address may end in %zone, which changes nothing about what it is.
  V6 bytes{};
  if (inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  return bytes;
}

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : +c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace

bool is_ip_address(std::string_view text) {
  const std::string copy(text);
  return parse4(copy) || parse6(copy);
}

bool is_public_address(std::string_view text) {
  const std::string copy(text);
  if (const auto v4 = parse4(copy)) return is_public4(*v4);
  const auto v6 = parse6(copy);
  return v6 && is_public6(*v6);
}

AddressPolicy::AddressPolicy(std::vector<std::string> allow_private)
    : allow_private_(std::move(allow_private)) {}

bool AddressPolicy::allows(std::string_view host, std::string_view address) const {
  return is_public_address(address) || std::ranges::any_of(allow_private_, [&](const auto& name) {
           return same_name(name, host);
         });
}

}  // namespace vigie
