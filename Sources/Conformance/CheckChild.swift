import Glibc
import JSON

/// The child's side: one check of one driver, in a process that may crash, hang and be killed.
public enum CheckChild {
    /// The working directory that `berth check-driver DIRECTORY` names, if that is what was started.
    public static func directory(in arguments: [String]) -> String? {
        arguments.count == 3 && arguments[1] == "check-driver" ? arguments[2] : nil
    }

    /// Reads the request from descriptor 3, runs the check and reports to the same socket. Never returns: nothing of the
    /// driver's may run at exit.
    public static func run(in directory: String) -> Never {
        // What a driver makes of a wrong path lands in a directory that goes with the check.
        guard chdir(directory) == 0 else { _exit(64) }
        guard let request = Framed.read(3).flatMap({ try? JSON(parsing: $0) }).flatMap({ CheckRequest($0) }),
            let check = Check.named(request.check)
        else { _exit(64) }
        let reporter = Reporter(3)
        do throws(CheckStop) {
            try check.run(Examination(request, reporter))
        } catch {
            switch error {
            case .failed(let finding): reporter.finding(finding)
            case .skipped(let reason): reporter.skip(reason)
            }
        }
        reporter.end()
        _exit(0)
    }
}

/// Four bytes of length, little endian, and the bytes: how the request goes to the child.
enum Framed {
    static func write(_ descriptor: Int32, _ bytes: [UInt8]) {
        let all = (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> ($0 * 8)) } + bytes
        var sent = 0
        while sent < all.count {
            let count = all[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            sent += count
        }
    }

    static func read(_ descriptor: Int32) -> [UInt8]? {
        guard let head = bytes(descriptor, 4) else { return nil }
        return bytes(descriptor, head.reversed().reduce(0) { $0 << 8 | Int($1) })
    }

    private static func bytes(_ descriptor: Int32, _ wanted: Int) -> [UInt8]? {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: max(1, wanted))
        while all.count < wanted {
            let count = Glibc.read(descriptor, &piece, wanted - all.count)
            guard count > 0 else { return nil }
            all += piece[..<count]
        }
        return all
    }
}
