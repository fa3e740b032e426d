// A directory with one ordered pass: a tiny base, two domains of text, files as blobs.
#ifndef KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_PASS_FIXTURE_H_
#define KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_PASS_FIXTURE_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "coordinator/fusion/pass_job.h"
#include "coordinator/fusion/pass_order.h"
#include "coordinator/fusion/probe_texts.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_checkpoint.h"

namespace kalavai::coordinator {

struct OrderedPass {
  testing::TempDir temp;
  std::unique_ptr<BlobStore> blobs =
      BlobStore::Open(temp.File("blobs"), {.free_space_floor_bytes = 0}).value();
  std::string work = temp.File("fusions");
  std::string base = temp.File("base");
  PassOrder order;
  ProbeText probe;

  OrderedPass() {
    testing::WriteTinyBase(base, 1);
    for (const char* const path : {"config.json", "model.safetensors", "tokenizer.json"}) {
      order.model.push_back({path, blobs->PutFile(absl::StrCat(base, "/", path)).value()});
    }
    order.tokenizer = order.model.back().digest;
    order.chunk_tokens = 32;
    order.machine = ThisMachine(Device::kCpu, 1);
    std::vector<ProbeTextFile> files;
    for (const int language : {0, 1}) {
      const std::string path = temp.File(absl::StrCat("text-", language));
      testing::WriteFile(path, testing::TinyText(language, 200));
      files.push_back({absl::StrCat("domain-", language), language == 1, "txt", path});
      order.texts.push_back({.domain = files.back().domain,
                             .public_class = files.back().public_class,
                             .format = "txt",
                             .digest = blobs->PutFile(path).value()});
    }
    probe = ReadProbeText(files, base + "/tokenizer.json", order.chunk_tokens).value();
    order.key = {.model_digest = Sha256Of("model").Hex(),
                 .probe_digest = probe.digest,
                 .arithmetic_digest = ArithmeticDigest(order.machine)};
  }

  std::string Name() const { return PassName(order.key); }
  void Write() const { REQUIRE_OK(WritePassOrder(*blobs, order, work)); }
  std::string File(const std::string& name) const {
    return absl::StrCat(PassDirectory(work, Name()), "/", name);
  }
};

}  // namespace kalavai::coordinator

#endif  // KALAVAI_TESTS_UNIT_COORDINATOR_FUSION_PASS_FIXTURE_H_
