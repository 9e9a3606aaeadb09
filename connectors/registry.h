#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "connectors/connector.h"
#include "pipeline/core/yaml.h"

namespace vigie {

// One entry of `connectors:` in the config: `name` is the operator's, `options` the map below it
// (with the keys that every connector has: kind, name, keep, rate), `file` names the config in
// messages.
struct ConnectorSettings {
  std::string name;
  std::string kind;
  const YamlNode* options = nullptr;  // outlives the call of `make` only
  std::string file;
};

// A kind of connector that Vigie pulls from. Webhooks are pushed to us and are not in this table.
struct ConnectorKind {
  std::string_view kind;       // as in the config
  std::string_view summary;    // one line for `vigie connectors list`
  bool whole_network = false;  // carries everybody's posts: `keep` is `matched` by default
  // Checks the options whole; a failure names file, line, column and what was expected.
  Result<std::unique_ptr<Connector>> (*make)(const ConnectorSettings& settings) = nullptr;
};

// The table of what exists, in the order it is shown.
std::span<const ConnectorKind> connector_kinds();

// The kind of that name, or nullptr.
const ConnectorKind* find_connector_kind(std::string_view kind);

}  // namespace vigie
