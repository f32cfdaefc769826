import CShim
import Glibc
import Model
import Platform

/// One host for a directory: a record lock (`fcntl(2)`, `F_SETLK`) on `host.lock`, which ends with the process whatever happens.
struct HostLock: ~Copyable {
    private let descriptor: Int32
    private let path: String

    /// Takes the lock of `directory`, or says who has it.
    init(_ directory: String) throws(BerthError) {
        do throws(Files.Failure) {
            try Files.makeDirectory(directory, mode: 0o700)
        } catch {
            throw BerthError(.denied, "cannot make \(directory)", native: error.description)
        }
        let path = "\(directory)/host.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw BerthError(.denied, "cannot open \(path)", native: String(cString: strerror(cshim_errno())))
        }
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        guard fcntl(descriptor, F_SETLK, &lock) == 0 else {
            _ = fcntl(descriptor, F_GETLK, &lock)
            close(descriptor)
            throw BerthError(
                .conflict, "another host (process \(lock.l_pid)) uses \(directory)",
                hint: "end it first, or give this one directories of its own with --state-dir and --run-dir")
        }
        var (mine, there) = (stat(), stat())
        guard fstat(descriptor, &mine) == 0, stat(path, &there) == 0, mine.st_ino == there.st_ino else {
            close(descriptor)
            throw BerthError(.conflict, "another host was just ending in \(directory)", hint: "try again")
        }
        self.descriptor = descriptor
        self.path = path
    }

    /// Whether a host has the lock of `directory` now.
    static func isHeld(in directory: String) -> Bool {
        let descriptor = open("\(directory)/host.lock", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
        return fcntl(descriptor, F_GETLK, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
    }

    /// Gives it back now.
    consuming func release() {}

    /// Leaves no file. (After a kill the file stays, and locks nobody out.)
    deinit {
        unlink(path)
        close(descriptor)
    }
}
