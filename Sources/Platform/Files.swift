import CShim
import Glibc

/// The few things that the host does with small files.
public enum Files {
    /// What the system said of a file.
    public struct Failure: Error, CustomStringConvertible {
        public var path: String
        public var code: Int32

        public var description: String { "\(path): \(String(cString: strerror(code)))" }
    }

    /// The whole file.
    public static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, code: cshim_errno()) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, cshim_errno() == EINTR { continue }
            guard count >= 0 else { throw Failure(path: path, code: cshim_errno()) }
            guard count > 0 else { return content }
            content += buffer[..<count]
        }
    }

    /// Replaces the file in one step and durably; it has `mode` from the first moment.
    public static func write(_ path: String, _ content: [UInt8], mode: UInt32) throws(Failure) {
        let draft = "\(path).new.\(getpid())"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw Failure(path: draft, code: cshim_errno()) }
        var rest = content[...]
        var failure: Int32 = fchmod(descriptor, mode) == 0 ? 0 : cshim_errno()
        while failure == 0, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, cshim_errno() != EINTR { failure = cshim_errno() }
            if count > 0 { rest.removeFirst(count) }
        }
        if failure == 0, fsync(descriptor) != 0 { failure = cshim_errno() }
        close(descriptor)
        if failure == 0, rename(draft, path) != 0 { failure = cshim_errno() }
        guard failure == 0 else {
            unlink(draft)
            throw Failure(path: path, code: failure)
        }
    }

    /// Makes a directory and those above it; the last one has `mode`.
    public static func makeDirectory(_ path: String, mode: UInt32) throws(Failure) {
        if mkdir(path, mode) == 0 || cshim_errno() == EEXIST { return }
        guard cshim_errno() == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw Failure(path: path, code: cshim_errno())
        }
        try makeDirectory(String(path[..<slash]), mode: 0o755)
        guard mkdir(path, mode) == 0 || cshim_errno() == EEXIST else { throw Failure(path: path, code: cshim_errno()) }
    }

    /// The names in a directory, sorted, without those that start with a dot; none if it cannot be read.
    public static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
