#pragma once

#include <cstdint>
#include <string>

namespace vigie {

// The Kafka broker of a test binary: a real one, started when the first test asks for it and thrown
// away at the end of the binary. With VIGIE_TEST_KAFKA=host:port a running one is used instead.
class KafkaBroker {
 public:
  // Fails the test and gives an empty address when no broker can be had.
  static KafkaBroker& shared();

  const std::string& bootstrap() const { return bootstrap_; }
  // Whether this broker may be killed and started again.
  bool ours() const { return pid_ > 0; }
  void kill();
  void start();

  ~KafkaBroker();

 private:
  KafkaBroker();
  std::string say(const char* command);
  std::string answer();

  std::string bootstrap_;
  int pid_ = 0;  // of broker.py
  int input_ = -1;
  int output_ = -1;
};

// As retention does, on the shared broker: the partition begins at `offset`.
void delete_records_before(const std::string& topic, int partition, std::int64_t offset);

}  // namespace vigie
