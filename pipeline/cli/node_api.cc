#include "pipeline/cli/node_api.h"

#include <string>
#include <utility>
#include <vector>

#include "pipeline/cli/deliveries.h"
#include "pipeline/run/action_desk.h"
#include "pipeline/run/erasures.h"
#include "pipeline/run/ingest.h"
#include "pipeline/run/rules_source.h"
#include "pipeline/run/view.h"

namespace vigie {
namespace {

ViewParts view_parts(View& view) {
  return ViewParts{.queues = view.queues(),
                   .social = view.social(),
                   .community = view.community(),
                   .alerts = view.alert_feed(),
                   .counters = view.counters(),
                   .author_sets = view.author_sets(),
                   .first_seen = view.first_seen(),
                   .as_of = [&view] { return view.as_of(); },
                   .tagged = [&view](std::string_view key) { return view.tagged(key); },
                   .firing = [&view] { return view.alerts().firing(); }};
}

Result<Accepted> accept(Ingest& ingest, const Config& config, Delivery delivery) {
  IngestOptions options;
  options.detect_lang = config.detect_lang;
  auto outcome = ingest.accept(delivery.connector, items_of(delivery), "", options);
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  return Accepted{outcome->logged, outcome->dropped, outcome->dead_lettered};
}

Result<std::string> erase_author(Ingest& ingest, Erasures& erasures, const std::string& network,
                                 const std::string& id) {
  Mention mention;
  mention.op = Op::EraseAuthor;
  mention.network = network;
  mention.author.id = id;
  std::vector<Item> items;
  items.emplace_back(std::move(mention));
  auto outcome = ingest.accept("api", std::move(items), "", {});
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  return erasures.id_of(network, id);
}

}  // namespace

ApiParts api_parts(const NodeParts& node) {
  ApiParts parts{.view = std::nullopt, .registry = node.registry, .clock = system_clock()};
  if (node.view != nullptr) parts.view.emplace(view_parts(*node.view));
  if (node.roles.ingest) {
    parts.read = read_delivery;
    parts.accept = [&ingest = node.ingest, &config = node.config](Delivery delivery) {
      return accept(ingest, config, std::move(delivery));
    };
    parts.erase_author = [&ingest = node.ingest, &erasures = node.erasures](
                             const std::string& network, const std::string& id) {
      return erase_author(ingest, erasures, network, id);
    };
  }
  parts.author_key = [&keys = node.keys](std::string_view network, std::string_view id) {
    return keys.of(network, id);
  };
  if (node.desk != nullptr) {
    parts.act = [desk = node.desk](ConversationRecord action) {
      return desk->act(std::move(action));
    };
  }
  parts.erasure = [&erasures = node.erasures](std::string_view id) {
    return erasure_json(erasures, id);
  };
  parts.rules = [&rules = node.rules] { return rules.current(); };
  parts.explainer = [&rules = node.rules] { return rules.explainer(); };
  parts.readiness = node.readiness;
  return parts;
}

}  // namespace vigie
