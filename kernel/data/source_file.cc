#include "kernel/data/source_file.h"

#include <algorithm>
#include <vector>

#include "kernel/data/digest.h"

namespace edgesync::data {
namespace {

constexpr std::size_t kWindow = 1024 * 1024;

std::string digest_of(BlobReader& reader) {
    Sha256 hash;
    std::vector<std::byte> window(static_cast<std::size_t>(std::min<std::int64_t>(reader.size(), kWindow)));
    for (std::int64_t offset = 0; offset < reader.size();) {
        const std::size_t count = reader.read(offset, window);
        if (count == 0) throw Error(ErrorKind::Corrupt, "The file ends before its size");
        hash.update(std::span(window).first(count));
        offset += static_cast<std::int64_t>(count);
    }
    return hash.finish();
}

}  // namespace

delivery::PushSource open_source(const files::DataFiles& files, const ObjectRecord& object) {
    const Metadata& meta = object.meta;
    auto reader = files.open(object.key(), meta.source_data_uri);
    if (reader->size() != meta.object_size) {
        throw Error(ErrorKind::Corrupt, "The file of its sourceDataUri has " + std::to_string(reader->size()) + " bytes now and had " +
                                            std::to_string(meta.object_size) + " when the object was published: publish it again");
    }
    delivery::PushSource source;
    source.sha256 = digest_of(*reader);
    source.reader = std::move(reader);
    return source;
}

}  // namespace edgesync::data
