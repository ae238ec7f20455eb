// Signed objects from the publisher to the receiving application.
#include <Poco/Base64Encoder.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/system/cluster.h"

namespace edgesync::system_test {
namespace {

using Json = nlohmann::json;

std::string base64(const std::string& octets) {
    std::ostringstream out;
    Poco::Base64Encoder encoder(out);
    encoder.rdbuf()->setLineLength(0);
    encoder << octets;
    encoder.close();
    return out.str();
}

class Signer {
public:
    /// Base64 of the SubjectPublicKeyInfo.
    std::string public_key() const {
        unsigned char* der = nullptr;
        const int size = i2d_PUBKEY(key_.get(), &der);
        const std::string octets(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
        OPENSSL_free(der);
        return base64(octets);
    }
    /// Base64 of the RSA-PSS signature.
    std::string sign(const std::string& data, const EVP_MD* digest) const {
        const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
        EVP_PKEY_CTX* padding = nullptr;
        EVP_DigestSignInit(context.get(), &padding, digest, nullptr, key_.get());
        EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_MAX);
        std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
        std::size_t size = signature.size();
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(data.data()), data.size());
        signature.resize(size);
        return base64(signature);
    }

private:
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_{EVP_RSA_gen(2048), EVP_PKEY_free};
};

class Signature : public ::testing::Test {
protected:
    void SetUp() override {
        css_ = make_css(folder_.path());
        css_->start();
        cam1_ = make_ess(folder_.path(), "cam1", css_->port());
        cam1_->start();
        ASSERT_TRUE(eventually([this] { return registered(*css_, 1); }));
    }
    /// Before uploads that wait are looked for, every minute.
    static bool soon(const std::function<bool()>& condition) { return eventually(condition, std::chrono::seconds(45)); }
    Json signed_meta(const std::string& type, const std::string& id, const std::string& data, bool is_sha1 = false) const {
        return {{"objectID", id},
                {"objectType", type},
                {"hashAlgorithm", is_sha1 ? "SHA1" : "SHA256"},
                {"publicKey", signer_.public_key()},
                {"signature", signer_.sign(data, is_sha1 ? EVP_sha1() : EVP_sha256())}};
    }
    bool arrives(const std::string& id, const std::string& data) const {
        return soon([&] { return edge_status(*cam1_, "model", id) == "completelyReceived"; }) &&
               cam1_->request("GET", "objects/model/" + id + "/data").body == data;
    }

    const Signer signer_;
    TemporaryFolder folder_;
    std::unique_ptr<Node> css_;
    std::unique_ptr<Node> cam1_;
};

TEST_F(Signature, SignedDataReachesTheEdgeHoweverItIsUploaded) {
    for (const bool is_sha1 : {false, true}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{3'000'000}}) {
            const std::string data = random_octets(size, 7);
            const std::string id = std::to_string(size) + (is_sha1 ? "-sha1" : "-sha256");
            const Json inline_body = {{"meta", signed_meta("model", "inline-" + id, data, is_sha1)}, {"data", base64(data)}};
            EXPECT_EQ(css_->request("PUT", "objects/acme/model/inline-" + id, inline_body.dump()).status, 204) << id;
            ASSERT_TRUE(arrives("inline-" + id, data)) << id;

            const Json body = {{"meta", signed_meta("model", "whole-" + id, data, is_sha1)}};
            EXPECT_EQ(css_->request("PUT", "objects/acme/model/whole-" + id, body.dump()).status, 204) << id;
            EXPECT_EQ(status(*css_, "model", "whole-" + id), "notReady");
            EXPECT_EQ(css_->request("PUT", "objects/acme/model/whole-" + id + "/data", data).status, 204) << id;
            EXPECT_EQ(status(*css_, "model", "whole-" + id), "ready");
            ASSERT_TRUE(arrives("whole-" + id, data)) << id;
        }
    }
    const Answer meta = cam1_->request("GET", "objects/model/whole-100-sha256");
    EXPECT_EQ(Json::parse(meta.body)["publicKey"], signer_.public_key()) << "the application can check for itself";
}

TEST_F(Signature, SignedDataThatIsUploadedInChunksIsCheckedAsAWhole) {
    const std::string data = random_octets(2'500'000, 8);
    const auto upload = [&](const std::string& id, const std::string& octets) {
        const Json body = {{"meta", signed_meta("model", id, data)}};
        EXPECT_EQ(css_->request("PUT", "objects/acme/model/" + id, body.dump()).status, 204);
        for (const std::size_t begin : {std::size_t{1'000'000}, std::size_t{0}, std::size_t{2'000'000}}) {
            const std::string part = octets.substr(begin, 1'000'000);
            const std::string range = "bytes " + std::to_string(begin) + "-" + std::to_string(begin + part.size() - 1) + "/2500000";
            css_->request("PUT", "objects/acme/model/" + id + "/data", part, {{"Content-Range", range}});
        }
    };
    upload("good", data);
    EXPECT_TRUE(soon([&] { return status(*css_, "model", "good") == "ready"; })) << status(*css_, "model", "good");
    EXPECT_TRUE(arrives("good", data));
    std::string changed = data;
    changed[1'234'567] = static_cast<char>(changed[1'234'567] ^ 1);
    upload("bad", changed);
    EXPECT_TRUE(soon([&] { return status(*css_, "model", "bad") == "verificationFailed"; })) << status(*css_, "model", "bad");
    EXPECT_EQ(css_->request("GET", "objects/acme/model/bad/data").status, 404);
    EXPECT_EQ(edge_status(*cam1_, "model", "bad"), "");
}

TEST_F(Signature, AnUploadThatWaitsForItsCheckSurvivesTheEndOfTheProcess) {
    const std::string data = random_octets(60'000'000, 11);
    const Json body = {{"meta", signed_meta("model", "m", data)}};
    ASSERT_EQ(css_->request("PUT", "objects/acme/model/m", body.dump()).status, 204);
    for (const std::size_t begin : {std::size_t{0}, std::size_t{30'000'000}}) {
        const std::string range = "bytes " + std::to_string(begin) + "-" + std::to_string(begin + 29'999'999) + "/60000000";
        const std::string part = data.substr(begin, 30'000'000);
        ASSERT_EQ(css_->request("PUT", "objects/acme/model/m/data", part, {{"Content-Range", range}}).status, 204);
    }
    css_->kill_hard();
    css_->start();
    EXPECT_TRUE(soon([&] { return status(*css_, "model", "m") == "ready"; })) << status(*css_, "model", "m");
    EXPECT_TRUE(css_->request("GET", "objects/acme/model/m/data").body == data);
}

TEST_F(Signature, DataThatDoesNotFitItsSignatureIsNotDistributedUntilItDoes) {
    const std::string data = random_octets(100'000, 9);
    const std::string path = "objects/acme/model/m";
    const Json body = {{"meta", signed_meta("model", "m", data)}};
    ASSERT_EQ(css_->request("PUT", path, body.dump()).status, 204);
    const Answer refused = css_->request("PUT", path + "/data", data + "!");
    EXPECT_EQ(refused.status, 500);
    EXPECT_NE(refused.body.find("Failed to verify and store data, Error: "), std::string::npos) << refused.body;
    EXPECT_EQ(status(*css_, "model", "m"), "verificationFailed");
    EXPECT_EQ(css_->request("GET", path + "/data").status, 404);
    EXPECT_EQ(edge_status(*cam1_, "model", "m"), "");
    EXPECT_EQ(css_->request("PUT", path + "/data", data).status, 204);
    EXPECT_EQ(status(*css_, "model", "m"), "ready");
    EXPECT_TRUE(arrives("m", data));

    // What was published stays with a key of somebody else, but new data must fit.
    Json foreign = body;
    foreign["meta"]["publicKey"] = Signer().public_key();
    foreign["data"] = base64(data);
    const Answer foreign_key = css_->request("PUT", path, foreign.dump());
    EXPECT_EQ(foreign_key.status, 500);
    EXPECT_NE(foreign_key.body.find("Failed to verify data with public key and data signature, Error: "), std::string::npos);
    EXPECT_EQ(status(*css_, "model", "m"), "verificationFailed");
}

TEST_F(Signature, AnUnusableKeyFailsTheCheckAndHarmsNobody) {
    Json body = {{"meta", signed_meta("model", "m", "x")}, {"data", base64("x")}};
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> curve(EVP_EC_gen("P-256"), EVP_PKEY_free);
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(curve.get(), &der);
    const std::string not_rsa(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    for (const std::string& key : {not_rsa, std::string("nothing of a key")}) {
        body["meta"]["publicKey"] = base64(key);
        EXPECT_EQ(css_->request("PUT", "objects/acme/model/m", body.dump()).status, 500);
        EXPECT_EQ(status(*css_, "model", "m"), "verificationFailed");
    }
    body["meta"]["publicKey"] = "not Base64!";
    EXPECT_EQ(css_->request("PUT", "objects/acme/model/m", body.dump()).status, 400);
    EXPECT_TRUE(css_->is_healthy());
    EXPECT_EQ(edge_status(*cam1_, "model", "m"), "");
}

TEST_F(Signature, AnEdgeNodeChecksWhatItPublishes) {
    const std::string data = random_octets(1'200'000, 10);
    Json body = {{"meta", signed_meta("report", "r", data)}, {"data", base64(data + "!")}};
    EXPECT_EQ(cam1_->request("PUT", "objects/report/r", body.dump()).status, 500);
    EXPECT_EQ(edge_status(*cam1_, "report", "r"), "verificationFailed");
    body["data"] = base64(data);
    EXPECT_EQ(cam1_->request("PUT", "objects/report/r", body.dump()).status, 204);
    EXPECT_TRUE(soon([&] { return status(*css_, "report", "r") == "completelyReceived"; })) << status(*css_, "report", "r");
    EXPECT_TRUE(css_->request("GET", "objects/acme/report/r/data").body == data);
}

}  // namespace
}  // namespace edgesync::system_test
