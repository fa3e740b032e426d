// `kalavai join CODE`: from an invitation to a workspace that can prove who it is.
//
// 1. Finds the authority in the chain the enrolment listener shows, by the fingerprint in the
//    invitation; nothing has been sent until then (COORDINATOR_NOT_TRUSTED).
// 2. Makes two P-256 keys here: one for TLS, one that signs submissions. Neither ever leaves.
// 3. Enrols: secret, certificate request, public key and proof of possession go out; certificate,
//    coordinator's public key and charter come back and are verified.
// 4. Writes everything, member.json last: a directory without it is no workspace, so that a join
//    that breaks off leaves nothing that counts. ALREADY_JOINED when it is there.
#ifndef KALAVAI_CONTRIBUTOR_JOIN_JOIN_COMMAND_H_
#define KALAVAI_CONTRIBUTOR_JOIN_JOIN_COMMAND_H_

#include "common/cli/program.h"

namespace kalavai::contributor {

Command MakeJoinCommand();

}  // namespace kalavai::contributor

#endif  // KALAVAI_CONTRIBUTOR_JOIN_JOIN_COMMAND_H_
