#pragma once

#include <string>
#include <vector>

#include "tests/model/cluster.h"
#include "tests/model/job.h"

namespace vigie::model {

// What a plain recount of the input says.
Counts recount(Cluster& cluster, const std::string& prefix, std::int32_t partitions);

// What a reader of committed records finds wrong in the topics; empty: nothing.
std::vector<std::string> faults_of(Cluster& cluster, const std::string& prefix,
                                   std::int32_t partitions);

// In what a store's counts differ from others.
std::string difference(const Counts& found, const Counts& expected);

}  // namespace vigie::model
