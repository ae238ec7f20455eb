// PostgresBlobPath: which folder is accepted, and what is removed from it.
#include <utime.h>

#include <gmock/gmock.h>
#include <fstream>
#include <thread>

#include "blob_name.h"
#include "edgesync/sdk/error.h"
#include "plugins/store-postgres/shared_folder.h"
#include "tests/unit/store_postgres/instance.h"
#include "tests/unit/temporary_folder.h"

namespace edgesync::postgres {
namespace {

using ::testing::HasSubstr;

class BlobFolder : public ::testing::Test {
protected:
    Given with(const std::string& path, const std::string& schema = schema_of_test()) const {
        return path.empty() ? database_settings(schema)
                            : database_settings(schema, {{"PostgresBlobPath", path}, {"PostgresBlobPathAboveKB", "64"}});
    }
    std::string refusal(const Given& settings) const {
        try {
            Instance instance(settings);
        } catch (const Error& e) {
            return e.what();
        }
        return "it started";
    }
    static std::unique_ptr<BlobWriter> stage(Instance& instance, const BlobId& id, std::int64_t size) {
        auto writer = instance.store().blobs().create_sized(id, size);
        const std::string octets(static_cast<std::size_t>(size), 'x');
        writer->write(0, std::as_bytes(std::span(octets)));
        writer->sync();
        return writer;
    }
    static void put(Instance& instance, const BlobId& id, std::int64_t size) {
        BlobRecord record;
        record.id = id;
        record.owner = {"acme", "model", "m1"};
        record.state = BlobState::Published;
        record.total = size;
        instance.change([&](WriteTransaction& txn, rules::Effects&) { txn.put_blob(record); });
    }
    bool has_file(const BlobId& id) const { return std::filesystem::exists(folder_.path() / durable::path_of(id)); }

    const TemporaryFolder folder_;
    const std::string path_ = folder_.path().string();
};

TEST_F(BlobFolder, IsForLargeDataAlone) {
    Instance instance(with(path_));
    const BlobId small = instance.store().blobs().new_id();
    const BlobId large = instance.store().blobs().new_id();
    const BlobId unknown = instance.store().blobs().new_id();
    stage(instance, small, 65'536);
    stage(instance, large, 65'537);
    instance.store().blobs().create(unknown);
    EXPECT_FALSE(has_file(small));
    EXPECT_TRUE(has_file(large));
    EXPECT_TRUE(has_file(unknown));
}

TEST_F(BlobFolder, OfAnotherDatabaseIsRefused) {
    Instance{with(path_)};
    EXPECT_EQ(refusal(with(path_)), "it started");
    EXPECT_THAT(refusal(with(path_, schema_of_test() + "x")), HasSubstr("belongs to another database"));
}

TEST_F(BlobFolder, ThatIsNotTheSharedOneIsRefused) {
    Instance{with(path_)};
    const TemporaryFolder local;
    EXPECT_THAT(refusal(with(local.path().string())), HasSubstr("is not the folder that the other instances share"));
    EXPECT_THAT(refusal(with(path_ + "/missing")), HasSubstr("does not exist: mount or create"));
}

TEST_F(BlobFolder, IsNeededAsLongAsDataIsThere) {
    BlobId id;
    {
        Instance instance(with(path_));
        id = instance.store().blobs().new_id();
        stage(instance, id, 100'000);
        put(instance, id, 100'000);
    }
    EXPECT_THAT(refusal(with("")), HasSubstr("PostgresBlobPath is not set, but data of this database is in a folder"));
    {
        Instance instance(with(path_));
        instance.change([&](WriteTransaction& txn, rules::Effects&) { txn.erase_blob(id); });
    }
    EXPECT_EQ(refusal(with("")), "it started");
}

TEST_F(BlobFolder, IsCreatedOnceByThoseThatStartTogether) {
    std::vector<std::string> refusals(4);
    std::vector<std::thread> threads;
    const Given settings = with(path_);
    for (auto& one : refusals) threads.emplace_back([&] { one = refusal(settings); });
    for (auto& thread : threads) thread.join();
    for (const auto& one : refusals) EXPECT_EQ(one, "it started");
}

TEST_F(BlobFolder, ALostOrShortenedFileIsAnErrorAndNotLessData) {
    Instance instance(with(path_));
    const BlobId id = instance.store().blobs().new_id();
    stage(instance, id, 100'000);
    put(instance, id, 100'000);
    const auto open = [&] { instance.store().read([&](ReadTransaction& txn) { txn.open_blob(id); }); };
    EXPECT_NO_THROW(open());
    std::filesystem::resize_file(folder_.path() / durable::path_of(id), 99'999);
    EXPECT_THROW(open(), Error);
    std::filesystem::remove(folder_.path() / durable::path_of(id));
    EXPECT_THROW(open(), Error);
}

TEST_F(BlobFolder, IsSweptOfWhatNobodyNeeds) {
    BlobId orphan;
    BlobId staged;
    BlobId kept;
    Instance alive(with(path_));
    {
        Instance ended(with(path_));
        BlobStore& blobs = ended.store().blobs();
        for (BlobId* id : {&orphan, &kept}) stage(ended, *id = blobs.new_id(), 100'000);
        put(ended, kept, 100'000);
        stage(alive, staged = blobs.new_id(), 100'000);
    }
    Instance{with(path_)};
    EXPECT_FALSE(has_file(orphan)) << "its process has ended";
    EXPECT_TRUE(has_file(staged)) << "its process lives";
    EXPECT_TRUE(has_file(kept)) << "it has a record";
    alive.store().blobs().discard(staged);
    Instance{with(path_)};
    EXPECT_FALSE(has_file(staged)) << "it was discarded";
}

TEST_F(BlobFolder, KeepsWhatCannotBeRemovedAndNothingElse) {
    std::vector<BlobId> orphans(150);  // More than are looked at together.
    {
        Instance ended(with(path_));
        for (BlobId& id : orphans) stage(ended, id = ended.store().blobs().new_id(), 100'000);
    }
    std::vector<std::filesystem::path> stuck;
    for (auto id = orphans.begin() + 1; id != orphans.end() - 1; ++id) stuck.push_back(folder_.path() / durable::path_of(*id));
    for (const auto& path : stuck) {
        std::filesystem::remove(path);
        std::filesystem::create_directory(path);  // Cannot be removed as a file is, whoever runs the test.
    }
    {
        Instance instance(with(path_));
        EXPECT_FALSE(has_file(orphans.front()));
        EXPECT_TRUE(has_file(orphans[1]));
        EXPECT_FALSE(has_file(orphans.back()));
        EXPECT_THAT(instance.store().health().problem, HasSubstr("has a file that cannot be removed, "));
    }
    for (const auto& path : stuck) std::filesystem::remove(path);
    EXPECT_EQ(Instance(with(path_)).store().health().problem, "");
}

TEST_F(BlobFolder, IsSweptOfFilesThatTheDatabaseDoesNotKnowAfterADay) {
    Instance instance(with(path_));
    BlobId id = instance.store().blobs().new_id();
    for (const bool is_old : {false, true}) {
        for (const bool is_known : {false, true}) {
            id = instance.store().blobs().new_id();
            id.bytes.back() = 0;  // The first folder that a start looks into.
            const auto file = folder_.path() / durable::path_of(id);
            if (is_known) stage(instance, id, 100'000);
            std::filesystem::create_directories(file.parent_path());
            std::ofstream(file, std::ios::app) << "x";
            const utimbuf two_days_ago{::time(nullptr) - 48 * 3600, ::time(nullptr) - 48 * 3600};
            if (is_old) {
                ASSERT_EQ(::utime(file.c_str(), &two_days_ago), 0);
            }
            Instance{with(path_)};
            EXPECT_EQ(has_file(id), is_known || !is_old) << is_old << is_known;
        }
    }
}

TEST_F(BlobFolder, IsEmptyAfterAWipe) {
    Instance instance(with(path_));
    const BlobId id = instance.store().blobs().new_id();
    stage(instance, id, 100'000).reset();
    instance.store().wipe();
    EXPECT_FALSE(has_file(id));
    EXPECT_EQ(refusal(with(path_)), "it started") << "it is still the folder of this database";
}

}  // namespace
}  // namespace edgesync::postgres
