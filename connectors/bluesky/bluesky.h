#pragma once

#include "connectors/registry.h"

namespace vigie {

// Bluesky through Jetstream: every public post of the network, its edits and deletions, and what
// becomes of accounts.
extern const ConnectorKind kBlueskyKind;

}  // namespace vigie
