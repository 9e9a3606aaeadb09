#pragma once

#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "pipeline/core/error.h"
#include "pipeline/log/kafka_log.h"

namespace vigie {

// The words after a command of bench_kafka: `--name value`.
class Arguments {
 public:
  Arguments(int argc, char** argv) {
    for (int i = 2; i + 1 < argc; i += 2) words_[argv[i] + 2] = argv[i + 1];
  }
  std::string text(const std::string& name, const std::string& otherwise = "") const {
    const auto it = words_.find(name);
    return it == words_.end() ? otherwise : it->second;
  }
  std::uint64_t number(const std::string& name, std::uint64_t otherwise = 0) const {
    const auto it = words_.find(name);
    return it == words_.end() ? otherwise : std::stoull(it->second);
  }
  std::int32_t partitions() const { return static_cast<std::int32_t>(number("partitions", 6)); }
  KafkaOptions kafka() const {
    KafkaOptions options;
    options.bootstrap = text("bootstrap");
    options.topic_prefix = text("prefix");
    options.partitions = partitions();
    return options;
  }

 private:
  std::map<std::string, std::string> words_;
};

template <class T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "bench_kafka: {}\n", result.error().message);
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

int fill(const Arguments& arguments);  // log_tool.cc
int pace(const Arguments& arguments);
int watch(const Arguments& arguments);
int follow(const Arguments& arguments);
int tally(const Arguments& arguments);       // tally.cc
int run_worker(const Arguments& arguments);  // worker_loop.cc
int make_state(const Arguments& arguments);  // big_state.cc

}  // namespace vigie
