#include "pipeline/log/record_format.h"

#include <charconv>

#include <fmt/format.h>

namespace vigie {
namespace {

constexpr std::string_view kHead = R"({"v":)";

}  // namespace

std::optional<std::uint64_t> newer_format(std::string_view value) {
  if (!value.starts_with(kHead)) return std::nullopt;
  value.remove_prefix(kHead.size());
  std::uint64_t format = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), format);
  const bool is_whole =
      error == std::errc{} && end != value.data() + value.size() && (*end == ',' || *end == '}');
  return is_whole && format > kRecordFormat ? std::optional(format) : std::nullopt;
}

Result<void> check_format(std::string_view topic, Partition partition, Offset offset,
                          std::string_view value) {
  const auto format = newer_format(value);
  if (!format) return {};
  return fail(Code::Corrupt,
              fmt::format("log: {}/{} offset {}: the record is of format {}, this version reads "
                          "formats up to {}: upgrade this node; nodes of both versions may run "
                          "side by side once all of them read the newer format",
                          topic, number(partition), offset, *format, kRecordFormat));
}

}  // namespace vigie
