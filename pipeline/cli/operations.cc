#include "pipeline/cli/operations.h"

#include <chrono>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <spdlog/spdlog.h>

#include "pipeline/cli/control.h"
#include "pipeline/cli/disk_watch.h"

namespace vigie {
namespace {

constexpr std::size_t kMaxLines = 1000;

}  // namespace

std::filesystem::path checkpoint_directory(const Config& config) {
  return config.data_dir / "checkpoint";
}

Result<Recounted> tell_recount(const Store& store, const std::function<bool()>& gone,
                               const std::function<void(std::string_view)>& say) {
  std::size_t lines = 0;
  RecountOptions options;
  options.stopped = gone;
  auto done = recount(store, options, [&](const Difference& difference) {
    if (++lines <= kMaxLines) say(to_text(difference));
  });
  if (!done) return done;
  if (lines > kMaxLines) say(fmt::format("and {} more", lines - kMaxLines));
  say(fmt::format(
      "{} records, {} buckets and {} sets of authors compared, {} left out as expired, "
      "{} differences",
      done->records, done->buckets, done->author_sets, done->expired, done->differences));
  return done;
}

Result<std::string> verify_store(const Store& store, const std::filesystem::path& directory) {
  auto verified = store.verify();
  if (!verified) return std::unexpected(std::move(verified.error()));
  return fmt::format("{}: checksums hold, {:.1f} MiB", directory.string(),
                     static_cast<double>(store.disk_bytes()) / (1 << 20));
}

struct Operations::Impl {
  const Store& store;
  const Store* view;
  const std::filesystem::path data_dir;
  std::filesystem::path checkpoint;
  DiskWatch disk;
  prometheus::Counter& recounts;
  prometheus::Counter& differences;
  prometheus::Gauge& recounted_at;
  std::unique_ptr<ControlServer> control;

  Impl(const Config& config, const Store& s, const Store* v, prometheus::Registry& registry)
      : store(s),
        view(v),
        data_dir(config.data_dir),
        checkpoint(checkpoint_directory(config)),
        disk(
            config.disk, [directory = config.data_dir] { return disk_space(directory); }, registry),
        recounts(prometheus::BuildCounter()
                     .Name("vigie_recounts_total")
                     .Help("Recounts of the counters from the ledger that came to their end")
                     .Register(registry)
                     .Add({})),
        differences(prometheus::BuildCounter()
                        .Name("vigie_recount_differences_total")
                        .Help("Counters that a recount found different from the ledger")
                        .Register(registry)
                        .Add({})),
        recounted_at(prometheus::BuildGauge()
                         .Name("vigie_recount_timestamp_seconds")
                         .Help("When the last recount came to its end; 0: never")
                         .Register(registry)
                         .Add({})) {}

  Exit answer(const ControlServer::Call& call) {
    if (call.request == "recount") return recount_for(call);
    if (call.request == "checkpoint") return checkpoint_for(call);
    if (call.request == "verify") return verify_for(call);
    call.say(fmt::format("unknown request \"{}\"", call.request));
    return Exit::Usage;
  }

  Exit recount_for(const ControlServer::Call& call) {
    auto done = tell_recount(store, call.gone, call.say);
    if (!done) {
      call.say(done.error().message);
      return Exit::Environment;
    }
    recounts.Increment();
    differences.Increment(static_cast<double>(done->differences));
    recounted_at.SetToCurrentTime();
    spdlog::info("recount differences={} records={}", done->differences, done->records);
    return done->differences == 0 ? Exit::Good : Exit::Input;
  }

  Exit verify_for(const ControlServer::Call& call) {
    Exit exit = Exit::Good;
    for (const auto& [name, one] : {std::pair{"state", &store}, std::pair{"view", view}}) {
      if (one == nullptr) continue;
      auto verified = verify_store(*one, data_dir / name);
      if (!verified) exit = Exit::Environment;
      call.say(verified ? *verified : verified.error().message);
    }
    return exit;
  }

  // Always in the same place below the data directory: no caller says where.
  Exit checkpoint_for(const ControlServer::Call& call) {
    std::error_code failed;
    std::filesystem::remove_all(checkpoint, failed);
    auto made = store.checkpoint(checkpoint);
    if (made) return Exit::Good;
    call.say(made.error().message);
    return Exit::Environment;
  }
};

Operations::Operations(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Operations::~Operations() = default;

Result<std::unique_ptr<Operations>> Operations::start(const Config& config, const Store& store,
                                                      const Store* view,
                                                      prometheus::Registry& registry) {
  auto impl = std::make_unique<Impl>(config, store, view, registry);
  // What a backup that was killed left holds room on the disk.
  std::error_code ignored;
  std::filesystem::remove_all(impl->checkpoint, ignored);
  auto control = ControlServer::start(
      config.data_dir, [self = impl.get()](const auto& call) { return self->answer(call); });
  if (!control) return std::unexpected(std::move(control.error()));
  impl->control = std::move(*control);
  return std::unique_ptr<Operations>(new Operations(std::move(impl)));
}

std::optional<Error> Operations::refuse_intake() {
  return impl_->disk.look();
}

std::string Operations::disk_check() {
  const std::optional<Error> trouble = impl_->disk.look();
  return trouble ? trouble->message : "ok";
}

}  // namespace vigie
