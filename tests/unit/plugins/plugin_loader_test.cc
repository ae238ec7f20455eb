#include "kernel/plugins/plugin_loader.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>

#include "kernel/plugins/plugin_note.h"

namespace edgesync::plugins {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kPlugins = EDGESYNC_TEST_PLUGINS;

class PrivateFolder {
public:
    PrivateFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "edgesync-plugins-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    ~PrivateFolder() { std::filesystem::remove_all(path_); }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

std::string refusal_of(const PluginLoader& loader, const std::string& name) {
    try {
        loader.load_store(name);
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        return error.what();
    }
    return "accepted";
}

TEST(PluginLoader, LoadsAStoreAndATransportOfTheSameName) {
    const PluginLoader loader({kPlugins / "good"});
    const auto store = loader.load_store("good").plugin;
    EXPECT_EQ(store->traits().inline_limit, 7);
    EXPECT_EQ(store->declare_settings().at(0).key, "GoodKey");
    EXPECT_EQ(loader.load_transport("good").plugin->traits().largest_payload, 7);
}

TEST(PluginLoader, ErrorsOfAPluginAreCaughtByType) {
    const auto store = PluginLoader({kPlugins / "good"}).load_store("good").plugin;
    try {
        store->open();
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Corrupt);
    }
}

TEST(PluginLoader, AnObjectOutlivesItsLoader) {
    std::unique_ptr<Store> store;
    { store = PluginLoader({kPlugins / "good"}).load_store("good").plugin; }
    EXPECT_TRUE(store->health().is_connected);
}

struct Row {
    const char* name;
    const char* reason;
    bool is_loaded;  ///< The fault can only be seen after loading.
};

class BrokenPlugins : public testing::TestWithParam<Row> {};

TEST_P(BrokenPlugins, AreRefusedWithTheFileAndTheReason) {
    ::unsetenv("EDGESYNC_TEST_LOADED");
    const auto [name, reason, is_loaded] = GetParam();
    const auto refusal = refusal_of(PluginLoader({kPlugins / "broken"}), name);
    const auto file = (kPlugins / "broken" / ("libstore-" + std::string(name) + ".so")).string();
    EXPECT_THAT(refusal, AllOf(HasSubstr(reason), HasSubstr(std::string("store-") + name)));
    if (std::string(name) != "nostore") {
        EXPECT_THAT(refusal, HasSubstr(file));
    }
    EXPECT_EQ(std::getenv("EDGESYNC_TEST_LOADED") != nullptr, is_loaded);
}

INSTANTIATE_TEST_SUITE_P(Table, BrokenPlugins,
                         testing::Values(Row{"major", "this service needs ABI 1.x up to 1.", false},
                                         Row{"minor", "built for plugin ABI 1.99, this service offers only 1.", false},
                                         Row{"toolchain", "built with toolchain 'itanium-cxx/libc++1', this service needs '", false},
                                         Row{"kind", "is a transport plugin, but its file name says store", false},
                                         Row{"name", "calls itself 'other', but its file name says 'name'", false},
                                         Row{"nonote", "has no .note.edgesync section", false},
                                         Row{"ownlibrary", "has a C++ library of its own (-static-libstdc++)", false},
                                         Row{"library", "libedgesync-test-absent.so: cannot open shared object file", false},
                                         Row{"nodescriptor", "does not export edgesync_plugin_descriptor", true},
                                         Row{"lying", "built for plugin ABI 3.", true}, Row{"null", "created no object", true},
                                         Row{"throws", "failed to create its object: no disk", true},
                                         Row{"throwsint", "failed to create its object, with an exception of an unknown type", true},
                                         Row{"nostore", "its object is not a store", true}),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(PluginLoader, SaysWhereItLookedForAMissingPlugin) {
    EXPECT_THAT(refusal_of(PluginLoader({kPlugins / "good", "/nonexistent"}), "absent"),
                AllOf(HasSubstr("libstore-absent.so was not found"), HasSubstr((kPlugins / "good").string() + " (has libstore-good.so, "),
                      HasSubstr("/nonexistent (no such folder)")));
}

TEST(PluginLoader, RefusesNamesThatLeadElsewhere) {
    EXPECT_THAT(refusal_of(PluginLoader({kPlugins / "good"}), "../good/x"), HasSubstr("a plugin's name has only"));
}

TEST(PluginLoader, TwoFilesOfOneNameAreAmbiguous) {
    const auto refusal = refusal_of(PluginLoader({kPlugins / "good", kPlugins / "twin"}), "good");
    EXPECT_THAT(refusal,
                AllOf(HasSubstr((kPlugins / "good/libstore-good.so").string()), HasSubstr((kPlugins / "twin/libstore-good.so").string())));
}

TEST(PluginLoader, TheSameFolderTwiceIsNotAmbiguous) {
    EXPECT_EQ(refusal_of(PluginLoader({kPlugins / "good", kPlugins / "twin/../good"}), "good"), "accepted");
}

TEST(PluginLoader, FilesThatAreNoSharedObjectsAreRefused) {
    PrivateFolder folder;
    std::ofstream(folder.path() / "libstore-text.so") << "#!/bin/sh\n";
    std::ofstream(folder.path() / "libstore-empty.so");
    std::filesystem::create_directory(folder.path() / "libstore-folder.so");
    std::filesystem::create_symlink("/nonexistent", folder.path() / "libstore-dangling.so");
    std::filesystem::copy("/proc/self/exe", folder.path() / "libstore-noplugin.so");
    const PluginLoader loader({folder.path()});
    EXPECT_THAT(refusal_of(loader, "text"), HasSubstr("is not a shared object"));
    EXPECT_THAT(refusal_of(loader, "empty"), HasSubstr("is not a shared object"));
    EXPECT_THAT(refusal_of(loader, "folder"), HasSubstr("is not a regular file"));
    EXPECT_THAT(refusal_of(loader, "dangling"), HasSubstr("cannot be opened: No such file"));
    EXPECT_THAT(refusal_of(loader, "noplugin"), HasSubstr("has no .note.edgesync section"));
}

std::string octets_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(PluginNote, ATruncatedFileIsRefusedWhereverItEnds) {
    PrivateFolder folder;
    const auto whole = octets_of(kPlugins / "good/libstore-good.so");
    const auto file = folder.path() / "libstore-good.so";
    for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200) {
        std::ofstream(file, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
        EXPECT_TRUE(std::holds_alternative<NotAPlugin>(read_plugin_note(file))) << size;
    }
}

TEST(PluginNote, DamagedOctetsNeverLeadOutsideTheFile) {
    PrivateFolder folder;
    const auto whole = octets_of(kPlugins / "good/libstore-good.so");
    const auto file = folder.path() / "libstore-good.so";
    std::uint32_t random = 1;
    const auto header = std::min<std::size_t>(64, whole.size());
    const auto table = whole.size() > 2560 ? whole.size() - 2560 : 0;
    for (int round = 0; round < 300; ++round) {
        auto damaged = whole;
        for (int change = 0; change < 4; ++change) {
            random = random * 1664525u + 1013904223u;
            const auto at = round % 2 == 0 ? random % header : table + random % (whole.size() - table);
            damaged[at] = static_cast<char>(random >> 24);
        }
        std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
        const auto note = read_plugin_note(file);
        if (const auto* refusal = std::get_if<NotAPlugin>(&note)) {
            EXPECT_FALSE(refusal->reason.empty());
        }
    }
}

TEST(Candidates, EveryFileHasAVerdictAndNothingIsLoaded) {
    ::unsetenv("EDGESYNC_TEST_LOADED");
    PrivateFolder folder;
    std::ofstream(folder.path() / "libother.so") << "x";
    std::ofstream(folder.path() / "readme.txt") << "x";
    const auto all = PluginLoader({kPlugins / "good", kPlugins / "broken", folder.path(), "/nonexistent"}).candidates();
    EXPECT_EQ(all.size(), 2u + 14u + 1u + 1u);
    EXPECT_TRUE(all[0].is_usable);
    EXPECT_EQ(all[0].verdict, "usable: store plugin 'good'");
    for (const auto& candidate : all) EXPECT_FALSE(candidate.verdict.empty());
    EXPECT_EQ(all[16].verdict, "refused: it is not named libstore-NAME.so or libtransport-NAME.so");
    EXPECT_EQ(all[17].verdict, "skipped: no such folder");
    EXPECT_EQ(std::getenv("EDGESYNC_TEST_LOADED"), nullptr);
}

TEST(Candidates, TwoFilesOfOneNameAreBothRefused) {
    for (const auto& candidate : PluginLoader({kPlugins / "good", kPlugins / "twin"}).candidates()) {
        EXPECT_EQ(candidate.is_usable, candidate.file.filename() == "libtransport-good.so") << candidate.verdict;
    }
}

TEST(PluginLoader, TheDefaultFolderLiesBesideTheProgram) {
    EXPECT_THAT(PluginLoader::default_folder().string(), testing::EndsWith("/lib/edge-sync-service/plugins"));
}

}  // namespace
}  // namespace edgesync::plugins
