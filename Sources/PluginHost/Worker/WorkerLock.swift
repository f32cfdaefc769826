import CShim
import Glibc
import Platform

/// The record lock on `state/providers/NAME.lock` (`fcntl(F_SETLK)`), held for a worker's life: no other worker opens the
/// provider before it is gone, not even one of another host. Children do not inherit it. The file stays.
struct WorkerLock: Sendable {
    private let descriptor: Int32

    enum Failure: Error, Equatable {
        /// Another process has it.
        case held(by: Int32)
        case impossible(Int32)
    }

    /// Waits for it until `deadline` (`CLOCK_MONOTONIC`): the worker before this one may be on its way out.
    init(_ path: String, until deadline: Int64) throws(Failure) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .impossible(cshim_errno()) }
        while true {
            var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
            if fcntl(descriptor, F_SETLK, &lock) == 0 { break }
            let error = cshim_errno()
            guard error == EACCES || error == EAGAIN else {
                close(descriptor)
                throw .impossible(error)
            }
            guard Clock.monotonic < deadline else {
                _ = fcntl(descriptor, F_GETLK, &lock)
                close(descriptor)
                throw .held(by: lock.l_pid)
            }
            usleep(20_000)
        }
        self.descriptor = descriptor
    }

    /// Gives it back (`close`).
    func release() {
        close(descriptor)
    }
}
