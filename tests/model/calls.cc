// librdkafka's calls on a handle, as the code under test makes them. Each may be the last that its
// process makes; in a process that is gone already, what ends its objects does nothing.
#include <cstdlib>
#include <cstring>

#include "tests/model/client.h"

using vigie::model::Client;
using vigie::model::Consumer;
using vigie::model::Place;
using vigie::model::Producer;

namespace {

Producer& producer(rd_kafka_t* handle) {
  return static_cast<Producer&>(*handle->client);
}

Consumer& consumer(rd_kafka_t* handle) {
  return static_cast<Consumer&>(*handle->client);
}

}  // namespace

extern "C" {

rd_kafka_t* rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t* conf, char* /*errstr*/,
                         size_t /*size*/) {
  auto* handle = new rd_kafka_s;
  if (type == RD_KAFKA_PRODUCER) {
    handle->client = std::make_shared<Producer>(*conf);
  } else {
    handle->client = std::make_shared<Consumer>(*conf);
  }
  handle->client->handle = handle;
  rd_kafka_conf_destroy(conf);
  return handle;
}

void rd_kafka_destroy(rd_kafka_t* handle) {
  delete handle;
}

const char* rd_kafka_name(const rd_kafka_t* /*handle*/) {
  return "model";
}

rd_kafka_resp_err_t rd_kafka_fatal_error(rd_kafka_t* handle, char* text, size_t /*size*/) {
  const auto fatal = consumer(handle).fatal();
  text[0] = '\0';
  return fatal;
}

char* rd_kafka_memberid(const rd_kafka_t* handle) {
  return strdup(static_cast<const Consumer&>(*handle->client).member().member.c_str());
}

char* rd_kafka_clusterid(rd_kafka_t* /*handle*/, int /*timeout_ms*/) {
  return strdup("model");
}

// What a consumer does.

rd_kafka_resp_err_t rd_kafka_poll_set_consumer(rd_kafka_t* /*handle*/) {
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_yield(rd_kafka_t* /*handle*/) {}

rd_kafka_resp_err_t rd_kafka_subscribe(rd_kafka_t* handle,
                                       const rd_kafka_topic_partition_list_t* topics) {
  if (!handle->client->step()) return RD_KAFKA_RESP_ERR__DESTROY;
  consumer(handle).subscribe(topics->elems[0].topic);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_message_t* rd_kafka_consumer_poll(rd_kafka_t* handle, int timeout_ms) {
  if (!handle->client->step()) return nullptr;
  return consumer(handle).poll(timeout_ms);
}

rd_kafka_resp_err_t rd_kafka_consumer_close(rd_kafka_t* handle) {
  if (handle->client->process->alive()) consumer(handle).close();
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t* handle,
                                    const rd_kafka_topic_partition_list_t* list) {
  consumer(handle).assign(list);
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t* rd_kafka_seek_partitions(rd_kafka_t* handle,
                                           rd_kafka_topic_partition_list_t* list,
                                           int /*timeout_ms*/) {
  consumer(handle).seek(list);
  return nullptr;
}

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t* handle, rd_kafka_topic_partition_list_t* list,
                                       int timeout_ms) {
  Client& client = *handle->client;
  if (!client.step()) return RD_KAFKA_RESP_ERR__DESTROY;
  std::vector<std::int32_t> asked;
  for (int i = 0; i < list->cnt; ++i) asked.push_back(list->elems[i].partition);
  const auto found = std::make_shared<std::map<std::int32_t, std::int64_t>>();
  const auto error = client.ask("OffsetFetch", timeout_ms, [&c = client.cluster, asked, found] {
    return c.fetch_offsets(asked, *found);
  });
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
  for (int i = 0; i < list->cnt; ++i) {
    const auto at = found->find(list->elems[i].partition);
    list->elems[i].offset = at == found->end() ? RD_KAFKA_OFFSET_INVALID : at->second;
    list->elems[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(rd_kafka_t* handle, const char* topic,
                                                     int32_t partition, int64_t* low, int64_t* high,
                                                     int timeout_ms) {
  Client& client = *handle->client;
  if (!client.step()) return RD_KAFKA_RESP_ERR__DESTROY;
  const auto end = std::make_shared<std::int64_t>(0);
  const auto self = std::static_pointer_cast<Consumer>(client.shared_from_this());
  const auto error =
      client.ask("ListOffsets", timeout_ms, [self, place = Place{topic, partition}, end] {
        *end = self->visible_end(place);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
      });
  *low = 0;
  *high = *end;
  return error;
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t* handle, const char* topic,
                                                   int32_t partition, int64_t* low, int64_t* high) {
  *low = 0;
  *high = consumer(handle).visible_end({topic, partition});
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_consumer_group_metadata_t* rd_kafka_consumer_group_metadata(rd_kafka_t* handle) {
  return new rd_kafka_consumer_group_metadata_s{consumer(handle).member()};
}

void rd_kafka_consumer_group_metadata_destroy(rd_kafka_consumer_group_metadata_t* metadata) {
  delete metadata;
}

// Only readers without a changelog tell their offsets in this way.
rd_kafka_resp_err_t rd_kafka_commit(rd_kafka_t* /*handle*/,
                                    const rd_kafka_topic_partition_list_t* /*offsets*/,
                                    int /*async*/) {
  std::abort();
}

rd_kafka_resp_err_t rd_kafka_commit_queue(
    rd_kafka_t* /*handle*/, const rd_kafka_topic_partition_list_t* /*offsets*/,
    rd_kafka_queue_t* /*queue*/,
    void (* /*told*/)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*, void*),
    void* /*opaque*/) {
  std::abort();
}

rd_kafka_queue_t* rd_kafka_queue_new(rd_kafka_t* /*handle*/) {
  std::abort();
}

void rd_kafka_queue_destroy(rd_kafka_queue_t* /*queue*/) {}

rd_kafka_event_t* rd_kafka_queue_poll(rd_kafka_queue_t* /*queue*/, int /*timeout_ms*/) {
  return nullptr;
}

void rd_kafka_event_destroy(rd_kafka_event_t* /*event*/) {}

// What a producer does.

rd_kafka_topic_t* rd_kafka_topic_new(rd_kafka_t* /*handle*/, const char* /*topic*/,
                                     rd_kafka_topic_conf_t* /*conf*/) {
  return nullptr;
}

void rd_kafka_topic_destroy(rd_kafka_topic_t* /*topic*/) {}

// Nobody needs it here: partitions are where they are.
rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t* /*handle*/, int /*all_topics*/,
                                      rd_kafka_topic_t* /*only*/,
                                      const rd_kafka_metadata_t** /*metadata*/,
                                      int /*timeout_ms*/) {
  return RD_KAFKA_RESP_ERR__TRANSPORT;
}

void rd_kafka_metadata_destroy(const rd_kafka_metadata_t* /*metadata*/) {}

rd_kafka_error_t* rd_kafka_init_transactions(rd_kafka_t* handle, int timeout_ms) {
  handle->client->step();
  return producer(handle).begin_producing(timeout_ms);
}

rd_kafka_error_t* rd_kafka_begin_transaction(rd_kafka_t* handle) {
  handle->client->step();
  return producer(handle).begin();
}

rd_kafka_error_t* rd_kafka_produceva(rd_kafka_t* handle, const rd_kafka_vu_t* fields,
                                     size_t count) {
  handle->client->step();
  return producer(handle).produce(fields, count);
}

rd_kafka_error_t* rd_kafka_send_offsets_to_transaction(
    rd_kafka_t* handle, const rd_kafka_topic_partition_list_t* offsets,
    const rd_kafka_consumer_group_metadata_t* metadata, int timeout_ms) {
  handle->client->step();
  return producer(handle).send_offsets(offsets, metadata->name, timeout_ms);
}

rd_kafka_error_t* rd_kafka_commit_transaction(rd_kafka_t* handle, int timeout_ms) {
  handle->client->step();
  return producer(handle).commit(timeout_ms);
}

rd_kafka_error_t* rd_kafka_abort_transaction(rd_kafka_t* handle, int timeout_ms) {
  handle->client->step();
  return producer(handle).abort(timeout_ms);
}

rd_kafka_resp_err_t rd_kafka_flush(rd_kafka_t* handle, int timeout_ms) {
  handle->client->step();
  return producer(handle).flush(timeout_ms) ? RD_KAFKA_RESP_ERR_NO_ERROR
                                            : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

// After this nothing but the end of the handle follows.
rd_kafka_resp_err_t rd_kafka_purge(rd_kafka_t* handle, int /*flags*/) {
  handle->client->closing = true;
  producer(handle).purge();
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int rd_kafka_poll(rd_kafka_t* handle, int /*timeout_ms*/) {
  if (!handle->client->step()) return 0;
  return producer(handle).serve();
}

}  // extern "C"
