// Data for a file outside the store: written before `received` is sent, replaced, removed; and what happens when that cannot be done.
#include "kernel/data/received_files.h"

#include <gmock/gmock.h>

#include <fstream>

#include "kernel/data/source_file.h"
#include "kernel/files/data_uri.h"
#include "tests/unit/edge/edge_fixture.h"

namespace edgesync {
namespace {

namespace fs = std::filesystem;
using testing::eventually;
using testing::Gate;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScriptedTransport;
using ::testing::SizeIs;

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

class ReceivedFilesTest : public testing::EdgeTest {
protected:
    ReceivedFilesTest() {
        fs::create_directories(root_ + "data");
        fs::create_directories(root_ + "sync");
        data::FetcherOptions options;
        options.retry_pause = std::chrono::seconds(0);
        options.files = &received_files_;
        fetcher_ = std::make_unique<data::Fetcher>(
            context_, *operations_, scheduler_, line_, log_, options, [](const Message&) {}, [] {});
        fetcher_->set_transport(transport_);
        on_effects = [this](const rules::Effects& effects) {
            for (const auto& key : effects.fetch) fetcher_->fetch(key);
            if (effects.has_unused_files) received_files_.remove_unused();
        };
        stops_.emplace_back([this] { fetcher_->stop(); });
        stops_.emplace_back([this] { received_files_.stop(); });
    }

    std::string uri(const std::string& name) const { return "file://" + root_ + name; }
    Metadata version(InstanceId instance, std::int64_t size, const std::string& name = "data/x") {
        Metadata meta = announced(instance, size);
        meta.destination_data_uri = uri(name);
        return meta;
    }
    void announce(const Metadata& meta) {
        Message update;
        update.command = Command::Update;
        update.meta = meta;
        fetcher_->announced(update, [this](const HandleResult&) { ++answered_; });
    }
    bool holds(InstanceId instance) {
        const auto found = object("m1");
        return found && found->status == ObjectStatus::CompletelyReceived && found->meta.instance_id == instance;
    }
    std::string octets(InstanceId instance, std::int64_t size) const {
        return std::string(static_cast<std::size_t>(size), static_cast<char>('0' + instance % 10));
    }
    /// The feedback that waits for the CSS.
    std::optional<Message> feedback() {
        std::optional<Message> message;
        const auto record = notification("m1", context_.cloud());
        if (!record || record->status != NotificationStatus::ReceiverError) return std::nullopt;
        store_->read([&](ReadTransaction& txn) { message = delivery::message_of(context_, txn, *record); });
        return message;
    }

    files::DataFiles files_{{root_, {}, {}, {}, root_ + "objects/"}};
    data::ReceivedFiles received_files_{*operations_, scheduler_, files_, log_};
    std::unique_ptr<data::Fetcher> fetcher_;
    std::atomic<int> answered_{0};
};

constexpr std::int64_t kLarge = 3'000'000;

TEST_F(ReceivedFilesTest, HaveTheDataBeforeTheObjectIsComplete) {
    InstanceId instance = 10;
    for (const std::int64_t size : {std::int64_t{0}, std::int64_t{5}, std::int64_t{65'536}, kLarge}) {
        announce(version(++instance, size));
        ASSERT_TRUE(eventually([&] { return holds(instance); })) << size;
        EXPECT_EQ(content(root_ + "data/x"), octets(instance, size)) << size;
        EXPECT_FALSE(object("m1")->data) << "kept twice";
        EXPECT_FALSE(object("m1")->staged);
        EXPECT_FALSE(fs::exists(root_ + "data/x.tmp"));
        EXPECT_EQ(notification_status("m1", context_.cloud()), NotificationStatus::Received);
    }
}

TEST_F(ReceivedFilesTest, KeepTheOldVersionUntilTheNewOneIsThere) {
    announce(version(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    Gate gate;
    transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
        gate.pass();
        return ScriptedTransport::give_octets(request, sink);
    };
    announce(version(12, kLarge));
    ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == 2; }));
    EXPECT_EQ(content(root_ + "data/x"), octets(11, 5));
    gate.open();
    ASSERT_TRUE(eventually([&] { return holds(12); }));
    EXPECT_EQ(content(root_ + "data/x"), octets(12, kLarge));
}

TEST_F(ReceivedFilesTest, AreRemovedWithTheirObjectAndWhenItMoves) {
    announce(version(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    announce(version(12, 5, "data/y"));
    ASSERT_TRUE(eventually([&] { return holds(12); }));
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/x"); }));
    EXPECT_EQ(content(root_ + "data/y"), octets(12, 5));
    receive(context_.cloud(), Command::Delete, version(12, 5, "data/y"));
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/y"); }));
}

TEST_F(ReceivedFilesTest, ThatArriveForAnObjectDeletedMeanwhileAreRemoved) {
    announce(version(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    Gate gate;
    transport_.on_fetch = [&](const DataRequest& request, DataSink& sink) {
        gate.pass();
        return ScriptedTransport::give_octets(request, sink);
    };
    announce(version(12, kLarge));
    ASSERT_TRUE(eventually([&] { return transport_.fetched().size() == 2; }));
    receive(context_.cloud(), Command::Delete, version(12, kLarge));
    gate.open();
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/x"); }));
    EXPECT_EQ(object("m1")->status, ObjectStatus::ObjDeleted);
}

TEST_F(ReceivedFilesTest, ThatAreToBeRemovedWhileTheyAreWrittenAreRemovedThen) {
    ops::WorkerPool one_worker{1};
    node::NodeScheduler scheduler{io_, one_worker, log_};
    data::ReceivedFiles files{*operations_, scheduler, files_, log_};
    fetcher_->stop();
    on_effects = [&](const rules::Effects& effects) {
        if (effects.has_unused_files) files.remove_unused();
    };
    receive(context_.cloud(), Command::Update, version(11, 5));
    auto placed = files.place({"acme", "model", "m1"}, 11, 5, [&](std::int64_t, std::span<std::byte> out) {
        receive(context_.cloud(), Command::Delete, version(11, 5));
        std::promise<void> looked;  // By the only worker, after it looked for files to remove.
        scheduler.work([&] { looked.set_value(); });
        looked.get_future().wait();
        std::fill(out.begin(), out.end(), std::byte{'x'});
        return out.size();
    });
    EXPECT_EQ(content(root_ + "data/x"), "xxxxx");
    placed.hold.reset();
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/x"); }));
    files.stop();
    one_worker.stop();
}

TEST_F(ReceivedFilesTest, HaveOneOwnerHoweverTheirRootIsNamed) {
    fs::create_directories(root_ + "real");
    fs::create_directory_symlink(root_ + "real", root_ + "lnk");
    const files::DataFiles linked{{root_, {root_ + "lnk"}, {}, {}, ""}};
    data::ReceivedFiles files{*operations_, scheduler_, linked, log_};
    fetcher_->stop();
    on_effects = [&](const rules::Effects& effects) {
        if (effects.has_unused_files) files.remove_unused();
    };
    Metadata second = version(12, 5, "real/y");
    second.object_id = "m2";
    receive(context_.cloud(), Command::Update, version(11, 5, "lnk/y"));
    receive(context_.cloud(), Command::Update, second);
    const auto fill = [](char octet) {
        return [octet](std::int64_t, std::span<std::byte> out) {
            std::fill(out.begin(), out.end(), static_cast<std::byte>(octet));
            return out.size();
        };
    };
    const ObjectKey key_of_second{"acme", "model", "m2"};
    EXPECT_TRUE(files
                    .place({"acme", "model", "m1"}, 11, 5,
                           [&](std::int64_t offset, std::span<std::byte> out) {
                               EXPECT_THROW(files.place(key_of_second, 12, 5, fill('b')), Error) << "two write one file";
                               return fill('a')(offset, out);
                           })
                    .is_in_file);
    EXPECT_TRUE(files.place(key_of_second, 12, 5, fill('b')).is_in_file);
    receive(context_.cloud(), Command::Delete, version(11, 5, "lnk/y"));
    store_->read([&](ReadTransaction& txn) { EXPECT_THAT(addressing::unused_files(txn, "", 10).items, SizeIs(0)); });
    EXPECT_EQ(content(root_ + "real/y"), "bbbbb") << "it is the other object's now";
    receive(context_.cloud(), Command::Delete, second);
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "real/y"); }));
    files.stop();
}

TEST_F(ReceivedFilesTest, AreWrittenAfterAStopBetweenTheLastOctetAndTheFile) {
    // As a crash leaves it: everything is here, durably, but not in the file.
    fetcher_->stop();
    receive(context_.cloud(), Command::Update, version(11, 200'000));
    BlobRecord staged;
    staged.id = store_->blobs().new_id();
    staged.owner = {"acme", "model", "m1"};
    staged.total = 200'000;
    staged.instance_id = 11;
    staged.received = {{0, 200'000}};
    const std::string data = octets(11, 200'000);
    const auto writer = store_->blobs().create(staged.id);
    writer->write(0, std::as_bytes(std::span(data)));
    writer->sync();
    in_transaction([&](WriteTransaction& txn, rules::Effects&) {
        auto record = *txn.object(staged.owner);
        record.staged = staged.id;
        txn.put_object(record);
        txn.put_blob(staged);
    });
    std::ofstream(root_ + "data/x.tmp") << "half of it";
    data::FetcherOptions options;
    options.files = &received_files_;
    data::Fetcher next(
        context_, *operations_, scheduler_, line_, log_, options, [](const Message&) {}, [] {});
    next.set_transport(transport_);
    next.resume_all();
    EXPECT_TRUE(eventually([&] { return holds(11); }));
    EXPECT_EQ(content(root_ + "data/x"), data);
    EXPECT_THAT(transport_.fetched(), SizeIs(0)) << "fetched again";
    EXPECT_FALSE(fs::exists(root_ + "data/x.tmp"));
    next.stop();
}

TEST_F(ReceivedFilesTest, ThatWereToBeRemovedBeforeAStopAreRemovedAfterIt) {
    announce(version(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    received_files_.stop();
    receive(context_.cloud(), Command::Delete, version(11, 5));
    EXPECT_TRUE(fs::exists(root_ + "data/x"));
    data::ReceivedFiles next(*operations_, scheduler_, files_, log_);
    next.remove_unused();
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/x"); }));
    next.stop();
}

TEST_F(ReceivedFilesTest, ThatMayNotBeWrittenAreRefusedBeforeAnythingIsFetchedAndTheCssLearnsWhy) {
    fs::create_directory_symlink("/tmp", root_ + "link");
    fs::create_directories(root_ + "folder");
    struct Row {
        std::string uri;
        std::int32_t code;
        std::string reason;
    };
    const Row rows[] = {
        {uri("sync/preset-auth.json"), 3, "reserved"},
        {uri("data/../sync/x"), 3, "reserved"},
        {"file:///etc/x", 3, "DataURIRoots"},
        {uri("link/x"), 3, "link"},
        {uri("objects/acme~model~m2"), 3, "reserved"},
        {uri("absent/x"), 4, "absent"},
        {uri("folder"), 4, "folder"},
        {"http:///x", 4, "file: URI"},
        {uri("data/x") + "?y", 4, "query"},
        {uri("data/x.tmp"), 4, ".tmp"},
    };
    InstanceId instance = 10;
    for (const Row& row : rows) {
        Metadata meta = version(++instance, kLarge);
        meta.destination_data_uri = row.uri;
        announce(meta);
        ASSERT_TRUE(eventually([&] { return answered_ == static_cast<int>(instance - 10); })) << row.uri;
        const auto message = feedback();
        ASSERT_TRUE(message) << row.uri;
        EXPECT_EQ(message->feedback.code, row.code) << row.uri << ": " << message->feedback.reason;
        EXPECT_THAT(message->feedback.reason, HasSubstr(row.reason)) << row.uri;
    }
    EXPECT_THAT(transport_.fetched(), SizeIs(0));
    EXPECT_FALSE(fs::exists("/etc/x"));
}

TEST_F(ReceivedFilesTest, ThatCannotBeWrittenInTheEndAreReported) {
    fs::create_directories(root_ + "data/x.tmp/in-the-way");
    std::ofstream(root_ + "data/x") << "somebody's";
    announce(version(11, 5));
    ASSERT_TRUE(eventually([&] { return feedback().has_value(); }));
    EXPECT_EQ(feedback()->feedback.code, 4);
    EXPECT_THAT(feedback()->feedback.reason, HasSubstr("data/x"));
    store_->read([&](ReadTransaction& txn) {
        EXPECT_FALSE(txn.entry(EntryTable::Setting, {"data-file", root_ + "data/x"})) << "it is not the object's to remove";
    });
    EXPECT_EQ(content(root_ + "data/x"), "somebody's");
    // The CSS announces what failed again.
    fs::remove_all(root_ + "data/x.tmp");
    announce(version(11, 5));
    EXPECT_TRUE(eventually([&] { return holds(11); }));
    EXPECT_EQ(content(root_ + "data/x"), octets(11, 5));
}

TEST_F(ReceivedFilesTest, ThatAStopKeptFromBeingWrittenAreNotTheServicesToRemove) {
    fetcher_->stop();
    for (const char* name : {"data/x", "data/y"}) std::ofstream(root_ + name) << "somebody's";
    std::ofstream(root_ + "data/x.tmp") << "half of the service's";
    const auto crash = [&](const Metadata& meta) {
        receive(context_.cloud(), Command::Update, meta);
        in_transaction([&](WriteTransaction& txn, rules::Effects&) {
            addressing::claim_file(txn, *txn.object({"acme", "model", "m1"}), files::path_of_uri(meta.destination_data_uri));
        });
    };
    crash(version(11, 5));
    receive(context_.cloud(), Command::Delete, version(11, 5));
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "data/x.tmp"); }));
    EXPECT_EQ(content(root_ + "data/x"), "somebody's");
    // Tried again after the start, in vain.
    crash(version(12, 5, "data/y"));
    const auto nothing = [](std::int64_t, std::span<std::byte>) -> std::size_t { return 0; };
    EXPECT_THROW(received_files_.place({"acme", "model", "m1"}, 12, 5, nothing), Error);
    receive(context_.cloud(), Command::Delete, version(12, 5, "data/y"));
    store_->read([&](ReadTransaction& txn) {
        for (const auto& file : addressing::unused_files(txn, "", 10).items) EXPECT_THAT(file.uri, Not(HasSubstr("data/y")));
    });
    EXPECT_EQ(content(root_ + "data/y"), "somebody's");
}

TEST_F(ReceivedFilesTest, OfObjectsDataPathHoldWhatNamesNoOtherPlace) {
    context_.objects_data_path = root_ + "objects/";
    files_.start();
    for (const std::int64_t size : {std::int64_t{5}, kLarge}) {
        const InstanceId instance = 10 + size;
        announce(announced(instance, size));
        ASSERT_TRUE(eventually([&] { return holds(instance); })) << size;
        EXPECT_EQ(content(root_ + "objects/acme~model~m1"), octets(instance, size));
        EXPECT_THAT(object("m1")->meta.destination_data_uri, HasSubstr("/objects/acme~model~m1"));
    }
    receive(context_.cloud(), Command::Delete, announced(10 + kLarge, kLarge));
    EXPECT_TRUE(eventually([&] { return !fs::exists(root_ + "objects/acme~model~m1"); }));
}

TEST_F(ReceivedFilesTest, OfObjectsDataPathGoWithTheStoreAndThoseOfADestinationStay) {
    context_.objects_data_path = root_ + "objects/";
    files_.start();
    announce(announced(11, 5));
    ASSERT_TRUE(eventually([&] { return holds(11); }));
    ASSERT_TRUE(fs::exists(root_ + "objects/acme~model~m1"));
    received_files_.remove_own(context_);
    EXPECT_FALSE(fs::exists(root_ + "objects/acme~model~m1"));
    announce(version(12, 5));
    ASSERT_TRUE(eventually([&] { return holds(12); }));
    received_files_.remove_own(context_);
    EXPECT_TRUE(fs::exists(root_ + "data/x"));
}

/// An own object whose data is a file of an application.
class SourceFileTest : public testing::EdgeTest {
protected:
    SourceFileTest() {
        put("hello");
        outbox_.set_transport(transport_);
        outbox_.set_registered(true);
        outbox_.set_source_opener([this](const ObjectRecord& object) {
            ++opened_;
            return data::open_source(files_, object);
        });
        on_effects = [this](const rules::Effects& effects) {
            for (const auto& key : effects.send) outbox_.send(key);
        };
        stops_.emplace_back([this] { outbox_.stop(); });
    }
    void put(const std::string& octets) const { std::ofstream(root_ + "x", std::ios::binary) << octets; }
    void publish_file(std::int64_t size) {
        objects::PublishRequest request;
        request.meta = metadata("m1");
        request.meta.source_data_uri = "file://" + root_ + "x";
        request.source_size = size;
        in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { return objects::publish(context_, txn, request, effects); });
    }
    bool is_pushed() {
        return eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Data; });
    }

    files::DataFiles files_{{root_, {}, {}, {}, ""}};
    std::atomic<int> opened_{0};
    delivery::Outbox outbox_{context_, *operations_, scheduler_, line_, log_, [] {}};
};

TEST_F(SourceFileTest, IsPushedWithItsDigest) {
    publish_file(5);
    ASSERT_TRUE(is_pushed());
    ASSERT_THAT(transport_.pushed(), SizeIs(1));
    EXPECT_EQ(transport_.pushed()[0].total, 5);
    ObjectRecord record = *object("m1");
    const auto source = data::open_source(files_, record);
    EXPECT_EQ(source.sha256, data::sha256_of("hello"));
}

TEST_F(SourceFileTest, ThatIsGoneOrHasAnotherSizeIsAnnouncedAgainUntilItIsAsPublished) {
    const std::vector<std::function<void()>> changes = {
        [this] { fs::remove(root_ + "x"); },
        [this] { put("hell"); },
        [this] { put("hello world"); },
    };
    for (const auto& change : changes) {
        change();
        const int before = opened_;
        publish_file(5);
        ASSERT_TRUE(eventually([&] { return opened_ == before + 1; }));
        ASSERT_TRUE(eventually([&] { return notification_status("m1", context_.self) == NotificationStatus::Update; }));
        EXPECT_TRUE(line_.is_up()) << "it is not the line's fault";
        EXPECT_THAT(transport_.pushed(), SizeIs(0));
    }
    put("hello");
    now_ += std::chrono::seconds(61);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
    EXPECT_TRUE(is_pushed());
}

TEST_F(SourceFileTest, ThatChangesWhileItIsPushedIsNotTheFaultOfTheLine) {
    std::atomic<bool> is_changed{false};
    transport_.on_push = [&](const DataRequest&) -> PeerAnswer {
        if (!is_changed.exchange(true)) throw Error(ErrorKind::Corrupt, "changed while it was read");
        return {};
    };
    publish_file(5);
    ASSERT_TRUE(eventually([&] { return is_changed && notification_status("m1", context_.self) == NotificationStatus::Update; }));
    EXPECT_TRUE(line_.is_up());
    now_ += std::chrono::seconds(61);
    in_transaction([&](WriteTransaction& txn, rules::Effects& effects) { delivery::repeat_due(context_, txn, 100, effects); });
    EXPECT_TRUE(is_pushed());
}

}  // namespace
}  // namespace edgesync
