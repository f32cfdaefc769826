import CCurl
import Glibc
import Synchronization

/// Keeps what libcurl opens from the programs that the process starts: its sockets by a callback, and the pair that wakes a
/// handle, for which it has none, by looking at what its birth opened.
enum CloseOnExec {
    private static let births = Mutex<Void>(())

    /// `CURLOPT_SOCKOPTFUNCTION`
    static let onSocket: curl_sockopt_callback = { _, socket, _ in
        _ = fcntl(socket, F_SETFD, FD_CLOEXEC)
        return CURL_SOCKOPT_OK
    }

    /// Runs `body`, which opens pairs of local sockets, and marks them. One at a time; a pair that another thread opens meanwhile is
    /// marked as well, unless it was made so from the start.
    static func mark(_ body: () -> Void) {
        births.withLock { _ in
            let before = Set(descriptors())
            body()
            for descriptor in descriptors() where !before.contains(descriptor) && isLocalSocket(descriptor) {
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            }
        }
    }

    private static func descriptors() -> [Int32] {
        guard let folder = opendir("/proc/self/fd") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let number = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { Int32(String(cString: $0)) }
            }
            if let number { found.append(number) }
        }
        return found
    }

    private static func isLocalSocket(_ descriptor: Int32) -> Bool {
        var family: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX
    }
}
