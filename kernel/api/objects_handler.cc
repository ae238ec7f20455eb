#include "kernel/api/objects_handler.h"

#include "edgesync/sdk/codec.h"
#include "kernel/data/digest.h"
#include "kernel/data/streamed_blob.h"
#include "kernel/objects/validation.h"
#include "kernel/security/signature.h"

namespace edgesync::api {
namespace {

using objects::PublishRequest;
using objects::PublishResult;

/// Larger bodies are parsed on a worker, so that an I/O thread is not held for longer than a few hundred microseconds.
constexpr std::size_t kParsedInPlace = 256 * 1024;
constexpr std::size_t kWindow = 1024 * 1024;

constexpr char kSignatureProblem[] = "Failed to verify data with public key and data signature, Error: ";

/// The organization of the metadata is that of the path: a client must not store into another one (security 2.5).
void settle_org(const Environment& environment, const ObjectKey& key, Metadata& meta) {
    if (environment.context.node.is_css() && !meta.org.empty() && meta.org != key.org) {
        throw Error(ErrorKind::InvalidRequest, "DestOrgID in the payload does not match the organization in the URL");
    }
    meta.org = key.org;
}

void warn_of_unverified(Log& log, const ObjectKey& key, const Metadata& meta) {
    if (!meta.hash_algorithm.empty() || meta.public_key.empty() || meta.signature.empty()) return;
    log.log(LogLevel::Warning,
            "The object " + key.org + "/" + key.type + "/" + key.id + " has a signature but no hashAlgorithm: it is not verified");
}

void write_in_windows(data::StreamedBlob& blob, const std::string& octets) {
    const auto all = std::as_bytes(std::span(octets));
    for (std::size_t offset = 0; offset < all.size(); offset += kWindow) {
        blob.write(all.subspan(offset, std::min(kWindow, all.size() - offset)));
    }
}

objects::NewData data_of(const data::StreamedBlob& blob) {
    objects::NewData data;
    data.is_given = true;
    data.is_staged = blob.is_staged();
    data.blob = blob.id();
    data.octets = blob.octets();
    data.size = blob.size();
    data.sha256 = blob.sha256();
    return data;
}

}  // namespace

std::string owner_of(const security::Identity& identity) { return identity.org + "/" + identity.user_id; }

void ObjectsHandler::put(const CallPtr& call) const {
    if (call->request.body.size() <= kParsedInPlace) return publish(call);
    call->reply.on_worker(environment_.context.scheduler, [this, call] { publish(call); });
}

void ObjectsHandler::publish(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    codec::PutBody body;
    try {
        body = codec::put_body_from_json(call->request.body);
    } catch (const Error& error) {
        return call->reply.send(invalid_json("Invalid JSON for update. Error: ", error));
    }
    std::string().swap(call->request.body);
    auto request = std::make_shared<PublishRequest>();
    request->meta = std::move(body.meta);
    if (!environment_.access.write(call->identity, call->key().org, request->meta)) return call->reply.send(unauthorized());
    settle_org(environment_, call->key(), request->meta);
    warn_of_unverified(context.log, call->key(), request->meta);
    objects::validate(request->meta, call->key(), {context.node.role, body.has_data, body.data.size(), context.node.now()});
    request->owner = owner_of(call->identity);
    if (!request->meta.source_data_uri.empty()) {
        return call->reply.on_worker(context.scheduler, [this, call, request] { publish_source(call, *request); });
    }
    request->data.is_given = body.has_data && !request->meta.no_data;
    if (!request->data.is_given) return publish_small(call, std::move(request), {});
    const auto limit = context.settings.integer("MaxInlineObjectSize");
    if (static_cast<std::int64_t>(body.data.size()) > limit) {
        const std::string text =
            "The data is larger than MaxInlineObjectSize (" + std::to_string(limit) + " bytes): upload it with PUT data";
        return call->reply.send(error_answer(413, "", text));
    }
    const bool is_small = static_cast<std::int64_t>(body.data.size()) <= context.node.inline_limit;
    if (is_small && !security::needs_signature_check(request->meta)) return publish_small(call, std::move(request), std::move(body.data));
    call->reply.on_worker(context.scheduler, [this, call, request, octets = std::make_shared<std::string>(std::move(body.data))] {
        publish_staged(call, *request, *octets);
    });
}

void ObjectsHandler::publish_small(const CallPtr& call, std::shared_ptr<PublishRequest> request, std::string octets) const {
    const ApiContext& context = environment_.context;
    if (request->data.is_given) {
        objects::NewData& data = request->data;
        data.blob = context.operations.store().blobs().new_id();
        data.size = static_cast<std::int64_t>(octets.size());
        data.sha256 = data::sha256_of(octets);
        data.octets = std::move(octets);
    }
    context.operations.run<PublishResult>(
        [&node = context.node, request = std::move(request)](WriteTransaction& txn, rules::Effects& effects) {
            return objects::publish(node, txn, *request, effects);
        },
        [call](rules::Outcome<PublishResult> outcome) {
            if (outcome.error) return call->reply.fail(outcome.error);
            call->reply.empty(204);
        });
}

void ObjectsHandler::publish_staged(const CallPtr& call, PublishRequest& request, const std::string& octets) const {
    const ApiContext& context = environment_.context;
    data::StreamedBlob blob(context.operations.store(), 0);
    write_in_windows(blob, octets);
    blob.finish();
    request.data = data_of(blob);
    security::SignatureResult checked;
    if (security::needs_signature_check(request.meta)) {
        checked = security::verify(request.meta.hash_algorithm, request.meta.public_key, request.meta.signature,
                                   [&blob](std::int64_t offset, std::span<std::byte> out) { return blob.read(offset, out); });
        request.signature = checked ? PublishRequest::Signature::Valid : PublishRequest::Signature::Invalid;
    }
    context.operations.run_and_wait<PublishResult>(
        [&](WriteTransaction& txn, rules::Effects& effects) { return objects::publish(context.node, txn, request, effects); });
    if (request.signature == PublishRequest::Signature::Invalid) {
        return call->reply.send(error_answer(500, kSignatureProblem, checked.problem));
    }
    blob.keep();
    call->reply.empty(204);
}

/// The file is looked at now; its octets are read when they are sent.
void ObjectsHandler::publish_source(const CallPtr& call, PublishRequest& request) const {
    const ApiContext& context = environment_.context;
    std::unique_ptr<files::DataFileReader> file;
    try {
        file = context.files.open(call->key(), request.meta.source_data_uri);
    } catch (const files::FileError& error) {
        if (error.kind() == ErrorKind::Io) throw;
        return call->reply.send(error_answer(400, "Invalid source data URI. Error: ", error.what()));
    }
    request.source_size = file->size();
    if (const auto limit = context.settings.integer("MaxObjectDataSize"); limit > 0 && request.source_size > limit) {
        return call->reply.send(error_answer(413, "", "The file is larger than MaxObjectDataSize (" + std::to_string(limit) + " bytes)"));
    }
    security::SignatureResult checked;
    if (security::needs_signature_check(request.meta)) {
        checked = security::verify(request.meta.hash_algorithm, request.meta.public_key, request.meta.signature,
                                   [&file](std::int64_t offset, std::span<std::byte> out) { return file->read(offset, out); });
        request.signature = checked ? PublishRequest::Signature::Valid : PublishRequest::Signature::Invalid;
    }
    const auto published = context.operations.run_and_wait<PublishResult>(
        [&](WriteTransaction& txn, rules::Effects& effects) { return objects::publish(context.node, txn, request, effects); });
    // An update of metadata alone keeps a good source, and the file that it names is not taken.
    if (published.status == ObjectStatus::VerificationFailed) {
        return call->reply.send(error_answer(500, kSignatureProblem, checked.problem));
    }
    call->reply.empty(204);
}

std::optional<ObjectRecord> ObjectsHandler::find(const ObjectKey& key) const {
    std::optional<ObjectRecord> object;
    environment_.context.operations.store().read([&](ReadTransaction& txn) { object = txn.object(key); });
    return object;
}

void ObjectsHandler::get(const CallPtr& call) const {
    const auto object = find(call->key());
    if (auto refusal = check_readable(environment_, *call, object ? &*object : nullptr)) return call->reply.send(std::move(*refusal));
    call->reply.send(json_answer(codec::to_json(object->meta)));
}

void ObjectsHandler::status(const CallPtr& call) const {
    const auto object = find(call->key());
    if (auto refusal = check_readable(environment_, *call, object ? &*object : nullptr)) return call->reply.send(std::move(*refusal));
    HttpResponse response = text_answer(200, std::string(to_string(object->status)));
    response.content_type = "plain/text";  // Sic; established.
    call->reply.send(std::move(response));
}

void ObjectsHandler::remove(const CallPtr& call) const {
    const ApiContext& context = environment_.context;
    const ObjectKey& key = call->key();
    if (environment_.access.read(call->identity, key.org, key.type) == security::ReadAccess::Failed)
        return call->reply.send(unauthorized());
    const auto object = find(key);
    if (!object) return call->reply.empty(404);
    if (!environment_.access.write(call->identity, key.org, object->meta)) return call->reply.send(unauthorized());
    context.operations.run<rules::Done>(
        [&node = context.node, key](WriteTransaction& txn, rules::Effects& effects) {
            objects::remove(node, txn, key, effects);
            return rules::Done{};
        },
        [call](const rules::Outcome<rules::Done>& outcome) {
            if (outcome.error) return call->reply.fail(outcome.error, "Failed to delete the object. Error: ");
            call->reply.empty(204);
        });
}

}  // namespace edgesync::api
