// kalavai-coordinator: the server, and the administrator's and operator's commands.
#include <cstdlib>

#include <google/protobuf/stubs/common.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "common/cli/program.h"
#include "coordinator/admin/base_import_command.h"
#include "coordinator/admin/base_pretrain_command.h"
#include "coordinator/admin/coop_command.h"
#include "coordinator/admin/credit_command.h"
#include "coordinator/admin/decide_command.h"
#include "coordinator/admin/fuse_command.h"
#include "coordinator/admin/init_command.h"
#include "coordinator/admin/invite_command.h"
#include "coordinator/admin/log_command.h"
#include "coordinator/admin/matrix_command.h"
#include "coordinator/admin/members_command.h"
#include "coordinator/admin/models_command.h"
#include "coordinator/admin/operations_command.h"
#include "coordinator/admin/predict_command.h"
#include "coordinator/admin/probe_add_command.h"
#include "coordinator/admin/release_command.h"
#include "coordinator/admin/rollback_command.h"
#include "coordinator/fusion/probe_command.h"
#include "coordinator/server/serve_command.h"
#include "coordinator/server/verify_command.h"

int main(int argc, char** argv) {
  using namespace kalavai::coordinator;  // NOLINT(google-build-using-namespace): a table of names
  // gRPC's own lines repeat, unreadably, what our errors say. Set the variable to see them.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  // Standard error is for our errors (one object with --format json), not for protobuf's lines.
  google::protobuf::SetLogHandler(nullptr);
  // cuBLAS is deterministic only with it, and some LibTorch refuse to run without (--device cuda).
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  const kalavai::Program program = {
      .name = "kalavai-coordinator",
      .summary =
          "Coordinates a cooperative whose members build one language model from specialists"
          " trained at home.",
      .details =
          "In order: init, serve, coop create, base import, coop probe add, coop launch, "
          "invite,\nmembers, predict, fuse, release.\n",
      .groups = {{"coop", "the cooperative and its charter"},
                 {"coop probe", "public text for router and evaluation"},
                 {"probe", "probe passes as processes of their own"},
                 {"base", "the model every specialist starts from"}},
      .libraries = {
          {"LibTorch", KALAVAI_LIBTORCH_VERSION},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"SQLite", sqlite3_libversion()},
          {"gRPC", grpc::Version()},
          {"protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)}}};
  // One command a line, in the order of the protocol.
  return kalavai::RunProgram(
      program,
      {
          MakeInitCommand(),      MakeServeCommand(),        MakeCoopCreateCommand(),
          MakeCoopShowCommand(),  MakeBasePretrainCommand(), MakeBaseImportCommand(),
          MakeProbeAddCommand(),  MakeCoopLaunchCommand(),   MakeInviteCommand(),
          MakeMembersCommand(),   MakeRemoveMemberCommand(), MakeDecideCommand(),
          MakePredictCommand(),   MakeFuseCommand(),         MakeMatrixCommand(),
          MakeCreditCommand(),    MakeReleaseCommand(),      MakeRollbackCommand(),
          MakeModelsCommand(),    MakeLogCommand(),          MakeLogVerifyCommand(),
          MakeLogProveCommand(),  MakeHealthCommand(),       MakeMetricsCommand(),
          MakeProbeListCommand(), MakeProbeRunCommand(),     MakeVerifyCommand(),
      },
      argc, argv);
}
