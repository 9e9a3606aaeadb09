#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace vigie {

// Lines of Jetstream's first wire, made up.

inline constexpr std::int64_t kStart = 1'780'000'000'000'000;
inline constexpr std::string_view kRev = "3mptbypluud2a";

inline std::string tid(std::int64_t number) {
  constexpr std::string_view kDigits = "234567abcdefghijklmnopqrstuvwxyz";
  std::string text(13, '2');
  for (std::size_t i = 13; i-- > 0; number >>= 5) {
    text[i] = kDigits[static_cast<std::size_t>(number & 31)];
  }
  return text;
}

inline std::string v1(std::string_view kind, std::string_view body, std::int64_t micros = kStart,
                      std::string_view did = "did:plc:ana") {
  return fmt::format(R"({{"did":"{}","time_us":{},"kind":"{}","{}":{}}})", did, micros, kind, kind,
                     body);
}

inline std::string change(std::string_view operation, std::string_view record,
                          std::string_view key = "k1", std::string_view rev = kRev) {
  return fmt::format(
      R"({{"rev":"{}","operation":"{}","collection":"app.bsky.feed.post","rkey":"{}","record":{}}})",
      rev, operation, key, record.empty() ? "null" : record);
}

inline std::string post(std::string_view rest) {
  return fmt::format(R"({{"$type":"app.bsky.feed.post","createdAt":"2026-05-28T20:00:00Z",{}}})",
                     rest);
}

}  // namespace vigie
