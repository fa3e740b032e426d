// The running coordinator: data directory, stores, services and two listeners, wired in one place.
//
//   ASSIGN_OR_RETURN(const auto server, StartServer({.data = "/var/lib/kalavai"}));
//   … server->port() …
//   server->Stop(absl::Seconds(30));
//
// Main listener: mutual TLS, every service. Enrolment listener: server-authenticated TLS, one
// method. One server a data directory (flock) and one process a port. At start the database is
// brought to this program's schema, the record is recomputed (LOG_DAMAGED) and work that a restart
// interrupted goes on.
//
// Errors: DATA_DIRECTORY_INVALID, PORT_IN_USE, FIELD_INVALID, MIGRATION_DRIFT, SCHEMA_NEWER and
// those of the database and the keys.
#ifndef KALAVAI_COORDINATOR_SERVER_SERVER_H_
#define KALAVAI_COORDINATOR_SERVER_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/model/device.h"

namespace kalavai::coordinator {

struct ServerOptions {
  std::string data;
  std::string listen = "127.0.0.1:7443";
  std::string enroll_listen = "127.0.0.1:7444";
  // Host name in invitations; "" = the host of `listen`, or localhost where that is a wildcard.
  std::string advertise = {};
  // Threads inside one tensor operation of fusions and generation; 0 = one a core. It decides the
  // last bits of a fusion and is recorded with it.
  int64_t threads = 0;
  // Where fusions and generation compute, from OpenDevice; recorded like the threads.
  Device device = Device::kCpu;
  // Processes that make a fusion's probe passes at once, with `threads` each; 1: none, the server
  // makes them one after another.
  int64_t probe_jobs = 1;
  int64_t free_space_floor_bytes = limits::kFreeSpaceFloorBytes;
  const Clock* clock = &SystemClock();  // not owned
};

class Server {
 public:
  struct Wiring;  // server.cc: every object of the process and who borrows what from whom
  explicit Server(std::unique_ptr<Wiring> wiring);
  ~Server();  // Stop(ZeroDuration)

  int port() const;
  int enroll_port() const;
  std::string service_address() const;  // host:port, as advertised
  std::string enroll_address() const;

  // Looks at database and disk, tells grpc.health.v1.Health, and logs a change; call it every
  // limits::kHealthSeconds, one thread at a time. True when every check passed.
  bool UpdateHealth();

  // Says NOT_SERVING, refuses new calls, lets open ones finish for at most `drain`, stops the
  // workers. Idempotent.
  void Stop(absl::Duration drain);

 private:
  std::unique_ptr<Wiring> wiring_;
};

absl::StatusOr<std::unique_ptr<Server>> StartServer(const ServerOptions& options);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_SERVER_H_
