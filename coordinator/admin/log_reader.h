// The coordinator's record as the administrator's commands read it over the network: a verified
// tree head and the leaves, page by page.
//
//   ASSIGN_OR_RETURN(const LogReader log, LogReader::Open(flags.admin, flags.key));
//   RETURN_IF_ERROR(log.Read({.start = 0, .end = log.head().size}, [&](const auto& entry) {…}));
//
// Errors: those of Connect and of the calls; LOG_INCONSISTENT when the head is not signed by the
// key, or fewer leaves come than it says. A value; any thread.
#ifndef KALAVAI_COORDINATOR_ADMIN_LOG_READER_H_
#define KALAVAI_COORDINATOR_ADMIN_LOG_READER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/crypto/merkle_proof.h"
#include "common/crypto/note_key.h"
#include "coordinator/admin/admin_connection.h"
#include "kalavai/v1/transparency.grpc.pb.h"

namespace kalavai::coordinator {

// Adds --key: the verifier key to trust, as 'kalavai join' printed it.
void AddLogKeyFlag(CLI::App& app, std::string& key);

class LogReader {
 public:
  // Asks for the tree head of now and verifies it: with `key` (a verifier key as text) when not
  // empty, otherwise with the key that the server itself names, which proves only that head and
  // key belong together.
  static absl::StatusOr<LogReader> Open(const AdminFlags& flags, const std::string& key);

  const TreeState& head() const { return head_; }
  const std::string& note() const { return note_; }  // the head, signed
  const NoteVerifier& verifier() const { return verifier_; }

  // Leaves start … end − 1 of head().size, in order, each once.
  struct Range {
    uint64_t start = 0;
    uint64_t end = 0;
  };
  absl::Status Read(Range range, absl::FunctionRef<absl::Status(const v1::LogEntry&)> visit) const;

  // A leaf and its audit path under head(), verified. FIELD_INVALID when there is no such leaf.
  absl::StatusOr<v1::InclusionProof> Prove(uint64_t index) const;

 private:
  using Stub = v1::TransparencyLogService::Stub;
  LogReader(AdminConnection connection, NoteVerifier verifier, TreeState head, std::string note);

  AdminConnection connection_;
  std::shared_ptr<Stub> stub_;
  NoteVerifier verifier_;
  TreeState head_;
  std::string note_;
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_ADMIN_LOG_READER_H_
