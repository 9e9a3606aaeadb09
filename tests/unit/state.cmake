vigie_test(state
  SOURCES unit/state/author_sets_test.cc unit/state/author_set_batch_test.cc unit/state/authors_test.cc
    unit/state/contributions_test.cc unit/state/count_dump_test.cc unit/state/count_query_test.cc
    unit/state/counter_dimensions_test.cc unit/state/counters_test.cc unit/state/cut_test.cc
    unit/state/formulas_test.cc unit/state/hyperloglog_test.cc unit/state/ledger_test.cc unit/state/members_test.cc unit/state/recount_test.cc unit/state/store_test.cc
    unit/state/item_actions_test.cc unit/state/item_clocks_test.cc unit/state/item_snapshots_test.cc
    unit/state/queues_rebuild_test.cc unit/state/queues_test.cc unit/state/response_report_test.cc unit/state/work_hours_test.cc
  DEPS vigie::state GTest::gmock)

vigie_fuzz(conversation_record DEPS vigie::state)
