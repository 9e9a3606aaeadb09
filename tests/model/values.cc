// The values that librdkafka's calls take and give: configurations, lists, errors, messages.
#include <cstdlib>
#include <cstring>

#include "tests/model/client.h"

struct rd_kafka_error_s {
  rd_kafka_resp_err_t code;
  bool fatal;
  bool retriable;
  bool abort;
};

namespace vigie::model {
namespace {

// A message as it is given out; it owns its bytes.
struct OwnedMessage : rd_kafka_message_t {
  std::string key_bytes;
  std::string payload_bytes;
  std::int64_t written_ms = 0;
};

rd_kafka_topic_t* topic_named(const std::string& name) {
  static std::map<std::string, rd_kafka_topic_s> topics;
  return &topics.try_emplace(name, rd_kafka_topic_s{name}).first->second;
}

}  // namespace

rd_kafka_error_t* make_error(rd_kafka_resp_err_t code, bool fatal, bool retriable, bool abort) {
  return new rd_kafka_error_s{code, fatal, retriable, abort};
}

rd_kafka_message_t* make_message(const Place& place, rd_kafka_resp_err_t error,
                                 std::int64_t offset) {
  auto* message = new OwnedMessage{};
  message->err = error;
  if (!place.first.empty()) message->rkt = topic_named(place.first);
  message->partition = place.second;
  message->offset = offset;
  return message;
}

void fill_message(rd_kafka_message_t* message, const Entry& entry) {
  auto& owned = static_cast<OwnedMessage&>(*message);
  owned.key_bytes = entry.key;
  owned.key = owned.key_bytes.data();
  owned.key_len = owned.key_bytes.size();
  owned.written_ms = entry.written / kMilli;
  if (!entry.value) return;
  owned.payload_bytes = *entry.value;
  owned.payload = owned.payload_bytes.data();
  owned.len = owned.payload_bytes.size();
}

}  // namespace vigie::model

using vigie::model::OwnedMessage;

extern "C" {

rd_kafka_conf_t* rd_kafka_conf_new() {
  return new rd_kafka_conf_s;
}

void rd_kafka_conf_destroy(rd_kafka_conf_t* conf) {
  delete conf;
}

rd_kafka_conf_res_t rd_kafka_conf_set(rd_kafka_conf_t* conf, const char* name, const char* value,
                                      char* /*errstr*/, size_t /*size*/) {
  conf->values[name] = value;
  return RD_KAFKA_CONF_OK;
}

void rd_kafka_conf_set_opaque(rd_kafka_conf_t* conf, void* opaque) {
  conf->opaque = opaque;
}

void rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t* conf,
                                 void (*told)(rd_kafka_t*, const rd_kafka_message_t*, void*)) {
  conf->reported = told;
}

void rd_kafka_conf_set_error_cb(rd_kafka_conf_t* conf,
                                void (*told)(rd_kafka_t*, int, const char*, void*)) {
  conf->failed = told;
}

void rd_kafka_conf_set_log_cb(rd_kafka_conf_t* /*conf*/,
                              void (* /*told*/)(const rd_kafka_t*, int, const char*, const char*)) {
}

void rd_kafka_conf_set_offset_commit_cb(rd_kafka_conf_t* /*conf*/,
                                        void (* /*told*/)(rd_kafka_t*, rd_kafka_resp_err_t,
                                                          rd_kafka_topic_partition_list_t*,
                                                          void*)) {}

void rd_kafka_conf_set_rebalance_cb(rd_kafka_conf_t* conf,
                                    void (*told)(rd_kafka_t*, rd_kafka_resp_err_t,
                                                 rd_kafka_topic_partition_list_t*, void*)) {
  conf->rebalanced = told;
}

rd_kafka_topic_partition_list_t* rd_kafka_topic_partition_list_new(int size) {
  auto* list = static_cast<rd_kafka_topic_partition_list_t*>(
      std::calloc(1, sizeof(rd_kafka_topic_partition_list_t)));
  list->size = size > 0 ? size : 1;
  list->elems = static_cast<rd_kafka_topic_partition_t*>(
      std::calloc(static_cast<std::size_t>(list->size), sizeof(rd_kafka_topic_partition_t)));
  return list;
}

void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t* list) {
  for (int i = 0; i < list->cnt; ++i) std::free(list->elems[i].topic);
  std::free(list->elems);
  std::free(list);
}

rd_kafka_topic_partition_t* rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t* list,
                                                              const char* topic,
                                                              int32_t partition) {
  if (list->cnt == list->size) {
    list->size *= 2;
    list->elems = static_cast<rd_kafka_topic_partition_t*>(std::realloc(
        list->elems, static_cast<std::size_t>(list->size) * sizeof(rd_kafka_topic_partition_t)));
  }
  rd_kafka_topic_partition_t& added = list->elems[list->cnt++];
  std::memset(&added, 0, sizeof(added));
  added.topic = strdup(topic);
  added.partition = partition;
  added.offset = RD_KAFKA_OFFSET_INVALID;
  return &added;
}

rd_kafka_resp_err_t rd_kafka_error_code(const rd_kafka_error_t* error) {
  return error == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : error->code;
}

int rd_kafka_error_is_retriable(const rd_kafka_error_t* error) {
  return error->retriable ? 1 : 0;
}

int rd_kafka_error_txn_requires_abort(const rd_kafka_error_t* error) {
  return error->abort ? 1 : 0;
}

void rd_kafka_error_destroy(rd_kafka_error_t* error) {
  delete error;
}

const char* rd_kafka_err2name(rd_kafka_resp_err_t error) {
  switch (error) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
      return "_TIMED_OUT";
    case RD_KAFKA_RESP_ERR__TRANSPORT:
      return "_TRANSPORT";
    case RD_KAFKA_RESP_ERR__STATE:
      return "_STATE";
    case RD_KAFKA_RESP_ERR__FENCED:
      return "_FENCED";
    case RD_KAFKA_RESP_ERR__FATAL:
      return "_FATAL";
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
      return "_MSG_TIMED_OUT";
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
      return "PRODUCER_FENCED";
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return "INVALID_PRODUCER_EPOCH";
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
      return "INVALID_TXN_STATE";
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
      return "CONCURRENT_TRANSACTIONS";
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
      return "NOT_COORDINATOR";
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
      return "UNKNOWN_MEMBER_ID";
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
      return "ILLEGAL_GENERATION";
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return "FENCED_INSTANCE_ID";
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
      return "REBALANCE_IN_PROGRESS";
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
      return "UNSTABLE_OFFSET_COMMIT";
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
      return "OUT_OF_ORDER_SEQUENCE_NUMBER";
    default:
      return "another error";
  }
}

const char* rd_kafka_err2str(rd_kafka_resp_err_t error) {
  return rd_kafka_err2name(error);
}

void rd_kafka_message_destroy(rd_kafka_message_t* message) {
  delete static_cast<OwnedMessage*>(message);
}

const char* rd_kafka_message_errstr(const rd_kafka_message_t* message) {
  return rd_kafka_err2name(message->err);
}

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t* message,
                                   rd_kafka_timestamp_type_t* /*type*/) {
  return static_cast<const OwnedMessage*>(message)->written_ms;
}

const char* rd_kafka_topic_name(const rd_kafka_topic_t* topic) {
  return topic->name.c_str();
}

void rd_kafka_mem_free(rd_kafka_t* /*handle*/, void* bytes) {
  std::free(bytes);
}

}  // extern "C"
