#include "connectors/registry.h"

#include <array>

#include "connectors/bluesky/bluesky.h"
#include "connectors/generate/generate.h"
#include "connectors/replay/replay.h"

namespace vigie {

std::span<const ConnectorKind> connector_kinds() {
  static const std::array kKinds = {kReplayKind, kGenerateKind, kBlueskyKind};
  return kKinds;
}

const ConnectorKind* find_connector_kind(std::string_view kind) {
  for (const ConnectorKind& known : connector_kinds()) {
    if (known.kind == kind) return &known;
  }
  return nullptr;
}

}  // namespace vigie
