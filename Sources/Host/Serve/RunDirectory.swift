import CShim
import Glibc
import Model
import Platform

/// The directory of the sockets: made with mode 0750, and nobody else's.
enum RunDirectory {
    /// What `sun_path` holds, without its last byte.
    static let longest = 107

    static func prepare(_ path: String) throws(BerthError) {
        let socket = "\(path)/backend"
        guard socket.utf8.count <= longest else {
            throw BerthError(
                .invalid, "the run directory \(path) is too long: a socket's path has at most \(longest) bytes",
                hint: "give a shorter one with --run-dir or BERTH_RUN")
        }
        do throws(Files.Failure) {
            try Files.makeDirectory(path, mode: 0o750)
        } catch {
            throw BerthError(.denied, "cannot make the run directory", hint: "give another with --run-dir", native: error.description)
        }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw BerthError(.invalid, "\(path) is no directory", hint: "give another with --run-dir")
        }
        guard status.st_uid == geteuid() else {
            throw BerthError(.denied, "the run directory \(path) belongs to user \(status.st_uid)", hint: "give another with --run-dir")
        }
        if status.st_mode & 0o027 != 0 {
            chmod(path, 0o750)
            Log.warning("the run directory was open to others; tightened to 0750", ["path": path])
        }
    }

    /// Removes the sockets of a host that has stopped.
    static func clear(_ path: String) {
        for name in ["bus", "events", "backend"] { unlink("\(path)/\(name)") }
    }
}
