import CShim
import Glibc

/// `berth worker NAME`: what the host starts for one provider. Its descriptors are 0 (nothing), 1 and 2 (pipes that become log
/// lines) and 3 (the socket pair); nothing else is inherited, and the environment holds the provider's `env.*` alone.
public enum WorkerProcess {
    /// Where the host puts the socket.
    static let descriptor: Int32 = 3

    /// The provider, if a program is started with these words as a worker.
    public static func provider(in arguments: [String]) -> String? {
        arguments.count == 3 && arguments[1] == "worker" ? arguments[2] : nil
    }

    /// Serves until the host says stop or is gone; never returns.
    public static func run(_ provider: String) -> Never {
        _ = cshim_set_thread_name(String(decoding: "berth:\(provider)".utf8.prefix(15), as: UTF8.self))
        _ = cshim_no_new_privileges()
        _ = cshim_die_with_parent()
        _ = cshim_catch_sigpipe()
        // The driver's children must not have it: they would keep the connection open.
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        guard let channel = WorkerChannel(descriptor: descriptor) else {
            complain("berth worker is started by the host, not by hand: see berth serve")
            _exit(2)
        }
        guard let loop = WorkerLoop(channel, lost: { finish($0) }) else {
            complain("the system gives no descriptor to a worker: errno \(cshim_errno())")
            _exit(2)
        }
        finish(loop.run(prepare: limit))
    }

    /// The driver's threads may still run, so nothing is torn down; what it printed is kept.
    private static func finish(_ end: WorkerLoop.End) -> Never {
        fflush(nil)
        switch end {
        case .stopped, .hungUp: _exit(WorkerExit.done)
        case .stolen:
            complain("the driver closed or replaced the descriptor of its worker's connection to the host")
            _exit(WorkerExit.stolen)
        case .misunderstood: _exit(WorkerExit.misunderstood)
        }
    }

    /// Limits that the configuration asks for, before any of the driver's code runs.
    private static func limit(_ order: WorkerOrder) {
        guard let descriptors = order.section.descriptors else { return }
        var limit = rlimit(rlim_cur: rlim_t(descriptors), rlim_max: rlim_t(descriptors))
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            complain("cannot limit descriptors to \(descriptors): errno \(cshim_errno())")
        }
    }

    private static func complain(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }
}
