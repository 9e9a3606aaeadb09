vigie_test(pipeline
  SOURCES unit/pipeline/cli/backup_test.cc unit/pipeline/cli/cache_store_test.cc unit/pipeline/cli/config_test.cc unit/pipeline/cli/control_test.cc
    unit/pipeline/cli/disk_watch_test.cc unit/pipeline/cli/config_secrets_test.cc unit/pipeline/cli/housekeeping_test.cc unit/pipeline/cli/kafka_metrics_test.cc unit/pipeline/cli/worker_threads_test.cc
    unit/pipeline/run/alerting_test.cc unit/pipeline/run/ambassadors_test.cc unit/pipeline/run/apply_test.cc unit/pipeline/run/author_fold_test.cc unit/pipeline/run/batch_pace_test.cc unit/pipeline/run/changelog_test.cc unit/pipeline/run/visibility_test.cc
    unit/pipeline/run/erasure_book_test.cc unit/pipeline/run/erasure_test.cc unit/pipeline/run/handover_test.cc unit/pipeline/run/ingest_test.cc unit/pipeline/run/placement_test.cc unit/pipeline/run/recount_test.cc
    unit/pipeline/run/rule_cost_board_test.cc unit/pipeline/run/timers_test.cc unit/pipeline/run/view_test.cc
    unit/pipeline/run/work_calendar_test.cc
    unit/pipeline/run/worker_test.cc
    unit/pipeline/log/embedded_log_test.cc unit/pipeline/log/kafka_commit_test.cc unit/pipeline/log/kafka_owners_test.cc unit/pipeline/log/merge_test.cc
    unit/pipeline/log/record_format_test.cc
  DEPS vigie::cli prometheus-cpp::core)
vigie_test(connector_runner
  SOURCES unit/pipeline/run/connector_runner_test.cc
  DEPS vigie::run prometheus-cpp::core
  LABELS threads)
