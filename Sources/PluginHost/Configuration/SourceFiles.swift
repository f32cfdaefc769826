import CShim
import Glibc

/// What the configuration's reader needs of a file system; tests and the fuzzer bring their own.
protocol SourceFiles {
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// The files that a pattern finds, sorted by their bytes.
    func expand(_ pattern: String) -> [String]
    /// One name for one file, whatever way led to it.
    func identity(of path: String) -> String
}

/// A file that could not be read, and why, in words.
struct FileError: Error, Equatable {
    var reason: String
    var isMissing = false
}

/// The real file system.
struct DiskFiles: SourceFiles {
    static let largest = 1 << 20

    func read(_ path: String) throws(FileError) -> [UInt8] { try DiskFiles.read(path, atMost: DiskFiles.largest) }

    /// Reads a regular file (`open`, `read`).
    static func read(_ path: String, atMost limit: Int) throws(FileError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw failure(cshim_errno()) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(cshim_errno()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(reason: "it is no regular file") }
        guard status.st_size <= limit else { throw FileError(reason: "it is larger than \(limit >> 10) KiB") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: max(4096, Int(status.st_size)))
        while bytes.count <= limit {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            let error = cshim_errno()
            if count < 0, error == EINTR { continue }
            guard count >= 0 else { throw failure(error) }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
        throw FileError(reason: "it is larger than \(limit >> 10) KiB")
    }

    private static func failure(_ error: Int32) -> FileError {
        FileError(reason: describe(error: error), isMissing: error == ENOENT || error == ENOTDIR)
    }

    /// `glob(3)`, whose order is that of the bytes in the C locale.
    func expand(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }.sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
    }

    func identity(of path: String) -> String { realPath(path) ?? path }
}

/// `strerror`, in lower case as the middle of a sentence.
func describe(error: Int32) -> String {
    let text = strerror(error).map { String(cString: $0) } ?? "error \(error)"
    return text.prefix(1).lowercased() + text.dropFirst()
}

/// `realpath(3)`: absolute, without links; nil where the file does not exist.
func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
}

/// `path` seen from a folder, unless it is absolute.
func join(_ folder: String, _ path: String) -> String {
    path.hasPrefix("/") || folder.isEmpty ? path : folder.hasSuffix("/") ? folder + path : "\(folder)/\(path)"
}

/// The folder that a file stands in; `.` for a bare name.
func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
