#include "pipeline/cli/config_retention.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "pipeline/core/ids.h"

namespace vigie {
namespace {

using std::chrono::hours;

// queue.social, queue.community and deadletter hold texts this long, of every network.
constexpr hours kShortest{7 * 24};
constexpr hours kLongest{35 * 24};

}  // namespace

TextRetention read_retention(const ConfigSection& top, const LogConfig& log) {
  TextRetention out;
  const YamlNode* node = top.find("retention");
  ConfigSource& source = top.source();
  if (node != nullptr && node->type != YamlNode::Type::Map) {
    top.refuse(*node, "retention",
               "expected a map of networks and durations, such as youtube: 30d");
    return out;
  }
  hours shortest = std::min(out.otherwise, out.by_network.at("youtube"));
  if (node != nullptr) {
    const ConfigSection section = ConfigSection::open(source, *node, "retention");
    for (const auto& [key, value] : node->entries) {
      const std::string& network = key.text;
      if (network != "default" && !is_network_name(network)) {
        source.refuse(key.mark, section.full(network),
                      "expected \"default\" or the name of a network such as \"youtube\"");
        continue;
      }
      const auto kept = section.duration(network, kLongest, kShortest, kLongest);
      if (kept % hours{1} != std::chrono::milliseconds{0}) {
        section.refuse(value, network, "expected whole hours");
        continue;
      }
      const auto whole = std::chrono::duration_cast<hours>(kept);
      (network == "default" ? out.otherwise : out.by_network[network]) = whole;
    }
    shortest = out.otherwise;
    for (const auto& [network, kept] : out.by_network) shortest = std::min(shortest, kept);
  }
  if (log.retention > shortest) {
    const YamlNode* in_log = top.find("log");
    if (in_log != nullptr) in_log = in_log->find("retention");
    const YamlNode* named = node != nullptr ? node : in_log;
    const Mark mark = named != nullptr ? named->mark : top.mark();
    source.refuse(
        mark, "retention",
        fmt::format("a text would be kept longer by log.retention: {} h there, {} h here",
                    std::chrono::duration_cast<hours>(log.retention).count(), shortest.count()));
  }
  return out;
}

}  // namespace vigie
