// An upload whose chunks go to several instances: whoever takes the last one completes it, once, and nothing comes after.
#include <atomic>
#include <random>
#include <thread>

#include "edgesync/sdk/error.h"
#include "kernel/data/digest.h"
#include "tests/unit/store_postgres/instance.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

using data::ChunkUpload;
using data::UploadKind;

constexpr std::int64_t kTotal = 3'100'007;
constexpr std::int64_t kChunk = 200'003;

std::string random_text(std::size_t size, unsigned seed) {
    std::minstd_rand random(seed);
    std::string out(size, '\0');
    for (char& octet : out) octet = static_cast<char>(random() >> 8U);
    return out;
}

/// Where the octets are: with the folder, large data is in files.
enum class Place { Rows, Files };

class Uploads : public ::testing::TestWithParam<Place> {
protected:
    void SetUp() override {
        Given given;
        if (GetParam() == Place::Files) given = {{"PostgresBlobPath", folder_.path().string()}, {"PostgresBlobPathAboveKB", "64"}};
        settings_ = database_settings(schema_of_test(), given);
        here_ = std::make_unique<Instance>(settings_);
        there_ = std::make_unique<Instance>(settings_);
    }

    ChunkUpload::Target target(UploadKind kind) const {
        ChunkUpload::Target target;
        target.kind = kind;
        target.key = kKey;
        target.peer = kNode;
        target.instance_id = kVersion;
        if (kind == UploadKind::Node) {
            target.check_signature = [](const Metadata&, BlobWriter&) { return objects::PublishRequest::Signature::None; };
        }
        return target;
    }
    static std::string_view part(const std::string& data, ContentRange range) {
        return std::string_view(data).substr(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
    }
    /// One request for one range, in pieces as they come from a socket. True: it completed the object.
    bool send(Instance& instance, UploadKind kind, const std::string& data, ContentRange range) const {
        const auto upload = instance.upload(target(kind), range);
        upload->start();
        for (std::string_view rest = part(data, range); !rest.empty();) {
            const std::string_view piece = rest.substr(0, 65'536);
            upload->write(std::as_bytes(std::span(piece)));
            rest.remove_prefix(piece.size());
        }
        return upload->finish();
    }
    static ContentRange range_at(std::int64_t begin) { return {begin, std::min(begin + kChunk, kTotal), kTotal}; }
    /// All ranges, each twice, in any order, by four threads on both instances. How often a request completed the object.
    int send_all(UploadKind kind, const std::string& data, unsigned seed) {
        std::vector<std::int64_t> begins;
        for (std::int64_t begin = 0; begin < kTotal; begin += kChunk) begins.insert(begins.end(), 2, begin);
        std::shuffle(begins.begin(), begins.end(), std::mt19937(seed));
        std::atomic<std::size_t> next = 0;
        std::atomic<int> completions = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([&, i] {
                for (std::size_t at = next++; at < begins.size(); at = next++) {
                    try {
                        if (send(i % 2 == 0 ? *here_ : *there_, kind, data, range_at(begins[at]))) ++completions;
                    } catch (const Error& e) {
                        // A repetition that came too late.
                        EXPECT_TRUE(e.kind() == ErrorKind::Busy || e.kind() == ErrorKind::Conflict) << e.what();
                    }
                }
            });
        }
        for (auto& thread : threads) thread.join();
        return completions;
    }
    void expect_data(const std::string& data) {
        for (Instance* instance : {here_.get(), there_.get()}) {
            EXPECT_TRUE(instance->data(kKey) == data);
            EXPECT_EQ(data::to_hex(instance->digest(kKey)), data::to_hex(data::sha256_of(data)));
        }
    }

    const ObjectKey kKey{"acme", "model", "m1"};
    const NodeKey kNode{"acme", "camera", "cam1"};
    static constexpr InstanceId kVersion = 77;
    const TemporaryFolder folder_;
    Given settings_;
    std::unique_ptr<Instance> here_;
    std::unique_ptr<Instance> there_;
};

TEST_P(Uploads, OfAnApplicationCompleteOnceWhereverTheirChunksGo) {
    for (unsigned seed = 1; seed <= 4; ++seed) {
        here_->publish(kKey);
        const std::string data = random_text(kTotal, seed);
        EXPECT_EQ(send_all(UploadKind::Application, data, seed), 1) << seed;
        expect_data(data);
        EXPECT_EQ(here_->object(kKey)->status, ObjectStatus::Ready);
    }
}

TEST_P(Uploads, OfANodeCompleteOnceWhereverTheirChunksGo) {
    here_->await(kKey, kNode, kVersion, kTotal);
    const std::string data = random_text(kTotal, 9);
    EXPECT_EQ(send_all(UploadKind::Node, data, 9), 1);
    expect_data(data);
    EXPECT_EQ(there_->object(kKey)->status, ObjectStatus::CompletelyReceived);
}

// The octets of the late request wait in its process while the other one completes the upload.
TEST_P(Uploads, ThatAreCompleteAreNotChangedByALateChunkElsewhere) {
    const std::string data = random_text(kTotal, 1);
    const std::string other = random_text(kTotal, 2);
    for (const std::int64_t before : {0L, 1000L, 200'000L}) {
        here_->publish(kKey);
        const ContentRange first = range_at(0);
        EXPECT_FALSE(send(*here_, UploadKind::Application, data, first));
        const auto late = there_->upload(target(UploadKind::Application), first);
        late->start();
        const std::string_view octets = part(other, first);
        // What was written before the seal is part of the data, so it is the same; the rest is not.
        late->write(std::as_bytes(std::span(part(data, first).substr(0, static_cast<std::size_t>(before)))));
        for (std::int64_t begin = kChunk; begin < kTotal; begin += kChunk) {
            EXPECT_EQ(send(*here_, UploadKind::Application, data, range_at(begin)), begin + kChunk >= kTotal);
        }
        EXPECT_THROW(
            {
                late->write(std::as_bytes(std::span(octets.substr(static_cast<std::size_t>(before)))));
                late->finish();
            },
            Error)
            << before;
        expect_data(data);
    }
}

TEST_P(Uploads, WrittenAnewElsewhereHaveTheDigestOfWhatIsThere) {
    here_->publish(kKey);
    const std::string former = random_text(kTotal, 1);
    const std::string data = random_text(kTotal, 2);
    // This instance has hashed the beginning of the former data while it wrote.
    for (std::int64_t begin = 0; begin + kChunk < kTotal; begin += kChunk) {
        EXPECT_FALSE(send(*here_, UploadKind::Application, former, range_at(begin)));
    }
    for (std::int64_t begin = 0; begin + kChunk < kTotal; begin += kChunk) {
        EXPECT_FALSE(send(*there_, UploadKind::Application, data, range_at(begin)));
    }
    EXPECT_TRUE(send(*here_, UploadKind::Application, data, range_at(kTotal / kChunk * kChunk)));
    expect_data(data);
}

// The process that sealed the upload ended before it published it; the client, without an answer, repeats its last chunk.
TEST_P(Uploads, WhoseCompletionWasInterruptedAreCompletedByARepetition) {
    here_->publish(kKey);
    const std::string data = random_text(kTotal, 1);
    for (std::int64_t begin = kChunk; begin < kTotal; begin += kChunk) {
        EXPECT_FALSE(send(*here_, UploadKind::Application, data, range_at(begin)));
    }
    const BlobId blob = here_->object(kKey)->staged.value();
    const auto writer = here_->store().blobs().reopen(blob);
    writer->write(0, std::as_bytes(std::span(part(data, range_at(0)))));
    writer->sync();
    here_->store().blobs().seal(blob);
    here_.reset();
    here_ = std::make_unique<Instance>(settings_);
    EXPECT_TRUE(send(*there_, UploadKind::Application, data, range_at(0)));
    expect_data(data);
}

INSTANTIATE_TEST_SUITE_P(In, Uploads, ::testing::Values(Place::Rows, Place::Files),
                         [](const auto& given) { return given.param == Place::Rows ? "Rows" : "Files"; });

}  // namespace
}  // namespace edgesync::postgres
