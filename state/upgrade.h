#pragma once

#include "pipeline/core/error.h"
#include "state/store.h"

namespace vigie {

// Counts what a store of format 1 or 2 did not count yet (authors, places, hashtags and pairs) from
// its ledger, so that a message can be taken back whole. May be begun again after a crash. Called
// by Store::open before it marks the store as its own.
Result<void> count_newer_dimensions(Store& store);

}  // namespace vigie
