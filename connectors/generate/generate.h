#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "connectors/connector.h"
#include "connectors/generate/generator.h"
#include "connectors/generate/ledger.h"
#include "connectors/registry.h"

namespace vigie {

// Called now and then with the number of acts written so far; false stops.
using GenerateProgress = std::function<bool(std::uint64_t acts)>;

// Writes the stream as NDJSON, as fast as it goes, and its ledger, when there is one. Fails with
// Invalid when `check` does, or when the stream has no end and no progress callback to stop it;
// with Unavailable when a stream refuses what is written. Being stopped is no failure.
Result<void> generate_to(std::ostream& out, const GenerateOptions& options,
                         std::ostream* ledger = nullptr, const GenerateProgress& progress = {});

struct LiveGenerateOptions {
  GenerateOptions
      stream;          // its start is when the connector first opens; `seen_at` is left to ingest
  std::string ledger;  // path of a file, or empty
};

// The synthetic stream as a source that is live: acts come when their time has come. After a time
// without a reader the missed acts come at once, as from a source that can be resumed.
//
// Cursor: "ORDINAL:MINUTE:INDEX:START:PRINT", the next act, when the stream began, and a print of
// the options. With other options the stream begins anew, now, with the next ordinal; that is a
// gap.
class Generate final : public Connector {
 public:
  explicit Generate(LiveGenerateOptions options, Clock clock = system_clock());

  Result<void> open(std::string_view cursor, std::stop_token stop) override;
  Result<Batch> next(std::chrono::milliseconds wait, std::stop_token stop) override;
  ConnectorNotes notes() const override { return notes_; }

 private:
  Result<void> add_due(Batch& batch);
  std::string cursor() const;

  LiveGenerateOptions options_;
  const Clock clock_;
  std::optional<Generator> generator_;
  ActLedger ledger_;
  std::string lines_;
  ConnectorNotes notes_;
};

Result<std::unique_ptr<Connector>> make_generate(const ConnectorSettings& settings);

inline constexpr ConnectorKind kGenerateKind{
    .kind = "generate",
    .summary = "a synthetic stream about the invented brand acme, seeded",
    .whole_network = false,
    .make = &make_generate,
};

}  // namespace vigie
