import Glibc
import PluginKit

/// The few file operations that the driver needs, for hypervisors that see our files.
enum Files {
    static func makeDirectory(_ path: String, mode: mode_t = 0o750) throws(DriverError) {
        guard mkdir(path, mode) != 0, errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            guard isDirectory(path) else { throw failure("make directory", path) }
            return
        }
        try makeDirectory(String(path[..<slash]), mode: mode)
        guard mkdir(path, mode) == 0 || isDirectory(path) else { throw failure("make directory", path) }
    }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The size of a regular file; nil where there is none.
    static func size(_ path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return status.st_size
    }

    /// Writes a new file that only its owner reads, and never through a link somebody else laid there.
    static func write(_ bytes: [UInt8], to path: String) throws(DriverError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("write", path) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                let error = failure("write", path)
                close(file)
                unlink(path)
                throw error
            }
            rest = rest.dropFirst(written)
        }
        guard close(file) == 0 else { throw failure("write", path) }
    }

    /// The first bytes of a file.
    static func prefix(_ path: String, _ count: Int) throws(DriverError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw failure("read", path) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: count)
        let got = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        guard got >= 0 else { throw failure("read", path) }
        return Array(bytes.prefix(got))
    }

    /// Removes a file; one that is not there is fine.
    static func remove(_ path: String) throws(DriverError) {
        guard unlink(path) != 0, errno != ENOENT else { return }
        throw failure("remove", path)
    }

    static func names(in directory: String) throws(DriverError) -> [String] {
        guard let stream = opendir(directory) else { throw failure("list", directory) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Bytes in all and bytes free where `path` lies (`statvfs`).
    static func space(_ path: String) -> (total: Int, free: Int)? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return (Int(status.f_blocks * status.f_frsize), Int(status.f_bavail * status.f_frsize))
    }

    private static func failure(_ what: String, _ path: String) -> DriverError {
        let error = errno
        let status: DriverError.Status =
            switch error {
            case ENOSPC, EDQUOT: .exhausted
            case EACCES, EPERM, EROFS: .denied
            default: .broken
            }
        return DriverError(status, "cannot \(what) \(path)", native: String(cString: strerror(error)))
    }
}
