import CShim
import Glibc
import Model

/// A worker process: the program started again, with a socket pair, two pipes and nothing else.
final class SpawnedWorker: RunningWorker {
    private let pid: pid_t
    let channel: Int32
    let outputs: [Int32]
    let ended: Int32

    var process: Int32? { pid }

    /// Starts `program worker PROVIDER` with this environment and no other.
    init(_ program: String, provider: String, environment: [(name: String, value: String)]) throws(BerthError) {
        var files = Descriptors()
        let channel = try files.socketPair()
        let output = try files.pipe()
        let error = try files.pipe()
        let null = try files.keep(open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null")
        var pid = pid_t()
        let failure = SpawnedWorker.withCStrings(["berth", "worker", provider]) { arguments in
            SpawnedWorker.withCStrings(environment.map { "\($0.name)=\($0.value)" }) { environment in
                cshim_spawn_worker(&pid, program, arguments, environment, null, output.theirs, error.theirs, channel.theirs)
            }
        }
        guard failure == 0 else { throw BerthError(.retry, "cannot start a worker process: \(program): errno \(failure)") }
        let ended = cshim_pidfd_open(pid)
        guard ended >= 0 else {
            let error = cshim_errno()
            Glibc.kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
            throw BerthError(.retry, "cannot watch a worker process (pidfd_open): errno \(error)")
        }
        self.pid = pid
        self.ended = ended
        self.channel = files.release(channel.ours)
        outputs = [files.release(output.ours), files.release(error.ours)]
    }

    func kill() {
        _ = cshim_pidfd_send_signal(ended, SIGKILL)
    }

    func reap(killed reason: String?) -> WorkerDeath {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, cshim_errno() == EINTR {}
        for descriptor in outputs + [channel, ended] { close(descriptor) }
        return WorkerDeath(status: status, killed: reason)
    }

    static func withCStrings<Answer>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer) -> Answer {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}

/// Descriptors on their way into a child: all close-on-exec, ours not blocking, theirs above the four that the child gets. What
/// is not released is closed.
struct Descriptors: ~Copyable {
    private var open: Set<Int32> = []

    struct Pair {
        var ours: Int32
        var theirs: Int32
    }

    init() {}

    deinit {
        for descriptor in open { close(descriptor) }
    }

    mutating func socketPair() throws(BerthError) -> Pair {
        var pair: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else { throw Descriptors.failure("socketpair") }
        return try accept(pair)
    }

    mutating func pipe() throws(BerthError) -> Pair {
        var pair: [Int32] = [-1, -1]
        guard cshim_pipe(&pair) == 0 else { throw Descriptors.failure("pipe2") }
        return try accept(pair)
    }

    mutating func keep(_ descriptor: Int32, _ call: String) throws(BerthError) -> Int32 {
        guard descriptor >= 0 else { throw Descriptors.failure(call) }
        open.insert(descriptor)
        return try raise(descriptor)
    }

    mutating func release(_ descriptor: Int32) -> Int32 {
        open.remove(descriptor)
        return descriptor
    }

    private mutating func accept(_ pair: [Int32]) throws(BerthError) -> Pair {
        open.formUnion(pair)
        guard fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK) == 0 else { throw Descriptors.failure("fcntl") }
        return Pair(ours: pair[0], theirs: try raise(pair[1]))
    }

    /// A number above those that the child uses, so that putting one in place never overwrites another.
    private mutating func raise(_ descriptor: Int32) throws(BerthError) -> Int32 {
        guard descriptor < 4 else { return descriptor }
        let higher = fcntl(descriptor, F_DUPFD_CLOEXEC, 4)
        guard higher >= 0 else { throw Descriptors.failure("fcntl(F_DUPFD_CLOEXEC)") }
        open.insert(higher)
        return higher
    }

    private static func failure(_ call: String) -> BerthError {
        BerthError(.retry, "cannot start a worker: \(call): errno \(cshim_errno())", hint: "see the host's limit of open files")
    }
}
