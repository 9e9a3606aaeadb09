#pragma once

#include <vector>

#include "pipeline/cli/config.h"
#include "pipeline/cli/config_section.h"

namespace vigie {

// Reads `connectors:` of the config, with the options of each kind as the kind itself checks them.
std::vector<ConnectorConfig> read_connectors(const ConfigSection& top);

}  // namespace vigie
