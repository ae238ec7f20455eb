#include "kernel/swagger/ui_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "edgesync/sdk/error.h"

namespace edgesync::swagger {
namespace {

constexpr std::size_t kMostFiles = 200;

struct Type {
    std::string_view extension;
    const char* content_type;
};

constexpr std::array<Type, 9> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"},
}};

/// Null: not served.
const char* content_type_of(const std::filesystem::path& file) {
    const std::string extension = file.extension().string();
    for (const Type& type : kTypes) {
        if (type.extension == extension) return type.content_type;
    }
    return nullptr;
}

class OpenFile : public BlobReader {
public:
    /// Of a regular file; -1 in `descriptor` otherwise.
    explicit OpenFile(const std::filesystem::path& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {
        struct stat status {};
        if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return;
        size_ = status.st_size;
    }
    ~OpenFile() override {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;

    bool is_good() const { return size_ >= 0; }
    std::int64_t size() const override { return size_; }
    int file_descriptor() const override { return descriptor_; }
    std::size_t read(std::int64_t offset, std::span<std::byte> out) override {
        const auto count = ::pread(descriptor_, out.data(), out.size(), offset);
        if (count < 0) throw Error(ErrorKind::Io, std::generic_category().message(errno));
        return static_cast<std::size_t>(count);
    }

private:
    const int descriptor_;
    std::int64_t size_ = -1;
};

}  // namespace

UiFolder::UiFolder(const std::filesystem::path& folder) {
    std::error_code error;
    const auto root = std::filesystem::canonical(folder, error);
    if (error) return;
    std::filesystem::directory_iterator entry(root, error);
    for (; !error && entry != std::filesystem::directory_iterator() && files_.size() < kMostFiles; entry.increment(error)) {
        const char* type = content_type_of(entry->path());
        std::error_code ignored;
        const auto file = std::filesystem::canonical(entry->path(), ignored);
        if (type == nullptr || ignored || file.parent_path() != root || !std::filesystem::is_regular_file(file, ignored)) continue;
        files_[entry->path().filename().string()] = {file, type};
    }
}

HttpResponse UiFolder::answer(std::string_view name) const {
    HttpResponse response;
    response.status = 404;
    const auto found = files_.find(name);
    if (found == files_.end()) return response;
    auto file = std::make_unique<OpenFile>(found->second.path);
    if (!file->is_good()) return response;  // Removed since the start.
    response.status = 200;
    response.content_type = found->second.content_type;
    response.blob_length = file->size();
    response.blob = std::move(file);
    return response;
}

}  // namespace edgesync::swagger
