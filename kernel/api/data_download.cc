#include "kernel/api/data_download.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/api/byte_range.h"
#include "kernel/data/digest.h"

namespace edgesync::api {
namespace {

/// Up to this size data is copied into the answer; larger data is sent from its file.
constexpr std::int64_t kCopied = 64 * 1024;

struct OpenedObject {
    std::optional<HttpResponse> refusal;
    Metadata meta;
    std::unique_ptr<BlobReader> reader;
    std::string sha256;
};

HttpResponse public_only() { return text_answer(403, "Unauthorized. The object may not exist or be public.\n"); }

bool has_readable_data(const ObjectRecord& object) {
    switch (object.status) {
        case ObjectStatus::NotReady:
        case ObjectStatus::Verifying:
        case ObjectStatus::VerificationFailed:
        case ObjectStatus::PartiallyReceived:
        case ObjectStatus::ReceiverVerifying:
        case ObjectStatus::ReceiverVerificationFailed: return false;
        default: return object.data.has_value();
    }
}

OpenedObject open(const Environment& environment, const Call& call) {
    OpenedObject opened;
    environment.context.operations.store().read([&](ReadTransaction& txn) {
        auto object = txn.object(call.key());
        opened.refusal = check_readable(environment, call, object ? &*object : nullptr, public_only);
        if (opened.refusal || !has_readable_data(*object)) return;
        auto blob = txn.blob(*object->data);
        if (!blob) return;
        opened.sha256 = std::move(blob->sha256);
        opened.reader = txn.open_blob(*object->data);
        opened.meta = std::move(object->meta);
    });
    return opened;
}

std::string entity_tag(const Metadata& meta) { return "\"" + std::to_string(meta.instance_id) + "-" + std::to_string(meta.data_id) + "\""; }

/// If-None-Match: weak comparison with each tag of the list.
bool names_tag(std::string_view field, std::string_view tag) {
    while (!field.empty()) {
        std::string_view item = field.substr(0, field.find(','));
        field.remove_prefix(std::min(field.size(), item.size() + 1));
        while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
        while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
        if (item.starts_with("W/")) item.remove_prefix(2);
        if (item == "*" || item == tag) return true;
    }
    return false;
}

RangeAnswer asked_range(const HttpRequest& request, std::string_view tag, std::int64_t size) {
    const bool is_current = !request.has_header("If-Range") || request.header("If-Range") == tag;
    if (!request.has_header("Range") || !is_current) return {RangeAnswer::Kind::Whole, 0, size};
    return answer_range(request.header("Range"), size);
}

void copy(BlobReader& reader, std::int64_t offset, std::int64_t length, std::string& out) {
    out.resize(static_cast<std::size_t>(length));
    auto rest = std::as_writable_bytes(std::span(out));
    while (!rest.empty()) {
        const std::size_t count = reader.read(offset, rest);
        if (count == 0) throw Error(ErrorKind::Corrupt, "The stored data is shorter than its record says");
        offset += static_cast<std::int64_t>(count);
        rest = rest.subspan(count);
    }
}

}  // namespace

void download_data(const Environment& environment, const CallPtr& call) {
    OpenedObject opened = open(environment, *call);
    if (opened.refusal) return call->reply.send(std::move(*opened.refusal));
    if (!opened.reader) return call->reply.empty(404);
    const std::int64_t size = opened.reader->size();
    const std::string tag = entity_tag(opened.meta);
    HttpResponse response;
    response.headers.reserve(8);
    response.headers.push_back({"ETag", tag});
    if (names_tag(call->request.header("If-None-Match"), tag)) {
        response.status = 304;
        return call->reply.send(std::move(response));
    }
    const RangeAnswer range = asked_range(call->request, tag, size);
    if (range.kind == RangeAnswer::Kind::Invalid) return call->reply.send(error_answer(400, "", "Invalid Range header"));
    if (range.kind == RangeAnswer::Kind::Beyond) return call->reply.empty(404);
    const bool is_part = range.kind == RangeAnswer::Kind::Part;
    const std::int64_t length = range.end - range.begin;
    response.status = is_part ? 206 : 200;
    response.content_type = "application/octet-stream";
    if (is_part) {
        std::string field = "bytes ";
        field.append(std::to_string(range.begin)).append("-").append(std::to_string(range.end - 1)).append("/").append(std::to_string(size));
        response.headers.push_back({"Content-Range", std::move(field)});
    }
    if (!opened.sha256.empty()) response.headers.push_back({"Repr-Digest", codec::to_digest_field(opened.sha256)});
    if (length <= kCopied) {
        copy(*opened.reader, range.begin, length, response.body);
        if (is_part) response.headers.push_back({"Content-Digest", codec::to_digest_field(data::sha256_of(response.body))});
    } else {
        response.blob = std::move(opened.reader);
        response.blob_offset = range.begin;
        response.blob_length = length;
    }
    call->reply.send(std::move(response));
}

}  // namespace edgesync::api
