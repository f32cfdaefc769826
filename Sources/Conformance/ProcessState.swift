import Glibc
import Platform

/// What of this process a driver could change, read from `/proc/self`.
struct ProcessState: Equatable {
    struct File: Equatable {
        var device: UInt
        var inode: UInt
        var closesOnExec: Bool
    }

    var files: [Int32: File]
    var threads: Int
    var handlers: [Int32: UInt]
    var directory: String
    var mask: mode_t

    static func now() -> ProcessState {
        let mask = umask(0)
        umask(mask)
        return ProcessState(
            files: openFiles(), threads: entries("/proc/self/task").count, handlers: signals(), directory: currentDirectory(), mask: mask)
    }

    static func openFiles() -> [Int32: File] {
        var files: [Int32: File] = [:]
        for name in entries("/proc/self/fd") {
            var status = stat()
            guard let descriptor = Int32(name), fstat(descriptor, &status) == 0 else { continue }
            let flags = fcntl(descriptor, F_GETFD)
            files[descriptor] = File(device: UInt(status.st_dev), inode: UInt(status.st_ino), closesOnExec: flags & FD_CLOEXEC != 0)
        }
        return files
    }

    static var threadCount: Int { entries("/proc/self/task").count }

    /// Private memory in KiB: what closing cannot have given back is a leak.
    static var privateKiB: Int {
        guard let text = read("/proc/self/smaps_rollup") else { return 0 }
        return text.split(separator: "\n").filter { $0.hasPrefix("Private_Dirty:") }
            .compactMap { $0.split(separator: " ").dropFirst().first.flatMap { Int($0) } }.reduce(0, +)
    }

    /// Children that run, by pid.
    static var children: [Int32] {
        entries("/proc/self/task").flatMap { task in
            (read("/proc/self/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }
    }

    private static func signals() -> [Int32: UInt] {
        var handlers: [Int32: UInt] = [:]
        for signal in [SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1, SIGUSR2] {
            var action = sigaction()
            guard sigaction(signal, nil, &action) == 0 else { continue }
            handlers[signal] = withUnsafeBytes(of: &action) { $0.load(as: UInt.self) }
        }
        return handlers
    }

    private static func currentDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func entries(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}

/// Waits until something holds, asking every 10 ms.
func settle(within milliseconds: Int64, _ holds: () -> Bool) -> Bool {
    let end = Clock.monotonic + milliseconds
    while !holds() {
        guard Clock.monotonic < end else { return false }
        usleep(10_000)
    }
    return true
}
