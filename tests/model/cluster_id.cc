// The producer that readers share, as far as a reader with a changelog needs it: it asks for the id
// of the cluster. The real one has a thread of its own, which no made-up clock could stop.
#include <librdkafka/rdkafka.h>

#include "pipeline/log/kafka_producer.h"

namespace vigie {

struct KafkaProducer::Instance {
  KafkaHandle handle;
};

KafkaProducer::KafkaProducer(KafkaOptions options) : options_(std::move(options)) {}
KafkaProducer::~KafkaProducer() = default;

Result<std::unique_ptr<KafkaProducer>> KafkaProducer::open(const KafkaOptions& options) {
  auto conf = kafka_conf(options, {});
  if (!conf) return std::unexpected(conf.error());
  auto handle = kafka_handle(std::move(*conf), KafkaRole::Producer);
  if (!handle) return std::unexpected(handle.error());
  std::unique_ptr<KafkaProducer> producer(new KafkaProducer(options));
  producer->instance_ = std::make_shared<Instance>();
  producer->instance_->handle = std::move(*handle);
  return producer;
}

std::shared_ptr<rd_kafka_t> KafkaProducer::handle() {
  return {instance_, instance_->handle.get()};
}

Result<void> KafkaProducer::send(std::span<const Record> /*records*/, Offset* /*last*/) {
  return fail(Code::Unavailable, "a reader with a changelog sends nothing by this way");
}

}  // namespace vigie
