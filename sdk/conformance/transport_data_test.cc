// Data over a line that fetches and pushes it: whole, in parts, refused, stopped, broken.
#include "transport_test.h"

namespace edgesync::conformance {
namespace {

constexpr InstanceId kInstance = 1'700'000'000'000'000'001;
constexpr DataId kData = 1'700'000'000'000'000'000;
constexpr std::int64_t kMiB = 1024 * 1024;

const std::string kSha256(32, '\x5a');

DataRequest request_of(const std::string& id, std::int64_t offset, std::int64_t length, std::int64_t total) {
    return {object_key(id), kInstance, kData, offset, length, total};
}

/// Keeps what is fetched.
struct Sink : DataSink {
    bool begin(bool is_whole, std::int64_t expected, const std::string& repr_sha256) override {
        ++begins;
        whole = is_whole;
        length = expected;
        sha256 = repr_sha256;
        return is_wanted;
    }
    bool write(std::span<const std::byte> more) override {
        if (!is_wanted || octets.size() >= most) ++writes_after_no;
        octets.append(reinterpret_cast<const char*>(more.data()), more.size());
        return octets.size() < most;
    }
    bool is_wanted = true;
    std::size_t most = SIZE_MAX;
    int begins = 0;
    bool whole = false;
    std::int64_t length = -1;
    std::string sha256;
    std::string octets;
    int writes_after_no = 0;
};

class TransportFetch : public TransportTest {
protected:
    void SetUp() override {
        TransportTest::SetUp();
        if (!HasFatalFailure() && !up().fetches_data) GTEST_SKIP() << "the transport does not fetch";
    }
    std::string offer(const std::string& id, std::size_t size, const std::string& sha256 = kSha256) {
        auto data = octets(size, size);
        std::string text = text_of(data);
        css().host().offer(object_key(id), kInstance, std::move(data), sha256);
        return text;
    }
    PeerAnswer fetch(const DataRequest& request, DataSink& sink) { return ess().transport().fetch(kCloud, request, sink); }
};

TEST_F(TransportFetch, BringsTheWholeOrThePartThatWasAskedFor) {
    constexpr std::int64_t kSize = 3'000'000;
    const std::string data = offer("whole", kSize);
    struct Row {
        std::int64_t offset, length;
    };
    for (const Row& row : {Row{0, 0}, Row{0, kSize}, Row{0, 1}, Row{1'000'000, 1'500'000}, Row{kSize - 1, 1}}) {
        Sink sink;
        const PeerAnswer answer = fetch(request_of("whole", row.offset, row.length, kSize), sink);
        EXPECT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
        EXPECT_EQ(sink.begins, 1) << broken("`begin` is called once, before the first octet");
        EXPECT_EQ(sink.sha256, kSha256);
        const auto length = static_cast<std::size_t>(row.length > 0 ? row.length : kSize);
        EXPECT_EQ(sink.length, static_cast<std::int64_t>(sink.octets.size())) << broken("`length` octets follow `begin`");
        if (!sink.whole) {
            EXPECT_TRUE(sink.octets == data.substr(static_cast<std::size_t>(row.offset), length)) << row.offset;
        }
        if (sink.whole) {
            EXPECT_TRUE(sink.octets == data) << row.offset;
        }
    }
}

TEST_F(TransportFetch, SaysWhyThereIsNothing) {
    offer("there", 1000);
    for (const Verdict verdict : {Verdict::NotFound, Verdict::Ignored, Verdict::Busy, Verdict::UnknownPeer, Verdict::Unavailable,
                                  Verdict::Refused, Verdict::Failed}) {
        Script script;
        script.open = verdict;
        css().host().follow(script);
        Sink sink;
        EXPECT_EQ(fetch(request_of("there", 0, 0, 1000), sink).verdict, verdict);
        EXPECT_EQ(sink.octets, "") << broken("the text of a refusal is no data");
    }
    css().host().follow({});
    Sink sink;
    EXPECT_EQ(fetch(request_of("missing", 0, 0, 1000), sink).verdict, Verdict::NotFound);
    EXPECT_EQ(sink.begins, 0);
}

TEST_F(TransportFetch, EndsWhenTheSinkWantsNoMore) {
    offer("unwanted", static_cast<std::size_t>(64 * kMiB));
    Sink refuses;
    refuses.is_wanted = false;
    failure_of([&] { fetch(request_of("unwanted", 0, 0, 64 * kMiB), refuses); });
    EXPECT_EQ(refuses.writes_after_no, 0) << broken("false from `begin` stops the transfer");
    Sink stops;
    stops.most = static_cast<std::size_t>(kMiB);
    failure_of([&] { fetch(request_of("unwanted", 0, 0, 64 * kMiB), stops); });
    EXPECT_EQ(stops.writes_after_no, 0) << broken("false from `write` stops the transfer");
    EXPECT_LT(stops.octets.size(), static_cast<std::size_t>(8 * kMiB));
    EXPECT_TRUE(flows_again());
}

TEST_F(TransportFetch, BringsLargeDataInParts) {
    constexpr std::int64_t kSize = 64 * kMiB;
    constexpr std::int64_t kPart = 5 * kMiB - 3;
    const std::string data = offer("large", static_cast<std::size_t>(kSize));
    std::string got;
    for (std::int64_t offset = 0; offset < kSize; offset += kPart) {
        Sink sink;
        const PeerAnswer answer = fetch(request_of("large", offset, std::min(kPart, kSize - offset), kSize), sink);
        ASSERT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
        got += sink.octets;
    }
    EXPECT_TRUE(got == data);
}

TEST_F(TransportFetch, OfEmptyDataBringsNothing) {
    offer("empty", 0);
    Sink sink;
    EXPECT_EQ(fetch(request_of("empty", 0, 0, 0), sink).verdict, Verdict::Accepted);
    EXPECT_EQ(sink.octets, "");
}

class TransportPush : public TransportTest {
protected:
    void SetUp() override {
        TransportTest::SetUp();
        if (!HasFatalFailure() && !up().pushes_data) GTEST_SKIP() << "the transport does not push";
    }
    PeerAnswer push(const DataRequest& request, BlobReader& source, const std::string& sha256 = kSha256) {
        return ess().transport().push(kCloud, request, source, sha256);
    }
    std::vector<Upload> uploads() {
        return css().host().see([](const Seen& seen) { return seen.uploads; });
    }
    /// The upload is over, one way or the other.
    bool await_end() {
        return css().host().await([](const Seen& seen) {
            return !seen.uploads.empty() &&
                   (seen.uploads.back().is_finished || seen.uploads.back().is_aborted || seen.uploads.back().is_refused);
        });
    }
};

TEST_F(TransportPush, UploadsTheWholeOrAPart) {
    constexpr std::int64_t kSize = 3'000'000;
    const auto data = octets(7, static_cast<std::size_t>(kSize));
    struct Row {
        std::int64_t offset, length;
    };
    for (const Row& row : {Row{0, 0}, Row{0, 1}, Row{1'000'000, 1'500'000}, Row{kSize - 1, 1}}) {
        MemoryBlob source(data);
        const PeerAnswer answer = push(request_of("up", row.offset, row.length, kSize), source);
        EXPECT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
        const Upload upload = uploads().back();
        EXPECT_EQ(upload.peer, kNode);
        EXPECT_EQ(upload.request.key, object_key("up"));
        EXPECT_EQ(upload.request.instance_id, kInstance);
        EXPECT_EQ(upload.request.data_id, kData);
        EXPECT_EQ(upload.request.offset, row.offset);
        EXPECT_EQ(upload.request.length, row.length) << broken("`range.length` is 0 for a whole body");
        if (row.length > 0) {
            EXPECT_EQ(upload.request.total, kSize);
        }
        EXPECT_EQ(upload.repr_sha256, kSha256);
        EXPECT_TRUE(upload.is_finished && !upload.is_aborted);
        const auto length = static_cast<std::size_t>(row.length > 0 ? row.length : kSize);
        EXPECT_TRUE(upload.octets == text_of(data).substr(static_cast<std::size_t>(row.offset), length)) << row.offset;
        if (upload.body_length >= 0) {
            EXPECT_EQ(upload.body_length, static_cast<std::int64_t>(length));
        }
    }
}

TEST_F(TransportPush, TellsTheVerdictOfTheBeginAndOfTheEnd) {
    int number = 0;
    for (const Verdict verdict : {Verdict::Ignored, Verdict::UnknownPeer, Verdict::Invalid, Verdict::Refused, Verdict::Busy,
                                  Verdict::Unavailable, Verdict::Failed}) {
        for (const bool at_begin : {true, false}) {
            Script script;
            (at_begin ? script.start : script.finish) = {verdict, {}, "scripted"};
            css().host().follow(script);
            MemoryBlob source(octets(1, 2000));
            const std::string id = "refused" + std::to_string(++number);
            EXPECT_EQ(push(request_of(id, 0, 0, 2000), source).verdict, verdict) << at_begin;
            EXPECT_EQ(uploads().back().octets.empty(), at_begin) << broken("a verdict of `start` is final");
        }
    }
}

TEST_F(TransportPush, EndsSoonWhenTheReceiverDoesNotWantIt) {
    const auto data = std::make_shared<const std::vector<std::byte>>(octets(3, static_cast<std::size_t>(64 * kMiB)));
    Script refuses;
    refuses.start = {Verdict::Ignored, {}, "scripted"};
    css().host().follow(refuses);
    MemoryBlob source(data);
    EXPECT_EQ(push(request_of("refused", 0, 0, 64 * kMiB), source).verdict, Verdict::Ignored);
    Script stops;
    stops.most_octets = 100'000;
    stops.finish = {Verdict::Failed, {}, "no space"};
    css().host().follow(stops);
    const PeerAnswer answer = push(request_of("stopped", 0, 0, 64 * kMiB), source);
    EXPECT_EQ(answer.verdict, Verdict::Failed) << broken("after `write` said no, `finish` gives the verdict");
    ASSERT_TRUE(await_end());
    EXPECT_EQ(uploads().back().writes_after_no, 0U) << broken("false from `write`: no more octets are wanted");
    css().host().follow({});
    EXPECT_TRUE(flows_again());
}

TEST_F(TransportPush, OfDataThatCannotBeReadIsNotTakenForAll) {
    MemoryBlob source(octets(4, static_cast<std::size_t>(4 * kMiB)), 2 * kMiB);
    EXPECT_EQ(failure_of([&] { push(request_of("broken", 0, 0, 4 * kMiB), source); }), ErrorKind::Io)
        << broken("what the source throws leaves `push`");
    ASSERT_TRUE(css().host().await([](const Seen& seen) { return seen.uploads.empty() || seen.uploads.back().is_aborted; }))
        << broken("an upload that does not come to its end is aborted");
    for (const auto& upload : uploads()) EXPECT_FALSE(upload.is_finished);
    EXPECT_TRUE(flows_again());
}

TEST_F(TransportPush, UploadsLargeDataInParts) {
    constexpr std::int64_t kSize = 64 * kMiB;
    constexpr std::int64_t kPart = 5 * kMiB - 3;
    const auto data = std::make_shared<const std::vector<std::byte>>(octets(5, static_cast<std::size_t>(kSize)));
    for (std::int64_t offset = 0; offset < kSize; offset += kPart) {
        MemoryBlob source(data);
        const PeerAnswer answer = push(request_of("large", offset, std::min(kPart, kSize - offset), kSize), source);
        ASSERT_EQ(answer.verdict, Verdict::Accepted) << answer.reason;
    }
    std::string got;
    for (const auto& upload : uploads()) got += upload.octets;
    EXPECT_TRUE(got == text_of(*data));
}

TEST_F(TransportPush, OfEmptyDataIsAnUpload) {
    MemoryBlob source(std::vector<std::byte>{});
    EXPECT_EQ(push(request_of("empty", 0, 0, 0), source).verdict, Verdict::Accepted);
    ASSERT_EQ(uploads().size(), 1U);
    EXPECT_TRUE(uploads().back().is_finished);
    EXPECT_EQ(uploads().back().octets, "");
}

}  // namespace
}  // namespace edgesync::conformance
