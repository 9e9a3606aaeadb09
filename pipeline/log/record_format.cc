#include "pipeline/log/record_format.h"

#include <charconv>

#include <fmt/format.h>

namespace vigie {
namespace {

constexpr std::string_view kHead = R"({"v":)";

}  // namespace

std::uint64_t newest_format(Topic topic) {
  return topic == Topic::Counters ? 2 : 1;  // the cuts in it
}

std::optional<std::uint64_t> told_format(std::string_view value) {
  if (!value.starts_with(kHead)) return std::nullopt;
  value.remove_prefix(kHead.size());
  std::uint64_t format = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), format);
  const bool is_whole =
      error == std::errc{} && end != value.data() + value.size() && (*end == ',' || *end == '}');
  return is_whole ? std::optional(format) : std::nullopt;
}

Result<void> check_format(Topic topic, std::string_view name, Partition partition, Offset offset,
                          std::string_view value) {
  if (topic == Topic::Mentions) return {};
  const auto format = told_format(value);
  if (!format || *format <= newest_format(topic)) return {};
  return fail(Code::Corrupt,
              fmt::format("log: {}/{} offset {}: the record is of format {}, this version reads "
                          "formats up to {}: a newer version wrote it; upgrade this node",
                          name, number(partition), offset, *format, newest_format(topic)));
}

}  // namespace vigie
