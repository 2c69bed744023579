// Opens a file below a folder so that no name and no symbolic link leads outside of it.
#pragma once

#include "base/error.hpp"
#include "base/unique_fd.hpp"

#include <string>
#include <sys/stat.h>

namespace postern::edge {

/// How the walk is kept inside. `kernel`: openat2(2) with RESOLVE_BENEATH (Linux 5.6), links that
/// stay inside are followed. `components`: one openat(2) a component without following any link,
/// for kernels and sandboxes that refuse openat2.
enum class beneath { kernel, components };

struct opened_file {
    base::unique_fd fd;
    struct stat info {};
    [[nodiscard]] bool is_regular() const noexcept { return S_ISREG(info.st_mode); }
    [[nodiscard]] bool is_folder() const noexcept { return S_ISDIR(info.st_mode); }
};

/// Opens `root`/`path` for reading; never waits (FIFOs and devices are opened without blocking).
/// `root`: an open folder, O_PATH is enough. `path` is relative; empty means the folder itself.
/// Falls back from kernel to components by itself. Errors: those of openat2(2), openat(2) and
/// fstat(2); EXDEV for what would leave the folder.
[[nodiscard]] base::result<opened_file> open_beneath(int root, const std::string& path,
                                                     beneath how = beneath::kernel);

} // namespace postern::edge
