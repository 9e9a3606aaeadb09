#include "pipeline/cli/deliveries.h"

#include <utility>

#include <fmt/format.h>

#include "connectors/webhook/webhook.h"

namespace vigie {

Result<Delivery> read_delivery(std::string_view body, const Grant& grant) {
  auto read = read_webhook(body, {grant.connector, grant.everything, grant.networks, grant.ops});
  if (!read) return std::unexpected(std::move(read.error()));
  Delivery delivery;
  delivery.connector = grant.connector;
  delivery.mentions = std::move(read->mentions);
  for (WebhookItemError& error : read->errors) {
    const bool denied = error.reason == WebhookItemError::Reason::NotAllowed;
    delivery.refused.push_back(
        {error.index, std::move(error.message), std::move(error.bytes), denied});
  }
  return delivery;
}

std::vector<Item> items_of(Delivery& delivery) {
  std::vector<Item> items;
  items.reserve(delivery.mentions.size() + delivery.refused.size());
  for (Mention& mention : delivery.mentions) items.emplace_back(std::move(mention));
  for (Delivery::Refused& refused : delivery.refused) {
    items.emplace_back(Undecodable{.reason = std::move(refused.reason),
                                   .position = fmt::format("item {}", refused.index),
                                   .bytes = std::move(refused.bytes)});
  }
  return items;
}

}  // namespace vigie
