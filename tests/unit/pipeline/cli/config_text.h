#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "pipeline/cli/config.h"

namespace vigie {

inline constexpr const char* kWebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

inline Environment variables(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

inline Result<Config> parse(std::string_view text, const Environment& environment = variables({})) {
  return parse_config(text, "etc/vigie.yaml", environment);
}

// The config with the one key that every config needs.
inline Result<Config> parse_rest(std::string_view rest,
                                 const Environment& environment = variables({})) {
  return parse("rules: r.yaml\n" + std::string(rest), environment);
}

inline std::string error_of(const Result<Config>& result) {
  return result ? "no error" : result.error().message;
}

}  // namespace vigie
