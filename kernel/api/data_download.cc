#include "kernel/api/data_download.h"

#include "edgesync/sdk/codec.h"
#include "edgesync/sdk/error.h"
#include "kernel/addressing/data_file.h"
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
    std::string file_uri;      ///< Instead of `reader`: the data is in this file.
    std::string file_version;  ///< Distinguishes what an application makes of the file.
};

HttpResponse public_only() { return text_answer(403, "Unauthorized. The object may not exist or be public.\n"); }

/// Where the data of the object is, if it is in a file; else empty.
std::string file_uri_of(ReadTransaction& txn, const ObjectRecord& object) {
    if (addressing::is_in_file(txn, object)) return object.meta.destination_data_uri;
    const bool is_source = object.side == Side::Sender && object.status == ObjectStatus::Ready && !object.data;
    return is_source ? object.meta.source_data_uri : std::string{};
}

bool may_be_read(const ObjectRecord& object) {
    switch (object.status) {
        case ObjectStatus::NotReady:
        case ObjectStatus::Verifying:
        case ObjectStatus::VerificationFailed:
        case ObjectStatus::PartiallyReceived:
        case ObjectStatus::ReceiverVerifying:
        case ObjectStatus::ReceiverVerificationFailed: return false;
        default: return true;
    }
}

OpenedObject open(const Environment& environment, const Call& call) {
    OpenedObject opened;
    environment.context.operations.store().read([&](ReadTransaction& txn) {
        auto object = txn.object(call.key());
        opened.refusal = check_readable(environment, call, object ? &*object : nullptr, public_only);
        if (opened.refusal || !may_be_read(*object)) return;
        if (!object->data) {
            opened.file_uri = file_uri_of(txn, *object);
            opened.meta = std::move(object->meta);
            return;
        }
        auto blob = txn.blob(*object->data);
        if (!blob) return;
        opened.sha256 = std::move(blob->sha256);
        opened.reader = txn.open_blob(*object->data);
        opened.meta = std::move(object->meta);
    });
    return opened;
}

std::string entity_tag(const OpenedObject& opened) {
    const Metadata& meta = opened.meta;
    return "\"" + std::to_string(meta.instance_id) + "-" + std::to_string(meta.data_id) + opened.file_version + "\"";
}

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

void answer(const Call& call, OpenedObject opened) {
    const std::int64_t size = opened.reader->size();
    const std::string tag = entity_tag(opened);
    HttpResponse response;
    response.headers.reserve(8);
    response.headers.push_back({"ETag", tag});
    if (names_tag(call.request.header("If-None-Match"), tag)) {
        response.status = 304;
        return call.reply.send(std::move(response));
    }
    const RangeAnswer range = asked_range(call.request, tag, size);
    if (range.kind == RangeAnswer::Kind::Invalid) return call.reply.send(error_answer(400, "", "Invalid Range header"));
    if (range.kind == RangeAnswer::Kind::Beyond) return call.reply.empty(404);
    const bool is_part = range.kind == RangeAnswer::Kind::Part;
    const std::int64_t length = range.end - range.begin;
    response.status = is_part ? 206 : 200;
    response.content_type = "application/octet-stream";
    if (is_part) {
        std::string field = "bytes ";
        field.append(std::to_string(range.begin))
            .append("-")
            .append(std::to_string(range.end - 1))
            .append("/")
            .append(std::to_string(size));
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
    call.reply.send(std::move(response));
}

/// Opens the file, and makes sure that it was the version's own: a newer one replaces the file only after its announcement is stored, and
/// another object only after it is stored that the file is its own.
/// Answered if there is nothing to read.
std::optional<OpenedObject> open_file(const Environment& environment, const Call& call, OpenedObject opened) {
    std::unique_ptr<files::DataFileReader> file;
    try {
        file = environment.context.files.open(call.key(), opened.file_uri);
    } catch (const files::FileError& error) {
        if (error.kind() == ErrorKind::NotFound) return call.reply.empty(404), std::nullopt;
        return call.reply.send(error_answer(500, "Failed to read the data. Error: ", error.what())), std::nullopt;
    }
    OpenedObject now = open(environment, call);
    const bool is_same = now.file_uri == opened.file_uri && now.meta.instance_id == opened.meta.instance_id;
    if (!is_same) return call.reply.empty(404), std::nullopt;
    opened.file_version = "-" + std::to_string(file->changed_at());
    opened.reader = std::move(file);
    return opened;
}

}  // namespace

void download_data(const Environment& environment, const CallPtr& call) {
    OpenedObject opened = open(environment, *call);
    if (opened.refusal) return call->reply.send(std::move(*opened.refusal));
    if (!opened.file_uri.empty()) {
        // Its folder may be on a slow file system.
        return call->reply.on_worker(environment.context.scheduler,
                                     [&environment, call, first = std::make_shared<OpenedObject>(std::move(opened))] {
                                         if (auto file = open_file(environment, *call, std::move(*first))) answer(*call, std::move(*file));
                                     });
    }
    if (!opened.reader) return call->reply.empty(404);
    answer(*call, std::move(opened));
}

}  // namespace edgesync::api
