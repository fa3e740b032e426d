// The offline check of a data directory: is everything there, is it what it was, and does it say
// what was signed?
//
//   ASSIGN_OR_RETURN(const DataReport report, VerifyDataDirectory(path, [](int64_t done, int64_t
//   total) { … }));
//   if (!report.Sound()) …
//
// What is compared:
//   database     SQLite's own check, the foreign keys, the migrations of this program
//   log          every hash from the leaves' bytes, the stored root, and every tree head that
//                receipts carry: signed by this log's key, and a beginning of the log as it is
//   rows         charters, bases and models with their signatures; submissions with their receipts
//                (state, root digest, the leaf they prove) and their files with their root digest
//   models       no directory of a release beside those on record
//   blobs        every row's blob there and of its size; every blob re-hashed
// Not compared: rows that nobody signed (invitations, measurements); files of fusions, which can be
// made again.
//
// Takes the directory's lock and changes nothing that a start would not (SQLite finishes what a
// crash left in its journal). Errors, when nothing can be said: DATABASE_BUSY while a server holds
// the directory, DATA_DIRECTORY_INVALID; everything else is a finding of the report.
#ifndef KALAVAI_COORDINATOR_SERVER_DATA_VERIFIER_H_
#define KALAVAI_COORDINATOR_SERVER_DATA_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/crypto/merkle_proof.h"

namespace kalavai::coordinator {

struct DataFinding {
  std::string part;     // "database", "log", "rows", "models" or "blobs"
  std::string reason;   // of error_reason.proto
  std::string message;  // what was found where
};

struct DataReport {
  TreeState log;
  int64_t rows = 0;        // compared with what was signed
  int64_t blobs = 0;       // re-hashed
  int64_t blob_bytes = 0;  //
  int64_t unnamed = 0;     // blobs that no row names; the next starts collect them
  std::vector<DataFinding> findings;

  bool Sound() const { return findings.empty(); }
};

// `progress`: bytes hashed so far, and in all.
absl::StatusOr<DataReport> VerifyDataDirectory(
    const std::string& path, const std::function<void(int64_t done, int64_t total)>& progress);

}  // namespace kalavai::coordinator

#endif  // KALAVAI_COORDINATOR_SERVER_DATA_VERIFIER_H_
