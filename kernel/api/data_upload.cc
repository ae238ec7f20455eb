#include "kernel/api/data_upload.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/data/streamed_blob.h"
#include "kernel/objects/names.h"
#include "kernel/security/signature.h"

namespace edgesync::api {
namespace {

using objects::PublishRequest;
using objects::PublishResult;

constexpr std::size_t kWindow = 1024 * 1024;
/// What an error message repeats of its input.
constexpr std::size_t kRepeated = 100;
constexpr char kSignatureProblem[] = "Failed to verify and store data, Error: ";

/// How much data an object may have.
std::int64_t data_limit(const Settings& settings) {
    const std::int64_t limit = settings.integer("MaxObjectDataSize");
    return limit > 0 ? std::min(limit, kLargestData) : kLargestData;
}

HttpResponse too_large(std::int64_t limit) {
    const char* name = limit < kLargestData ? "MaxObjectDataSize" : "any that can be stored";
    return error_answer(413, "", "The data is larger than " + std::string(name) + " (" + std::to_string(limit) + " bytes)");
}

bool has_same_signature(const Metadata& a, const Metadata& b) {
    return a.hash_algorithm == b.hash_algorithm && a.public_key == b.public_key && a.signature == b.signature;
}

PublishRequest::Signature signature_state(bool is_valid) {
    return is_valid ? PublishRequest::Signature::Valid : PublishRequest::Signature::Invalid;
}

/// What both kinds of upload share: the checks before the first octet, and answering what goes wrong.
class UploadSink : public HttpBodySink {
public:
    UploadSink(const Environment& environment, CallPtr call)
        : environment_(environment), call_(std::move(call)), limit_(data_limit(environment.context.settings)) {}

    bool start() final {
        return attempt([this] {
            if (auto refusal = admit()) return call_->reply.send(std::move(*refusal)), false;
            return begin();
        });
    }
    bool write(std::span<const std::byte> window) final {
        return attempt([&] { return take(window); });
    }
    void finish() final {
        attempt([this] { return complete(), true; });
    }

protected:
    /// After the permission checks; `object_` is the stored object, which accepts data. False: answered.
    virtual bool begin() = 0;
    virtual bool take(std::span<const std::byte> window) = 0;
    virtual void complete() = 0;

    const Environment& environment_;
    const CallPtr call_;
    const std::int64_t limit_;
    std::optional<ObjectRecord> object_;

private:
    template <typename F>
    bool attempt(F function) {
        try {
            return function();
        } catch (...) {
            call_->reply.fail(std::current_exception());
            return false;
        }
    }

    std::optional<HttpResponse> admit() {
        const ApiContext& context = environment_.context;
        const ObjectKey& key = call_->key();
        if (!context.is_running()) return empty_answer(503);
        call_->identity = context.authenticator.authenticate(call_->request);
        if (environment_.access.read(call_->identity, key.org, key.type) == security::ReadAccess::Failed) return unauthorized();
        context.operations.store().read([&](ReadTransaction& txn) { object_ = txn.object(key); });
        const ObjectRecord* object = object_ ? &*object_ : nullptr;
        if (environment_.access.read_object(call_->identity, key.org, key.type, object) == security::ReadAccess::Failed)
            return unauthorized();
        if (!object_) return empty_answer(404);
        if (!environment_.access.write(call_->identity, key.org, object_->meta)) return unauthorized();
        return std::nullopt;
    }
};

class WholeUpload final : public UploadSink {
public:
    using UploadSink::UploadSink;
    void abort() noexcept override { blob_.reset(); }

protected:
    bool begin() override;
    bool take(std::span<const std::byte> window) override;
    void complete() override;

private:
    void store(objects::NewData data, PublishRequest::Signature signature, const std::string& problem);

    std::shared_ptr<data::StreamedBlob> blob_;
    std::unique_ptr<security::SignatureCheck> check_;
};

bool WholeUpload::begin() {
    if (call_->request.content_length > limit_) return call_->reply.send(too_large(limit_)), false;
    objects::check_accepts_data(object_);
    blob_ = std::make_shared<data::StreamedBlob>(environment_.context.operations.store(), 0);
    const Metadata& meta = object_->meta;
    if (security::needs_signature_check(meta)) {
        check_ = std::make_unique<security::SignatureCheck>(meta.hash_algorithm, meta.public_key, meta.signature);
    }
    return true;
}

bool WholeUpload::take(std::span<const std::byte> window) {
    if (blob_->size() + static_cast<std::int64_t>(window.size()) > limit_) {
        return call_->reply.send(too_large(limit_)), false;
    }
    blob_->write(window);
    if (check_) check_->update(window);
    return true;
}

void WholeUpload::complete() {
    blob_->finish();
    for (const char* header : {"Repr-Digest", "Content-Digest"}) {
        const std::string announced = codec::sha256_from_digest_field(call_->request.header(header));
        if (announced.empty() || announced == blob_->sha256()) continue;
        throw Error(ErrorKind::InvalidRequest, "The data has SHA-256 " + data::to_hex(blob_->sha256()) + " but " + data::to_hex(announced) +
                                                   " was announced in " + header);
    }
    objects::NewData data;
    data.is_given = true;
    data.is_staged = blob_->is_staged();
    data.blob = blob_->id();
    data.octets = blob_->octets();
    data.size = blob_->size();
    data.sha256 = blob_->sha256();
    if (!check_) return store(std::move(data), PublishRequest::Signature::None, "");
    const auto result = check_->finish();
    store(std::move(data), signature_state(result.is_valid), result.problem);
}

void WholeUpload::store(objects::NewData data, PublishRequest::Signature signature, const std::string& problem) {
    auto shared = std::make_shared<objects::NewData>(std::move(data));
    environment_.context.operations.run<PublishResult>(
        [&node = environment_.context.node, key = call_->key(), shared, signature, checked = object_->meta](WriteTransaction& txn,
                                                                                                            rules::Effects& effects) {
            const auto object = txn.object(key);
            if (object && !has_same_signature(object->meta, checked)) {
                throw Error(ErrorKind::Conflict, "The object's signature changed while its data was uploaded");
            }
            return objects::store_data(node, txn, key, *shared, signature, effects);
        },
        [call = call_, blob = std::move(blob_), signature, problem](const rules::Outcome<PublishResult>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error);
            if (signature == PublishRequest::Signature::Invalid) return call->reply.send(error_answer(500, kSignatureProblem, problem));
            blob->keep();
            call->reply.empty(204);
        });
}

class ChunkSink final : public UploadSink {
public:
    using UploadSink::UploadSink;
    void abort() noexcept override { upload_.reset(); }

protected:
    bool begin() override;
    bool take(std::span<const std::byte> window) override {
        upload_->write(window);
        return true;
    }
    void complete() override;

private:
    std::unique_ptr<data::ChunkUpload> upload_;
};

bool ChunkSink::begin() {
    const ApiContext& context = environment_.context;
    const HttpRequest& request = call_->request;
    const std::string_view field = request.header("Content-Range");
    const auto range = parse_content_range(field);
    if (!range) {
        const std::string problem = "Invalid Content-Range header " + objects::html_escape(field.substr(0, kRepeated));
        return call_->reply.send(error_answer(400, "Failed to parse Content-Range header, Error: ", problem)), false;
    }
    if (request.content_length >= 0 && request.content_length != range->end - range->begin) {
        throw Error(ErrorKind::InvalidRequest, "The body of " + std::to_string(request.content_length) +
                                                   " bytes differs from its Content-Range of " + std::to_string(range->end - range->begin));
    }
    if (range->total > limit_) return call_->reply.send(too_large(limit_)), false;
    data::ChunkUpload::Target target;
    target.kind = data::UploadKind::Application;
    target.key = call_->key();
    target.repr_sha256 = codec::sha256_from_digest_field(request.header("Repr-Digest"));
    target.content_sha256 = codec::sha256_from_digest_field(request.header("Content-Digest"));
    target.is_judged_later = security::needs_signature_check;
    upload_ = std::make_unique<data::ChunkUpload>(context.node, context.operations, context.digests, std::move(target), *range);
    upload_->start();
    return true;
}

void ChunkSink::complete() {
    upload_->finish();
    HttpResponse response = empty_answer(204);
    response.headers.push_back({"MMS-Upload-Owner", environment_.context.upload_owner_uuid});
    call_->reply.send(std::move(response));
}

class Refusal final : public HttpBodySink {
public:
    Refusal(Reply reply, HttpResponse response) : reply_(std::move(reply)), response_(std::move(response)) {}
    bool start() override {
        reply_.send(std::move(response_));
        return false;
    }
    bool write(std::span<const std::byte>) override { return false; }
    void finish() override {}
    void abort() noexcept override {}

private:
    Reply reply_;
    HttpResponse response_;
};

}  // namespace

std::unique_ptr<HttpBodySink> make_upload(const Environment& environment, CallPtr call) {
    if (call->request.has_header("Content-Range")) return std::make_unique<ChunkSink>(environment, std::move(call));
    return std::make_unique<WholeUpload>(environment, std::move(call));
}

std::unique_ptr<HttpBodySink> make_refusal(Reply reply, HttpResponse response) {
    return std::make_unique<Refusal>(std::move(reply), std::move(response));
}

void feed(HttpBodySink& sink, std::string_view body) {
    if (!sink.start()) return;
    auto rest = std::as_bytes(std::span(body));
    while (!rest.empty()) {
        const auto window = rest.first(std::min(kWindow, rest.size()));
        if (!sink.write(window)) return;
        rest = rest.subspan(window.size());
    }
    sink.finish();
}

}  // namespace edgesync::api
