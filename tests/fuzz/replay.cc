// Runs a fuzz target without a fuzzer: over the files of its corpus and over mutations of them, the same ones in every run.
//   PROGRAM FOLDER MUTATIONS [SEED]
// An input that ends the process is kept in the file "fuzz-crash" of the current folder.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace {

using Random = std::mt19937_64;

constexpr std::size_t kLongestInput = 8192;
/// No input may take longer than this many seconds.
constexpr unsigned kPatience = 20;

std::string current;

void keep_and_end(int signal) {
    const int file = ::open("fuzz-crash", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    // Nothing can be done about a failure here.
    if (file >= 0 && ::write(file, current.data(), current.size()) >= 0) ::close(file);
    static constexpr std::string_view kText = "the input is in the file fuzz-crash\n";
    if (::write(2, kText.data(), kText.size()) < 0) ::_exit(2);
    ::signal(signal, SIG_DFL);
    ::raise(signal);
}

void run(std::string input) {
    current = std::move(input);
    ::alarm(kPatience);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> inputs;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    }
    return inputs;
}

class Mutator {
public:
    Mutator(std::vector<std::string> corpus, std::uint64_t seed) : corpus_(std::move(corpus)), random_(seed) {}

    std::string next() {
        std::string input = pick();
        for (auto changes = 1 + below(4); changes > 0; --changes) change(input);
        if (input.size() > kLongestInput) input.resize(kLongestInput);
        return input;
    }

private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : static_cast<std::size_t>(random_() % limit); }
    const std::string& pick() { return corpus_[below(corpus_.size())]; }
    char octet() {
        static constexpr char kOctets[] = "\0\r\n\t \"\\/%:;,-+=[]{}()<>.*0159af\x7f\x80\xff";
        static constexpr std::string_view kLikely(kOctets, sizeof kOctets - 1);
        return below(2) == 0 ? kLikely[below(kLikely.size())] : static_cast<char>(random_());
    }
    std::string piece(const std::string& text) {
        const std::size_t begin = below(text.size());
        return text.substr(begin, 1 + below(std::min<std::size_t>(text.size() - begin, 64)));
    }

    void change(std::string& input) {
        const std::size_t at = below(input.size() + 1);
        switch (below(8)) {
            case 0:
                if (at < input.size()) input[at] = octet();
                break;
            case 1:
                if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
                break;
            case 2: input.insert(at, 1, octet()); break;
            case 3: input.erase(at, 1 + below(16)); break;
            case 4: input.insert(at, piece(pick())); break;
            case 5: input.insert(at, piece(input)); break;
            case 6: input.resize(at); break;
            default: input.replace(at, below(16), piece(pick())); break;
        }
    }

    const std::vector<std::string> corpus_;
    Random random_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " FOLDER MUTATIONS [SEED]\n";
        return 2;
    }
    for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::signal(signal, keep_and_end);
    const auto corpus = read_corpus(argv[1]);
    if (corpus.empty()) {
        std::cerr << argv[1] << " has no inputs\n";
        return 2;
    }
    for (const auto& input : corpus) run(input);
    run("");
    Mutator mutator(corpus, argc > 3 ? std::stoull(argv[3]) : 1);
    const auto mutations = std::stoull(argv[2]);
    for (std::uint64_t i = 0; i < mutations; ++i) run(mutator.next());
    std::cout << corpus.size() << " inputs and " << mutations << " mutations\n";
}
