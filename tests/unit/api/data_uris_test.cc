// Data that stays in files outside the store: sourceDataUri, destinationDataUri and ObjectsDataPath as applications see them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "api_fixture.h"
#include "edgesync/sdk/codec.h"
#include "kernel/addressing/data_file.h"
#include "signer.h"

namespace edgesync::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class EssDataUris : public EssApiTest {
protected:
    EssDataUris() { fs::create_directories(root_ + "data"); }

    void put_file(const std::string& name, const std::string& octets) const { std::ofstream(root_ + name, std::ios::binary) << octets; }
    std::string uri(const std::string& name) const { return "file://" + root_ + name; }
    Answer publish_from(const std::string& uri, const std::string& more = "") {
        return put("/objects/model/m1", R"({"meta":{"objectID":"m1","objectType":"model","sourceDataUri":")" + uri + "\"" + more + "}}");
    }
    /// The file is written for the object.
    void claim(const std::string& id, const std::string& name) {
        in_store([&](WriteTransaction& txn) { addressing::claim_file(txn, *txn.object({"acme", "model", id}), root_ + name); });
    }
    Answer data() { return get("/objects/model/m1/data"); }
    Answer range(const std::string& value) { return send({.target = "/objects/model/m1/data", .headers = {{"Range", value}}}); }
};

TEST_F(EssDataUris, ASourceIsReadyAtOnceWithTheSizeOfItsFile) {
    put_file("data/x.bin", "hello world");
    const Answer answer = publish_from(uri("data/x.bin"));
    EXPECT_EQ(answer.status, 204) << answer.body;
    const auto object = stored("model", "m1");
    ASSERT_TRUE(object);
    EXPECT_EQ(object->status, ObjectStatus::Ready);
    EXPECT_EQ(object->meta.object_size, 11);
    EXPECT_EQ(object->meta.data_id, object->meta.instance_id);
    EXPECT_FALSE(object->data);
    EXPECT_EQ(data().body, "hello world");
    const Answer part = range("bytes=6-8");
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "wor");
    EXPECT_EQ(part.header("Content-Range"), "bytes 6-8/11");
}

TEST_F(EssDataUris, ASourceMustBeAFileThatDataMayComeFrom) {
    put_file("sync/secret.json", "{}");
    fs::create_symlink(root_ + "sync/secret.json", root_ + "data/link");
    const std::string outside = (fs::temp_directory_path() / ("edgesync-outside-" + std::to_string(::getpid()))).string();
    std::ofstream(outside) << "outside";
    const std::string refused[] = {
        uri("data/absent"),
        uri("sync/secret.json"),
        uri("data/../sync/secret.json"),
        uri("data/link"),
        uri("data"),
        "file://" + outside,
        "file://" + outside + "-not",
        uri("data/x") + "?a",
        "file:///",
        "http:///x",
        "file://host/x",
    };
    for (const auto& source : refused) {
        const Answer answer = publish_from(source);
        EXPECT_EQ(answer.status, 400) << source;
        EXPECT_THAT(answer.body, StartsWith("Invalid source data URI")) << source;
        EXPECT_FALSE(stored("model", "m1")) << source;
    }
    // Whether a file outside exists is nobody's business.
    const auto text_about = [&](const std::string& path) {
        std::string text = publish_from("file://" + path).body;
        return text.replace(text.find(path), path.size(), "");
    };
    EXPECT_EQ(text_about(outside), text_about(outside + "-not"));
    fs::remove(outside);
}

TEST_F(EssDataUris, ASourceMayNotBeLargerThanTheLimit) {
    settings_.values["MaxObjectDataSize"] = "10";
    put_file("data/x.bin", "hello world");
    EXPECT_EQ(publish_from(uri("data/x.bin")).status, 413);
    EXPECT_FALSE(stored("model", "m1"));
}

TEST_F(EssDataUris, ASourceIsCheckedAgainstTheSignature) {
    const Signer signer;
    put_file("data/x.bin", "hello world");
    const auto fields = [&](const std::string& octets) { return "," + signer.meta_for(octets); };
    EXPECT_EQ(publish_from(uri("data/x.bin"), fields("hello world")).status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::Ready);
    EXPECT_EQ(publish_from(uri("data/x.bin"), fields("something else")).status, 500);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::VerificationFailed);
    EXPECT_EQ(data().status, 404);
}

TEST_F(EssDataUris, ASourceThatIsGoneIsNotFoundAndOneThatBecameALinkIsNotFollowed) {
    put_file("data/x.bin", "hello");
    put_file("data/y.bin", "other");
    ASSERT_EQ(publish_from(uri("data/x.bin")).status, 204);
    fs::remove(root_ + "data/x.bin");
    EXPECT_EQ(data().status, 404);
    EXPECT_EQ(data().body, "");
    fs::create_symlink(root_ + "data/y.bin", root_ + "data/x.bin");
    EXPECT_EQ(data().status, 500);
}

TEST_F(EssDataUris, ASourceIsForgottenWhenDataIsUploadedAndNeverRemoved) {
    put_file("data/x.bin", "hello");
    ASSERT_EQ(publish_from(uri("data/x.bin")).status, 204);
    EXPECT_EQ(put("/objects/model/m1/data", "uploaded").status, 204);
    EXPECT_EQ(stored("model", "m1")->meta.source_data_uri, "");
    EXPECT_EQ(data().body, "uploaded");
    ASSERT_EQ(publish_from(uri("data/x.bin")).status, 204);
    EXPECT_EQ(data().body, "hello");
    EXPECT_EQ(remove("/objects/model/m1").status, 204);
    EXPECT_TRUE(fs::exists(root_ + "data/x.bin"));
    EXPECT_EQ(data().status, 404);
}

TEST_F(EssDataUris, AnUpdateOfMetadataAloneKeepsTheSource) {
    put_file("data/x.bin", "hello");
    ASSERT_EQ(publish_from(uri("data/x.bin")).status, 204);
    const auto before = stored("model", "m1")->meta;
    publish("model", "m1", "\"metaOnly\":true,\"version\":\"2\"", std::nullopt);
    const auto after = stored("model", "m1");
    EXPECT_EQ(after->status, ObjectStatus::Ready);
    EXPECT_EQ(after->meta.source_data_uri, before.source_data_uri);
    EXPECT_EQ(after->meta.data_id, before.data_id);
    EXPECT_EQ(after->meta.object_size, 5);
    EXPECT_EQ(data().body, "hello");
    publish("model", "m1", "", std::nullopt);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::NotReady);
}

TEST_F(EssDataUris, AnUpdateOfMetadataAloneDoesNotVouchForASource) {
    const Signer signer;
    put_file("data/x.bin", "hello");
    const std::string forged = "," + signer.meta_for("other");
    for (const std::string& update : {std::string(), ",\"sourceDataUri\":\"" + uri("data/x.bin") + "\"" + forged}) {
        ASSERT_EQ(publish_from(uri("data/x.bin"), forged).status, 500);
        const Answer answer =
            put("/objects/model/m1", R"({"meta":{"objectID":"m1","objectType":"model","metaOnly":true,"version":"2")" + update + "}}");
        EXPECT_EQ(answer.status, update.empty() ? 204 : 500) << answer.body;
        EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::VerificationFailed);
        EXPECT_EQ(data().status, 404);
    }
}

TEST_F(EssDataUris, AnUpdateOfMetadataAloneIsNotJudgedByASourceThatItDoesNotTake) {
    const Signer signer;
    put_file("data/x.bin", "hello");
    put_file("data/y.bin", "other");
    ASSERT_EQ(publish_from(uri("data/x.bin"), "," + signer.meta_for("hello")).status, 204);
    const auto before = stored("model", "m1")->meta;
    EXPECT_EQ(publish_from(uri("data/y.bin"), ",\"metaOnly\":true," + signer.meta_for("else")).status, 204);
    const auto after = stored("model", "m1");
    EXPECT_EQ(after->status, ObjectStatus::Ready);
    EXPECT_EQ(after->meta.signature, before.signature);
    EXPECT_EQ(data().body, "hello");
}

TEST_F(EssDataUris, AnUpdateOfMetadataAloneMayNameAnotherSourceForOneThatFailed) {
    const Signer signer;
    put_file("data/x.bin", "hello");
    put_file("data/y.bin", "other");
    ASSERT_EQ(publish_from(uri("data/x.bin"), "," + signer.meta_for("other")).status, 500);
    EXPECT_EQ(publish_from(uri("data/y.bin"), ",\"metaOnly\":true," + signer.meta_for("other")).status, 204);
    EXPECT_EQ(stored("model", "m1")->status, ObjectStatus::Ready);
    EXPECT_EQ(data().body, "other");
}

TEST_F(EssDataUris, ReceivedDataIsReadFromItsFile) {
    const std::string large(200000, 'l');
    for (const std::string& octets : {std::string("hello"), large}) {
        put_file("data/x.bin", octets);
        for (const auto status : {ObjectStatus::CompletelyReceived, ObjectStatus::ObjReceived}) {
            receive("model", "m1", status, [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("data/x.bin"); });
            claim("m1", "data/x.bin");
            EXPECT_EQ(data().status, 200);
            EXPECT_EQ(data().body, octets);
            EXPECT_EQ(range("bytes=1-2").body, octets.substr(1, 2));
        }
    }
    EXPECT_THAT(get("/objects/model/m1").body, HasSubstr(uri("data/x.bin")));
    for (const auto status : {ObjectStatus::PartiallyReceived, ObjectStatus::ReceiverVerificationFailed, ObjectStatus::ObjDeleted}) {
        receive("model", "m1", status, [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("data/x.bin"); });
        EXPECT_EQ(data().status, 404);
    }
}

TEST_F(EssDataUris, ReceivedDataThatIsGoneIsNotFound) {
    receive("model", "m1", ObjectStatus::CompletelyReceived,
            [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("data/absent"); });
    claim("m1", "data/absent");
    EXPECT_EQ(data().status, 404);
    receive("model", "m1", ObjectStatus::CompletelyReceived,
            [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("sync/dummy-auth.json"); });
    claim("m1", "sync/dummy-auth.json");
    EXPECT_EQ(data().status, 500) << "never what belongs to the service";
}

TEST_F(EssDataUris, ReceivedDataInAFileThatAnotherObjectTookOverIsNotFound) {
    for (const char* id : {"m1", "m2"}) {
        receive("model", id, ObjectStatus::CompletelyReceived,
                [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("data/x.bin"); });
        put_file("data/x.bin", id);
        claim(id, "data/x.bin");
        EXPECT_EQ(get("/objects/model/" + std::string(id) + "/data").body, id);
    }
    EXPECT_EQ(data().status, 404) << "the octets are those of m2";
    EXPECT_EQ(data().body, "");
}

TEST_F(EssDataUris, ATagChangesWithTheFile) {
    put_file("data/x.bin", "hello");
    receive("model", "m1", ObjectStatus::CompletelyReceived,
            [&](ObjectRecord& record) { record.meta.destination_data_uri = uri("data/x.bin"); });
    claim("m1", "data/x.bin");
    const std::string tag = data().header("ETag");
    EXPECT_EQ(send({.target = "/objects/model/m1/data", .headers = {{"If-None-Match", tag}}}).status, 304);
    put_file("data/x.bin", "HELLO");
    const timespec times[2] = {{0, UTIME_OMIT}, {1234, 5}};
    ASSERT_EQ(::utimensat(AT_FDCWD, (root_ + "data/x.bin").c_str(), times, 0), 0);
    EXPECT_EQ(send({.target = "/objects/model/m1/data", .headers = {{"If-None-Match", tag}}}).status, 200);
}

using CssDataUris = ApiTest;

TEST_F(CssDataUris, ADestinationMustHaveTheFormOfAPath) {
    for (const char* uri :
         {"http:///x", "file://host/x", "file:///x?y", "file:///x#y", "file:///x/", "file:///x%00", "file:///x.tmp", "file:x"}) {
        const Answer answer = put("/objects/acme/model/m1",
                                  R"({"meta":{"objectID":"m1","objectType":"model","destinationDataUri":")" + std::string(uri) + "\"}}");
        EXPECT_EQ(answer.status, 400) << uri;
        EXPECT_EQ(answer.body, "Invalid destination data URI\n") << uri;
    }
    publish("model", "m1", "\"destinationDataUri\":\"file:///anywhere/x\"");
    EXPECT_EQ(get("/objects/acme/model/m1/data").body, "hello") << "the path means nothing on the CSS";
}

}  // namespace
}  // namespace edgesync::api
