// A folder of a test's own, gone with it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <stdlib.h>
#include <string>

namespace postern::edge {

class temporary_folder {
  public:
    temporary_folder() {
        std::string pattern = testing::TempDir() + "/postern-master-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::filesystem::filesystem_error{"mkdtemp", {}};
        path_ = pattern;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

  private:
    std::string path_;
};

} // namespace postern::edge
