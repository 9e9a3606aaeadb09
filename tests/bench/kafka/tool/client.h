#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

namespace vigie {

struct FreeClient {
  void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using Client = std::unique_ptr<rd_kafka_t, FreeClient>;
using Polled = std::unique_ptr<rd_kafka_message_t, FreeClient>;
using Places = std::unique_ptr<rd_kafka_topic_partition_list_t, FreeClient>;

inline Client client(rd_kafka_type_t type, const std::map<std::string, std::string>& properties,
                     void (*delivered)(rd_kafka_t*, const rd_kafka_message_t*, void*) = nullptr) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char reason[256] = "";
  bool good = true;
  for (const auto& [name, value] : properties) {
    good = good && rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) ==
                       RD_KAFKA_CONF_OK;
  }
  if (delivered != nullptr) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t* handle = good ? rd_kafka_new(type, conf, reason, sizeof(reason)) : nullptr;
  if (handle == nullptr) {
    fmt::print(stderr, "bench_kafka: {}\n", reason);
    std::exit(1);
  }
  return Client(handle);
}

inline Client reader(const std::string& bootstrap, const std::string& group,
                     const std::string& isolation = "read_committed") {
  Client made = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap},
                                           {"group.id", group},
                                           {"enable.auto.commit", "false"},
                                           {"enable.auto.offset.store", "false"},
                                           {"isolation.level", isolation},
                                           {"enable.partition.eof", "true"},
                                           {"fetch.wait.max.ms", "20"},
                                           {"auto.offset.reset", "error"}});
  rd_kafka_poll_set_consumer(made.get());
  return made;
}

// Where the partitions of a topic end. A client that is new to a topic may not know its leaders
// yet, and asks again.
std::map<std::int32_t, std::int64_t> ends_of(rd_kafka_t* handle, const std::string& topic,
                                             std::int32_t partitions);

}  // namespace vigie
