import CShim
import Glibc
import Model
import Platform
import Synchronization

/// The few calls on files that the ledger makes beside SQLite's.
enum Files {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Makes a directory with its parents, for its owner and group alone.
    static func make(directory path: String) throws(BerthError) {
        var partial = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            partial += (partial.isEmpty || partial.hasSuffix("/") ? "" : "/") + part
            guard mkdir(partial, 0o750) != 0 else { continue }
            let failure = cshim_errno()
            guard failure == EEXIST || exists(partial) else {
                throw BerthError(
                    .broken, "the directory \(partial) cannot be made: \(reason(failure))",
                    hint: "make it, or name another with --state-dir")
            }
        }
    }

    static func names(in directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            )
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    /// Makes names in a directory durable (`fsync` of the directory).
    static func sync(directory path: String) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    static func size(_ path: String) -> Int64 {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : 0
    }

    /// The directory that a file lies in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `strerror(3)`; glibc's is safe among threads for known numbers.
    static func reason(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }

    /// This moment for the name of a file, so that names sort by time: `20261125T140625Z`.
    static func stamp() -> String {
        let seconds = Clock.real / 1000 * 1000
        return Instant(milliseconds: seconds).description.filter { $0 != "-" && $0 != ":" }
    }
}

/// Keeps a second host, and `berth ledger restore`, off a state directory (`flock(2)` on `ledger.lock`). Gone with its process.
final class LedgerLock: Sendable {
    private let descriptor: Mutex<Int32?>

    init(_ settings: LedgerSettings) throws(BerthError) {
        let descriptor = open(settings.lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        let failure = cshim_errno()
        guard descriptor >= 0 else {
            throw BerthError(
                failure == EROFS || failure == ENOSPC ? .retry : .broken, "\(settings.lockPath) cannot be opened: \(Files.reason(failure))",
                hint: failure == EROFS ? "the state directory is on a read-only file system: mount it for writing" : nil)
        }
        guard LedgerLock.take(descriptor) else {
            close(descriptor)
            throw BerthError(
                .conflict, "another process uses the ledger in \(settings.directory)",
                hint: "stop that host first, or name another --state-dir")
        }
        self.descriptor = Mutex(descriptor)
    }

    /// Tries for a second: a host that was killed just when it started a worker leaves the lock to that child until the child's `execve`.
    private static func take(_ descriptor: Int32) -> Bool {
        for _ in 0..<100 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            usleep(10_000)
        }
        return false
    }

    func release() {
        descriptor.withLock { descriptor in
            if let open = descriptor { close(open) }
            descriptor = nil
        }
    }

    deinit { release() }
}
