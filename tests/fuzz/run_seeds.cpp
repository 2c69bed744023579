// Runs a fuzz target as a plain test: over each kept seed, and over seeded random changes of each,
// so that every build walks some of the ways that the fuzzer found. The same numbers each time: a
// failure comes back. Usage: fuzz_NAME FOLDER [MUTATIONS-PER-FILE]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using bytes = std::vector<std::uint8_t>;

void run(const bytes& input) {
    // A copy of exactly this size: a sanitizer sees any step beyond its end.
    const bytes exact{input.begin(), input.end()};
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

class mutator {
  public:
    explicit mutator(std::uint64_t seed) : random_{seed} {}

    [[nodiscard]] bytes changed(bytes input, const bytes& other) {
        for (std::size_t n = 1 + below(4); n > 0; --n)
            change(input, other);
        return input;
    }

  private:
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

    void change(bytes& input, const bytes& other) {
        const auto at = [&](std::size_t i) {
            return input.begin() + static_cast<std::ptrdiff_t>(i);
        };
        const std::size_t place = below(input.size() + 1);
        const std::size_t length = 1 + below(16);
        switch (below(6)) {
        case 0: // another byte
            if (place < input.size())
                input[place] = static_cast<std::uint8_t>(random_());
            break;
        case 1: // one bit
            if (place < input.size())
                input[place] ^= static_cast<std::uint8_t>(1U << below(8));
            break;
        case 2: // some bytes lost
            input.erase(at(place), at(std::min(input.size(), place + length)));
            break;
        case 3: { // some bytes twice
            const bytes part{at(place), at(std::min(input.size(), place + length))};
            input.insert(at(place), part.begin(), part.end());
            break;
        }
        case 4: { // a part of another seed
            const std::size_t from = below(other.size());
            const std::size_t to = std::min(other.size(), from + 4 * length);
            input.insert(at(place), other.begin() + static_cast<std::ptrdiff_t>(from),
                         other.begin() + static_cast<std::ptrdiff_t>(to));
            break;
        }
        default: // cut off
            input.resize(place);
        }
    }

    std::mt19937_64 random_;
};

} // namespace

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        std::fprintf(stderr, "usage: %s FOLDER [MUTATIONS-PER-FILE]\n", argv[0]);
        return 64;
    }
    const unsigned long mutations = argc == 3 ? std::strtoul(argv[2], nullptr, 10) : 300;
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{argv[1], error})
        if (entry.is_regular_file())
            files.push_back(entry.path());
    if (error || files.empty()) {
        std::fprintf(stderr, "%s: no seeds in %s\n", argv[0], argv[1]);
        return 1;
    }
    std::sort(files.begin(), files.end());
    std::vector<bytes> seeds;
    for (const auto& file : files) {
        std::ifstream in{file, std::ios::binary};
        seeds.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
    }
    run({});
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        run(seeds[i]);
        mutator random{i};
        for (unsigned long n = 0; n < mutations; ++n)
            run(random.changed(seeds[i], seeds[(i + n) % seeds.size()]));
    }
    std::printf("%zu seeds, %lu changes of each\n", seeds.size(), mutations);
    return 0;
}
