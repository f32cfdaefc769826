import CShim
import Glibc
import JSON
import Synchronization

/// What the child tells its parent, one JSON object a line over descriptor 3: the step it is at, findings, the end.
///
/// A driver may close any descriptor, so the report has a high number, and each line is one `write(2)`.
final class Reporter: Sendable {
    private let descriptor: Int32
    private let step = Mutex("start")

    /// What ends the child when the report cannot be written: the driver closed it.
    static let lostDescriptor: Int32 = 97

    init(_ descriptor: Int32) {
        let high = fcntl(descriptor, F_DUPFD_CLOEXEC, 700)
        self.descriptor = high >= 0 ? high : fcntl(descriptor, F_DUPFD_CLOEXEC, 200)
        Glibc.close(descriptor)
    }

    /// The name of the call that is about to be made: the parent blames it if we die.
    func at(_ name: String) {
        step.withLock { $0 = name }
        send(["step": JSON(name)])
    }

    func finding(_ finding: Finding) { send(finding.json) }

    func describe(_ identity: JSON) { send(["identity": identity]) }

    func skip(_ reason: String) { send(["skip": JSON(reason)]) }

    /// A value for later checks of the same run, such as the id of a created machine.
    func remember(_ name: String, _ value: String) { send(["remember": JSON(name), "value": JSON(value)]) }

    /// The child is about to kill itself, as a crash would.
    func willDie() { send(["dies": true]) }

    func end() { send(["end": true]) }

    private func send(_ message: JSON) {
        var bytes = message.bytes
        bytes.append(0x0A)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, cshim_errno() == EINTR { continue }
            guard count > 0 else { _exit(Reporter.lostDescriptor) }
            sent += count
        }
    }

    /// Whether the parent has gone.
    var isAlone: Bool {
        var poll = pollfd(fd: descriptor, events: 0, revents: 0)
        return Glibc.poll(&poll, 1, 0) > 0 && poll.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
    }
}
