#include "tests/model/verdict.h"

#include <fmt/format.h>

#include "pipeline/log/kafka_commit.h"

namespace vigie::model {
namespace {

bool is_visible(const Entry& entry) {
  return entry.state == Entry::State::Plain || entry.state == Entry::State::Committed;
}

template <class Visit>
void read(Cluster& cluster, const Place& place, const Visit& visit) {
  const PartitionLog& log = cluster.log(place);
  for (std::int64_t i = 0; i < log.stable_end(); ++i) {
    if (is_visible(log.at(i))) visit(i, log.at(i));
  }
}

// The changelog of one partition, folded; and whether its commits follow each other.
Counts fold(Cluster& cluster, const std::string& prefix, std::int32_t partition,
            std::vector<std::string>& wrong) {
  Counts out;
  CommitChecksum sum;
  std::uint64_t sequence = 0;
  std::int64_t next = 0;
  read(cluster, {prefix + "ledger", partition}, [&](std::int64_t offset, const Entry& entry) {
    if (entry.key != kCommitKey) {
      sum.add(entry.key, entry.value);
      out.by_key[fmt::format("{:04}{}", partition, entry.key)] = entry.value.value_or("");
      return;
    }
    const auto commit = decode_commit(entry.value.value_or(""));
    if (!commit) {
      wrong.push_back(fmt::format("ledger/{} {}: no commit record", partition, offset));
      return;
    }
    if (commit->sequence != sequence + 1) {
      wrong.push_back(fmt::format("ledger/{} {}: commit {} follows {}", partition, offset,
                                  commit->sequence, sequence));
    }
    if (commit->records != sum.records() || commit->checksum != sum.value()) {
      wrong.push_back(
          fmt::format("ledger/{} {}: commit {} does not fit", partition, offset, commit->sequence));
    }
    if (commit->next < next) {
      wrong.push_back(fmt::format("ledger/{} {}: commit {} goes back from {} to {}", partition,
                                  offset, commit->sequence, next, commit->next));
    }
    sequence = commit->sequence;
    next = commit->next;
    sum = {};
  });
  if (sum.records() > 0) {
    wrong.push_back(
        fmt::format("ledger/{}: {} records behind the last commit", partition, sum.records()));
  }
  read(cluster, {prefix + "counters", partition}, [&](std::int64_t, const Entry& entry) {
    out.by_partition[partition] = entry.value.value_or("");
  });
  return out;
}

}  // namespace

Counts recount(Cluster& cluster, const std::string& prefix, std::int32_t partitions) {
  Counts out;
  std::map<std::string, std::uint64_t> counts;
  std::map<std::int32_t, std::uint64_t> totals;
  for (std::int32_t i = 0; i < partitions; ++i) {
    read(cluster, {prefix + "mentions", i}, [&](std::int64_t, const Entry& entry) {
      ++counts[fmt::format("{:04}{}", i, entry.key)];
      ++totals[i];
    });
  }
  for (const auto& [key, value] : counts) out.by_key[key] = fmt::to_string(value);
  for (const auto& [key, value] : totals) out.by_partition[key] = fmt::to_string(value);
  return out;
}

std::string difference(const Counts& found, const Counts& expected) {
  std::string out;
  const auto compare = [&](const auto& have, const auto& want) {
    for (const auto& [key, value] : want) {
      const auto at = have.find(key);
      const std::string text = at == have.end() ? "nothing" : at->second;
      if (text != value) out += fmt::format(" {}: {} instead of {};", key, text, value);
    }
    for (const auto& [key, value] : have) {
      if (!want.contains(key)) out += fmt::format(" {}: {} instead of nothing;", key, value);
    }
  };
  compare(found.by_key, expected.by_key);
  compare(found.by_partition, expected.by_partition);
  return out;
}

std::vector<std::string> faults_of(Cluster& cluster, const std::string& prefix,
                                   std::int32_t partitions) {
  std::vector<std::string> wrong;
  Counts folded;
  for (std::int32_t i = 0; i < partitions; ++i) {
    folded.merge(fold(cluster, prefix, i, wrong));
    std::map<std::string, int> tagged;
    read(cluster, {prefix + "tagged", i},
         [&](std::int64_t, const Entry& entry) { ++tagged[entry.key]; });
    read(cluster, {prefix + "mentions", i}, [&](std::int64_t offset, const Entry& entry) {
      const int times = tagged[entry.value.value_or("")];
      if (times != 1) {
        wrong.push_back(fmt::format("mentions/{} {}: came out {} times", i, offset, times));
      }
    });
    const auto& committed = cluster.group.committed();
    const auto at = committed.find(i);
    const std::int64_t in_group = at == committed.end() ? 0 : at->second;
    const std::int64_t end = cluster.log({prefix + "mentions", i}).end();
    if (in_group != end) {
      wrong.push_back(fmt::format("mentions/{}: the group stands at {} of {}", i, in_group, end));
    }
  }
  const Counts expected = recount(cluster, prefix, partitions);
  if (folded != expected) wrong.push_back("changelog:" + difference(folded, expected));
  return wrong;
}

}  // namespace vigie::model
