#include "coordinator/admin/log_command.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "CLI/CLI.hpp"
#include "common/base/errors.h"
#include "common/base/hex.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/cli/number_checks.h"
#include "common/crypto/tree_head.h"
#include "common/storage/atomic_file.h"
#include "coordinator/admin/admin_connection.h"
#include "coordinator/admin/log_audit.h"
#include "coordinator/admin/log_reader.h"
#include "coordinator/admin/message_json.h"

namespace kalavai::coordinator {
namespace {

struct Flags {
  AdminFlags admin;
  std::string key;
  std::optional<int64_t> start;
  int64_t newest = 20;
  std::vector<std::string> heads;
  int64_t index = 0;
};

nlohmann::json HeadJson(const LogReader& log) {
  return {{"log_size", log.head().size},
          {"root", log.head().root.Hex()},
          {"tree_head", log.note()},
          {"verifier_key", log.verifier().Text()}};
}

std::string DescribeHead(const LogReader& log) {
  return absl::StrCat(log.head().size, " leaves, root ", log.head().root.Hex(), "\n", "signed by ",
                      log.verifier().Text(), "\n");
}

absl::Status ShowLog(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const LogReader log, LogReader::Open(flags.admin, flags.key));
  const uint64_t size = log.head().size;
  const uint64_t newest = std::min(size, static_cast<uint64_t>(flags.newest));
  const uint64_t start =
      flags.start.has_value() ? static_cast<uint64_t>(*flags.start) : size - newest;
  nlohmann::json result = HeadJson(log);
  nlohmann::json& entries = result["entries"] = nlohmann::json::array();
  std::string text = DescribeHead(log);
  RETURN_IF_ERROR(log.Read({.start = start, .end = size}, [&](const v1::LogEntry& entry) {
    entries.push_back(MessageJson(entry));
    absl::StrAppend(&text, "\n", entry.leaf());
    return absl::OkStatus();
  }));
  console.Result(result, text);
  return absl::OkStatus();
}

// A kept head from a file. Damage, or a head of another log, is the file's fault; a head of this
// log's name under another key is a contradiction: the key was exchanged.
absl::StatusOr<TreeState> ReadHead(const std::string& path, const NoteVerifier& verifier) {
  ASSIGN_OR_RETURN(const std::string note, ReadFileBounded(path, limits::kNoteBytesMax));
  const absl::StatusOr<TreeState> state = VerifyTreeHead(note, verifier);
  if (state.ok()) return state;
  const bool is_namesake = absl::StartsWith(note, absl::StrCat(verifier.name(), "\n"));
  if (is_namesake && GetErrorReason(state.status()) == "KEY_MISMATCH") {
    return LogContradiction(
        absl::StrCat(path, ": a head of this log, not signed by its key of now"));
  }
  return Annotate(state.status(), path);
}

absl::Status VerifyLog(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const LogReader log, LogReader::Open(flags.admin, flags.key));
  LogAudit audit(log.head());
  for (const std::string& path : flags.heads) {
    ASSIGN_OR_RETURN(const TreeState kept, ReadHead(path, log.verifier()));
    const absl::Status held = audit.ExpectPrefix(kept);
    if (!held.ok()) return Annotate(held, path);
  }
  RETURN_IF_ERROR(log.Read({.start = 0, .end = log.head().size}, [&](const v1::LogEntry& entry) {
    if (Interrupted()) return InterruptedError("run the same command again");
    return audit.Add(entry.index(), entry.leaf(), entry.leaf_hash());
  }));
  RETURN_IF_ERROR(audit.Finish());
  nlohmann::json result = HeadJson(log);
  result["verified"] = true;
  result["key_given"] = !flags.key.empty();
  result["heads_kept"] = flags.heads.size();
  const std::string key = flags.key.empty()
                              ? "; the key is the one the server names: compare it with what "
                                "'kalavai join' printed, or pass it with --key"
                              : ", the key given";
  console.Result(
      result, absl::StrCat("verified: ", DescribeHead(log),
                           "every leaf was read and hashed; they have this root, and "
                           "the head is signed by its key",
                           key,
                           flags.heads.empty() ? ""
                                               : absl::StrCat("\nthe log begins with each of ",
                                                              flags.heads.size(), " kept heads")));
  return absl::OkStatus();
}

absl::Status ProveLeaf(const Flags& flags, Console& console) {
  ASSIGN_OR_RETURN(const LogReader log, LogReader::Open(flags.admin, flags.key));
  ASSIGN_OR_RETURN(const v1::InclusionProof proof, log.Prove(static_cast<uint64_t>(flags.index)));
  nlohmann::json result = HeadJson(log);
  result["index"] = flags.index;
  result["leaf"] = proof.entry().leaf();
  result["leaf_hash"] = proof.entry().leaf_hash();
  nlohmann::json& hashes = result["inclusion_proof"] = nlohmann::json::array();
  std::string text = absl::StrCat("c2sp.org/tlog-proof@v1\nindex ", flags.index, "\n");
  for (const std::string& bytes : proof.hashes()) {
    hashes.push_back(HexEncode(bytes));
    absl::StrAppend(&text, Base64Encode(bytes), "\n");
  }
  absl::StrAppend(&text, "\n", log.note());
  console.Note(absl::StrCat("leaf: ", proof.entry().leaf()));
  if (console.format() == OutputFormat::kHuman) {
    console.Data(text);
  } else {
    console.Result(result, "");
  }
  return absl::OkStatus();
}

}  // namespace

Command MakeLogCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "log",
          .summary = "the record: its signed head and its newest leaves",
          .details =
              "  kalavai-coordinator log\n"
              "  kalavai-coordinator log --start 100\n"
              "  kalavai-coordinator log verify\n"
              "  kalavai-coordinator log prove 17 > leaf-17.tlog-proof\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddLogKeyFlag(app, flags->key);
                CLI::Option* newest =
                    app.add_option("--newest", flags->newest, "how many of the newest leaves")
                        ->check(WholeFromZero())
                        ->capture_default_str();
                app.add_option("--start", flags->start, "every leaf from this index on")
                    ->check(WholeFromZero())
                    ->excludes(newest);
              },
          .run = [flags](Console& console) { return ShowLog(*flags, console); }};
}

Command MakeLogVerifyCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "log verify",
          .summary = "read every leaf, hash it again and compare with the signed head",
          .details =
              "Exit code 4 when the record contradicts itself, its key or a kept head.\n\n"
              "  kalavai-coordinator log verify\n"
              "  kalavai-coordinator log verify --head st-mary/log/tree_head\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddLogKeyFlag(app, flags->key);
                app.add_option("--head", flags->heads,
                               "a tree head that somebody kept (a member's log/tree_head): the log "
                               "must begin with it; may be repeated");
              },
          .run = [flags](Console& console) { return VerifyLog(*flags, console); }};
}

Command MakeLogProveCommand() {
  auto flags = std::make_shared<Flags>();
  return {.name = "log prove",
          .summary = "one leaf's inclusion proof, as c2sp.org/tlog-proof",
          .details = "  kalavai-coordinator log prove 17 > leaf-17.tlog-proof\n",
          .configure =
              [flags](CLI::App& app) {
                AddAdminFlags(app, flags->admin);
                AddLogKeyFlag(app, flags->key);
                app.add_option("INDEX", flags->index, "the leaf's index, from 0")
                    ->check(WholeFromZero())
                    ->required();
              },
          .run = [flags](Console& console) { return ProveLeaf(*flags, console); }};
}

}  // namespace kalavai::coordinator
