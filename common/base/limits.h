// Every limit of the system: a name, a number, a reason, and the relations between them.
// docs/architecture.md quotes this file; the tidy test compares.
#ifndef KALAVAI_COMMON_BASE_LIMITS_H_
#define KALAVAI_COMMON_BASE_LIMITS_H_

#include <cstdint>

namespace kalavai::limits {

inline constexpr int64_t kKiB = 1024;
inline constexpr int64_t kMiB = 1024 * kKiB;
inline constexpr int64_t kGiB = 1024 * kMiB;

// Transport. Compression is off on both sides: a 972 KB gzip message can cost 1 GB.
inline constexpr int64_t kUploadChunkBytes = kMiB;
inline constexpr int64_t kUploadMessageBytesMax = kMiB + kMiB / 10;  // a chunk and its framing
inline constexpr int64_t kMessageBytesMax = 256 * kKiB;              // every other call
inline constexpr int64_t kTextChunkBytes = 128 * kKiB;  // probe text travels in such pieces
inline constexpr int64_t kStreamIdleSeconds = 60;
inline constexpr int64_t kHandshakeSeconds = 10;

// Uploads.
inline constexpr int64_t kUploadSyncBytes = 64 * kMiB;  // fdatasync at least this often
inline constexpr int64_t kUploadExpirySeconds = 72 * 3600;
inline constexpr int64_t kUploadsPerContributorMax = 2;
inline constexpr int64_t kUploadsOpenMax = 64;
inline constexpr int64_t kSubmissionFilesMax = 64;
inline constexpr int64_t kFreeSpaceFloorBytes = kGiB;  // kept free: max(this, 2 x declared)

// Foreign files, checked before they are read.
inline constexpr int64_t kSafetensorsHeaderBytesMax = 16 * kMiB;
inline constexpr int64_t kKeyFileBytesMax = 64 * kKiB;  // one key in PEM
inline constexpr int64_t kNoteBytesMax = 128 * kKiB;    // a tree head with its witnesses
inline constexpr int64_t kNoteSignaturesMax = 64;
inline constexpr int64_t kJsonBytesMax = kMiB;
inline constexpr int64_t kJsonDepthMax = 32;
inline constexpr int64_t kModelSignatureBytesMax = 16 * kMiB;
inline constexpr int64_t kTokenizerBytesMax =
    64 * kMiB;  // a tokenizer.json of 250,000 tokens is about 17 MB
inline constexpr int64_t kDocumentCharactersMax =
    6000;  // a .txt file is cut at blank lines into such documents; in every script the same
inline constexpr int64_t kTextFileBytesMax = 4 * kGiB;   // documents are held in memory
inline constexpr int64_t kTextLineBytesMax = 64 * kMiB;  // a line of .jsonl is one document
inline constexpr int64_t kProbeTextBytesMax = 64 * kMiB;

// A charter's numbers: both sides refuse what lies outside.
inline constexpr int64_t kFreezeDepthMax = 1024;
inline constexpr int64_t kChunkTokensMin = 16;
inline constexpr int64_t kChunkTokensMax = 4096;

// Identity.
inline constexpr int64_t kInvitationSeconds = 24 * 3600;
inline constexpr int64_t kCertificateSeconds = 90 * 24 * 3600;
inline constexpr int64_t kCertificateRenewSeconds = 60 * 24 * 3600;

// Generation.
inline constexpr int64_t kPromptBytesMax = 64 * kKiB;
inline constexpr int64_t kGenerationQueueMax = 64;

// Names: AIP-122 identifiers, [a-z][a-z0-9-]*.
inline constexpr int64_t kIdLengthMax = 63;

static_assert(kUploadChunkBytes < kUploadMessageBytesMax, "a chunk must fit its message");
static_assert(kTextChunkBytes < kMessageBytesMax, "a piece of probe text must fit its message");
static_assert(kPromptBytesMax < kMessageBytesMax, "a prompt must fit its message");
static_assert(kUploadChunkBytes <= kUploadSyncBytes, "at least one chunk between two syncs");
static_assert(kCertificateRenewSeconds < kCertificateSeconds, "renewal comes before expiry");

}  // namespace kalavai::limits

#endif  // KALAVAI_COMMON_BASE_LIMITS_H_
