// Every limit of the system: a name, a number, a reason, and the relations between them.
// docs/architecture.md quotes this file; the tidy test compares. What is not here: parameters of an
// algorithm (they stand beside their formula) and limits that a format itself sets.
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
inline constexpr int64_t kStreamIdleSeconds = 60;       // then whoever holds a stream is cut off
inline constexpr int64_t kHandshakeSeconds = 10;        // gRPC's own 120 s let silent peers pile up
inline constexpr int64_t kStreamsPerConnectionMax =
    128;                                                // watchers included; 100 is HTTP/2's least
inline constexpr int64_t kServerKeepaliveSeconds = 60;  // dead peers are found
inline constexpr int64_t kServerPingIntervalSeconds = 10;  // more often is abuse
inline constexpr int64_t kClientKeepaliveSeconds = 30;     // below common NAT timeouts
inline constexpr int64_t kClientKeepaliveTimeoutSeconds = 10;
inline constexpr int64_t kReconnectSecondsMax = 5;
inline constexpr int64_t kDrainSeconds =
    30;  // open calls finish; systemd waits 90 s before SIGKILL
inline constexpr int64_t kHealthSeconds = 5;  // between two looks at database and disk

// Calls.
inline constexpr int64_t kCallSeconds = 30;            // a unary call's deadline
inline constexpr int64_t kLongCallSeconds = 2 * 3600;  // imports: the server hashes gigabytes
inline constexpr int64_t kCallAttempts = 3;            // of what may be repeated
inline constexpr int64_t kRetryMilliseconds = 200;     // before the first repetition, then doubled
inline constexpr int64_t kRetryMillisecondsMax = 2000;
inline constexpr int64_t kUploadPatienceSeconds = 90;  // without one more byte persisted
inline constexpr int64_t kDownloadAttemptsMax = 5;     // in a row without one more byte
inline constexpr int64_t kWatchAttemptsMax = 30;       // a minute each, for a verdict
inline constexpr int64_t kPageSizeDefault = 100;
inline constexpr int64_t kPageSizeMax = 500;

// Error texts: all of one error travel in one HTTP/2 header block.
inline constexpr int64_t kHeaderBlockBytesMax = 8 * kKiB;  // gRPC's default
inline constexpr int64_t kErrorMessageBytesMax = 1024;
inline constexpr int64_t kErrorTextBytesMax = 512;  // why, fix
inline constexpr int64_t kErrorMetadataEntriesMax = 16;
inline constexpr int64_t kErrorMetadataBytesMax = 256;  // a name, a value

// Uploads.
inline constexpr int64_t kUploadSyncBytes = 64 * kMiB;  // fdatasync at least this often
inline constexpr int64_t kUploadExpirySeconds = 72 * 3600;
inline constexpr int64_t kUploadsPerContributorMax = 2;
inline constexpr int64_t kUploadsOpenMax = 64;
inline constexpr int64_t kSubmissionFilesMax = 64;
inline constexpr int64_t kUnnamedBlobSeconds = 24 * 3600;  // then a blob without a row is collected
// Kept of rejected submissions: small files (signature, reports) of each member's newest ones.
inline constexpr int64_t kEvidenceFileBytesMax = kMiB;
inline constexpr int64_t kEvidenceSubmissionsMax = 16;
// Admitted specialists of one member; the bytes of superseded ones stay for released models.
inline constexpr int64_t kSubmissionVersionsMax = 16;
inline constexpr int64_t kFreeSpaceFloorBytes = kGiB;  // kept free: max(this, 2 x declared)
inline constexpr int64_t kFreeSpaceFloorFactor = 2;

// Work that waits. More is refused with QUEUE_FULL: a client's retry is cheaper than a long line.
inline constexpr int64_t kWorkerThreads = 2;  // syncs and imports; SQLite has one writer anyway
inline constexpr int64_t kWorkerTasksMax = 64;
inline constexpr int64_t kAdmissionTasksMax = 64;
inline constexpr int64_t kFusionTasksMax = 64;
inline constexpr int64_t kWithdrawalTasksMax = 4;  // each does everything that waits
inline constexpr int64_t kGenerationQueueMax = 64;

// Foreign files, checked before they are read.
inline constexpr int64_t kSafetensorsHeaderBytesMax = 16 * kMiB;
inline constexpr int64_t kKeyFileBytesMax = 64 * kKiB;  // one key in PEM
inline constexpr int64_t kNoteBytesMax = 128 * kKiB;    // a tree head with its witnesses
inline constexpr int64_t kNoteSignaturesMax = 64;
inline constexpr int64_t kSafetensorsFormatHeaderBytesMax =
    100'000'000;  // of a file that is no upload: the reference implementation's
inline constexpr int64_t kSafetensorsRankMax = 8;
inline constexpr int64_t kSafetensorsNameBytesMax = 64 * kKiB;
inline constexpr int64_t kSafetensorsUploadNameBytesMax = 512;
inline constexpr int64_t kSafetensorsMetadataEntriesMax = 1024;
inline constexpr int64_t kSafetensorsMetadataBytesMax = kMiB;
inline constexpr int64_t kHashThreadsMax = 8;  // files hashed at once
inline constexpr int64_t kJsonBytesMax = kMiB;
inline constexpr int64_t kJsonDepthMax = 32;
inline constexpr int64_t kModelSignatureBytesMax = 16 * kMiB;
inline constexpr int64_t kRouterBytesMax = 64 * kMiB;
inline constexpr int64_t kBaseBytesMax = kGiB * kKiB;  // 1 TiB: sums stay far from overflow
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
inline constexpr int64_t kChunkTokensDefault = 256;
inline constexpr int64_t kChunkTokensMax = 4096;
inline constexpr int64_t kDomainsMax = 64;
inline constexpr int64_t kContributorsMax = 500;   // a page holds all of a cooperative
inline constexpr int64_t kPlannedMembersMax = 64;  // of one question what if
inline constexpr int64_t kCommentBytesMax = 1000;  // an administrator's words in the log

// A fusion's numbers.
inline constexpr int64_t kFusionStepsDefault = 500;  // the protocol's number
inline constexpr int64_t kFusionStepsMax = 20'000;
inline constexpr int64_t kFusionThreadsMax = 1024;
inline constexpr int64_t kProbeJobsMax = 64;  // processes that a fusion starts at once
inline constexpr int64_t kProbeJobAttempts =
    3;  // of one that is killed, before it counts as failed
inline constexpr int64_t kProbePollMilliseconds = 100;  // looks at processes and locks
inline constexpr int64_t kReferenceModelsMax = 8;       // each costs one more probe pass

// Identity.
inline constexpr int64_t kInvitationSeconds = 24 * 3600;
inline constexpr int64_t kCertificateSeconds = 90 * 24 * 3600;
inline constexpr int64_t kCertificateRenewSeconds = 60 * 24 * 3600;

// Generation.
inline constexpr int64_t kPromptBytesMax = 64 * kKiB;
inline constexpr int64_t kOutputTokensDefault = 64;
inline constexpr int64_t kOutputTokensMax = 1'048'576;  // the model's context is the real limit
inline constexpr int64_t kStopsMax = 16;
inline constexpr int64_t kStopBytesMax = 256;

// Logs. Longer values are cut: a line is for reading, and a foreign text must not fill the disk.
inline constexpr int64_t kLogValueBytesMax = 4 * kKiB;

// Names: AIP-122 identifiers, [a-z][a-z0-9-]*.
inline constexpr int64_t kIdLengthMax = 63;

static_assert(kUploadChunkBytes < kUploadMessageBytesMax, "a chunk must fit its message");
static_assert(kTextChunkBytes < kMessageBytesMax, "a piece of probe text must fit its message");
static_assert(kMessageBytesMax < kUploadMessageBytesMax, "the listener's limit is the larger one");
static_assert(kPromptBytesMax + kStopsMax * kStopBytesMax < kMessageBytesMax,
              "a prompt and its stops must fit their message");
static_assert(kPageSizeDefault <= kPageSizeMax);
static_assert(kPageSizeMax * 512 <= kMessageBytesMax, "a page of rows of 512 bytes must fit");
static_assert(kContributorsMax <= kPageSizeMax, "all contributors come in one page");
static_assert(kErrorMessageBytesMax + 2 * kErrorTextBytesMax < kHeaderBlockBytesMax / 2,
              "message, why and fix leave room for metadata in one header block");
static_assert(kCommentBytesMax < kMessageBytesMax);
static_assert(kUploadChunkBytes <= kUploadSyncBytes, "at least one chunk between two syncs");
static_assert(kUploadsPerContributorMax <= kUploadsOpenMax);
static_assert(kUploadPatienceSeconds > kStreamIdleSeconds,
              "a client outlives the server's patience, so that it can ask what was kept");
static_assert(kJsonBytesMax <= kModelSignatureBytesMax);
static_assert(kJsonBytesMax <= kEvidenceFileBytesMax, "a report is evidence");
static_assert(kDocumentCharactersMax * 4 <= kTextLineBytesMax, "four bytes a character at most");
static_assert(kTextLineBytesMax <= kTextFileBytesMax);
static_assert(kProbeTextBytesMax <= kTextFileBytesMax);
static_assert(kChunkTokensMin <= kChunkTokensDefault && kChunkTokensDefault <= kChunkTokensMax);
static_assert(kFusionStepsDefault <= kFusionStepsMax);
static_assert(kOutputTokensDefault <= kOutputTokensMax);
static_assert(kCertificateRenewSeconds < kCertificateSeconds, "renewal comes before expiry");
static_assert(kServerPingIntervalSeconds < kClientKeepaliveSeconds,
              "a client's keepalive must not look like abuse");
static_assert(kClientKeepaliveTimeoutSeconds < kClientKeepaliveSeconds);
static_assert(kHandshakeSeconds < kCallSeconds);
static_assert(kRetryMilliseconds <= kRetryMillisecondsMax);
static_assert(kDrainSeconds < 90, "systemd's default TimeoutStopSec");

}  // namespace kalavai::limits

#endif  // KALAVAI_COMMON_BASE_LIMITS_H_
