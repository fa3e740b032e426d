// The member's program: a table of commands, in the order a member uses them.
#include <cstdlib>

#include <google/protobuf/stubs/common.h>
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/grpcpp.h>
#include <openssl/crypto.h>

#include "common/cli/program.h"
#include "contributor/checkpoint/digest_command.h"
#include "contributor/checkpoint/fetch_command.h"
#include "contributor/checkpoint/inspect_command.h"
#include "contributor/checkpoint/sign_command.h"
#include "contributor/checkpoint/verify_command.h"
#include "contributor/inference/ask_command.h"
#include "contributor/inference/generate_command.h"
#include "contributor/join/join_command.h"
#include "contributor/key/key_create_command.h"
#include "contributor/prediction/credit_command.h"
#include "contributor/prediction/matrix_command.h"
#include "contributor/prediction/predict_command.h"
#include "contributor/sample/share_sample_command.h"
#include "contributor/status/status_command.h"
#include "contributor/submission/submit_command.h"
#include "contributor/tokenizer/tokenizer_decode_command.h"
#include "contributor/tokenizer/tokenizer_encode_command.h"
#include "contributor/tokenizer/tokenizer_fit_command.h"
#include "contributor/tokenizer/tokenizer_train_command.h"
#include "contributor/training/evaluate_command.h"
#include "contributor/training/statistics_command.h"
#include "contributor/training/train_command.h"
#include "contributor/withdrawal/verify_receipt_command.h"
#include "contributor/withdrawal/withdraw_command.h"

int main(int argc, char** argv) {
  using namespace kalavai::contributor;  // NOLINT(google-build-using-namespace): a table of names
  // Standard error is for our errors (one object with --format json), not for protobuf's lines.
  google::protobuf::SetLogHandler(nullptr);
  // cuBLAS is deterministic only with it, and some LibTorch refuse to run without (--device cuda).
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  const kalavai::Program program = {
      .name = "kalavai",
      .summary = "a member of a cooperative that builds one language model without sharing text",
      .details =
          "  kalavai join CODE\n  kalavai fetch\n  kalavai train --data FILE --pilot\n"
          "  kalavai predict\n  kalavai train --data FILE\n  kalavai submit\n  kalavai ask "
          "PROMPT\n",
      .groups = {{"checkpoint", "files of a model, without a coordinator"},
                 {"key", "keys for signing"},
                 {"tokenizer", "text as token ids and back, and what a language costs"}},
      .libraries = {
          {"LibTorch", KALAVAI_LIBTORCH_VERSION},
          {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
          {"gRPC", grpc::Version()},
          {"protobuf", google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION)}}};
  return kalavai::RunProgram(program,
                             {
                                 MakeJoinCommand(),
                                 MakeFetchCommand(),
                                 MakeTrainCommand(),
                                 MakeEvaluateCommand(),
                                 MakeStatisticsCommand(),
                                 MakePredictCommand(),
                                 MakeSubmitCommand(),
                                 MakeStatusCommand(),
                                 MakeMatrixCommand(),
                                 MakeCreditCommand(),
                                 MakeAskCommand(),
                                 MakeGenerateCommand(),
                                 MakeShareSampleCommand(),
                                 MakeWithdrawCommand(),
                                 MakeVerifyReceiptCommand(),
                                 MakeTokenizerEncodeCommand(),
                                 MakeTokenizerDecodeCommand(),
                                 MakeTokenizerFitCommand(),
                                 MakeTokenizerTrainCommand(),
                                 MakeKeyCreateCommand(),
                                 MakeCheckpointInspectCommand(),
                                 MakeCheckpointDigestCommand(),
                                 MakeCheckpointSignCommand(),
                                 MakeCheckpointVerifyCommand(),
                             },
                             argc, argv);
}
