#pragma once

// What stands behind rd_kafka_t: clients of the made-up cluster that answer as librdkafka 2.0.2
// does.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "tests/model/cluster.h"
#include "tests/model/world.h"

struct rd_kafka_conf_s {
  std::map<std::string, std::string> values;
  void (*reported)(rd_kafka_t*, const rd_kafka_message_t*, void*) = nullptr;
  void (*failed)(rd_kafka_t*, int, const char*, void*) = nullptr;
  void (*rebalanced)(rd_kafka_t*, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t*,
                     void*) = nullptr;
  void* opaque = nullptr;
};
struct rd_kafka_topic_s {
  std::string name;
};
struct rd_kafka_consumer_group_metadata_s {
  vigie::model::MemberName name;
};

namespace vigie::model {

// The chances of each call of librdkafka and of each request.
struct Faults {
  double kill = 0;
  double freeze = 0;
  Micros longest_freeze = 0;
  double stall = 0;  // the application hangs, and librdkafka's threads go on
  Micros longest_stall = 0;
  double lost = 0;         // the connection breaks before the request arrives
  double answer_lost = 0;  // or after it was done
  double late = 0;         // or it is done although, much later
  Micros latest = 0;
  double slow = 0;     // no breach, but seconds
  double silent = 0;   // a partition brings nothing for a while
  double deaf = 0;     // or never again, from when it is assigned
  double grumble = 0;  // an error of no partition comes in place of a record
};

// What the calls of librdkafka find: set before the first and while a process lives.
struct Room {
  World& world;
  Cluster& cluster;
  Faults faults;
};
void set_room(Room* room);
Room& room();

class Client : public std::enable_shared_from_this<Client> {
 public:
  explicit Client(const rd_kafka_conf_s& conf);
  virtual ~Client() = default;

  // At the head of each call that may be the last. False: this process is gone already, and what
  // runs is the end of its objects.
  bool step();
  // Waits for what answers may bring. False: it did not come in time.
  bool await(int timeout_ms, const std::function<bool()>& come);

  // Sends a request; `answered` is told its outcome, or __TRANSPORT, unless the client ends first.
  using Serve = std::function<rd_kafka_resp_err_t()>;
  using Answered = std::function<void(rd_kafka_resp_err_t)>;
  void send(const char* what, Serve serve, Answered answered);
  // Sends it until it is not worth trying again.
  void insist(const char* what, Serve serve, Answered answered);
  // The same, waited for.
  rd_kafka_resp_err_t ask(const char* what, int timeout_ms, Serve serve);

  const rd_kafka_conf_s conf;
  const std::shared_ptr<Process> process;
  World& world;
  Cluster& cluster;
  bool closing = false;  // no call is the last any more
  rd_kafka_t* handle = nullptr;

 protected:
  std::string setting(const std::string& name) const;
  Micros setting_ms(const std::string& name) const;
  void later(Micros delay, std::function<void()> what);
  std::deque<rd_kafka_resp_err_t> errors_;  // to be told by poll

 private:
  void disconnected();
  Micros told_at_ = -1;
};

// Whether a request is worth being sent again.
bool is_passing(rd_kafka_resp_err_t error);

class Producer : public Client {
 public:
  explicit Producer(const rd_kafka_conf_s& conf);

  rd_kafka_error_t* begin_producing(int timeout_ms);
  rd_kafka_error_t* begin();
  rd_kafka_error_t* produce(const rd_kafka_vu_t* fields, std::size_t count);
  rd_kafka_error_t* send_offsets(const rd_kafka_topic_partition_list_t* offsets,
                                 const MemberName& member, int timeout_ms);
  rd_kafka_error_t* commit(int timeout_ms);
  rd_kafka_error_t* abort(int timeout_ms);
  bool flush(int timeout_ms);
  void purge();
  int serve();  // delivery reports and errors

 private:
  enum class State : std::uint8_t { New, Ready, Open, Committing, Aborting, MustAbort, Dead };
  struct Message {
    Place place;
    const void* key;
    std::size_t key_size;
    const void* value;
    std::size_t value_size;
    void* opaque;
    Micros queued;
  };
  struct Report {
    Message message;
    rd_kafka_resp_err_t error;
    std::int64_t offset;
  };

  void ask_for_id();
  void pump();
  void send_batch();
  void give_up_batch(rd_kafka_resp_err_t error);
  void fail(rd_kafka_resp_err_t error);
  void end(bool commit);
  rd_kafka_error_t* finish(int timeout_ms);
  rd_kafka_error_t* state_error() const;
  bool idle() const { return queue_.empty() && batch_.empty(); }

  const std::string id_;
  State state_ = State::New;
  rd_kafka_resp_err_t error_ = RD_KAFKA_RESP_ERR_NO_ERROR;  // of MustAbort and Dead
  bool asked_ = false;
  ProducerId by_;
  std::uint64_t number_ = 0;  // of the transaction, so that old answers are known
  std::deque<Message> queue_;
  std::vector<Message> batch_;  // on its way, of one partition
  bool sending_ = false;
  std::map<Place, std::int32_t> sequences_;
  std::set<Place> added_;
  bool offsets_ = false;
  bool ending_ = false;
  bool ended_ = false;
  std::vector<Report> reports_;
};

class Consumer : public Client {
 public:
  explicit Consumer(const rd_kafka_conf_s& conf);

  void subscribe(const std::string& topic);
  rd_kafka_message_t* poll(int timeout_ms);
  // A partition that is assigned anew before it was taken away is never fetched again.
  void assign(const rd_kafka_topic_partition_list_t* list);
  void seek(const rd_kafka_topic_partition_list_t* list);
  void close();
  const MemberName& member() const { return member_; }
  rd_kafka_resp_err_t fatal() const { return fatal_; }
  std::int64_t visible_end(const Place& place) const;

 private:
  struct Fetch {
    std::int64_t next = 0;
    std::int64_t seen_end = 0;
    std::int64_t eof_at = -1;
    Micros silent_until = 0;
  };
  enum class Stage : std::uint8_t { Out, Joining, Dealt, Steady, Revoking };

  void join();
  void joined(const Group::Joined& answer);
  void beat();
  void lose(bool forget_member);
  void leave();
  void die(rd_kafka_resp_err_t error);
  bool serve_rebalance();
  rd_kafka_message_t* fetch();
  rd_kafka_message_t* message_of(const Place& place, Fetch& at) const;

  const bool committed_only_;
  MemberName member_;
  Stage stage_ = Stage::Out;
  std::string topic_;      // subscribed to
  Micros heard_ = 0;       // from the coordinator
  Micros polled_ = 0;      // by the application
  bool was_slow_ = false;  // it did not poll in time: no heartbeat until it does
  std::deque<std::pair<bool, std::vector<std::int32_t>>> rebalances_;  // true: assigned
  rd_kafka_resp_err_t fatal_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  bool fatal_told_ = false;
  std::map<Place, Fetch> fetches_;
};

rd_kafka_error_t* make_error(rd_kafka_resp_err_t code, bool fatal, bool retriable, bool abort);
rd_kafka_message_t* make_message(const Place& place, rd_kafka_resp_err_t error,
                                 std::int64_t offset);
void fill_message(rd_kafka_message_t* message, const Entry& entry);

}  // namespace vigie::model

struct rd_kafka_s {
  std::shared_ptr<vigie::model::Client> client;
};
