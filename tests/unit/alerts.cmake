vigie_test(alerts
  SOURCES unit/pipeline/alert_book_test.cc unit/pipeline/alerts_recall_test.cc
    unit/pipeline/alerts_test.cc
  DEPS vigie::alerts)
