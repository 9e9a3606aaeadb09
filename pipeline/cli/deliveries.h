#pragma once

#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "pipeline/api/server.h"
#include "pipeline/core/error.h"

namespace vigie {

// What a POST brought, on its way from the API to the log. The webhook connector reads it.
Result<Delivery> read_delivery(std::string_view body, const Grant& grant);
// Mentions, then what was refused; takes them out of the delivery.
std::vector<Item> items_of(Delivery& delivery);

}  // namespace vigie
