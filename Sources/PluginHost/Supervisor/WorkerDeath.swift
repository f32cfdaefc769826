import CShim

/// How a worker ended that should not have.
struct WorkerDeath: Sendable, Equatable {
    /// `signal 11 (SIGSEGV)`, `exit status 3`, `killed by the host: …`.
    var description: String
    /// Somebody's `kill`, or the kernel out of memory: not the driver's doing.
    var isOutside: Bool

    /// From a status of `waitpid`, and why the host killed it, if it did.
    init(status: Int32, killed reason: String?) {
        let signal = cshim_exit_signal(status)
        if let reason {
            description = "killed by the host: \(reason)"
            isOutside = false
        } else if signal != 0 {
            let name = WorkerDeath.names[signal]
            description = "signal \(signal)" + (name.map { " (\($0))" } ?? "")
            isOutside = WorkerDeath.outside.contains(signal)
        } else {
            let code = cshim_exit_code(status)
            description = WorkerDeath.codes[code] ?? "exit status \(code)"
            isOutside = false
        }
    }

    init(_ description: String) {
        self.description = description
        isOutside = false
    }

    /// Signals that a driver rarely sends itself: `kill`, the terminal, the kernel out of memory.
    private static let outside: Set<Int32> = [1, 2, 3, 9, 15]

    private static let names: [Int32: String] = [
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
        11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 31: "SIGSYS",
    ]

    private static let codes: [Int32: String] = [
        WorkerExit.forked: "exit status 96: a child of the driver came back into the worker's code",
        WorkerExit.stolen: "exit status 97: the driver closed the worker's connection to the host",
        WorkerExit.misunderstood: "exit status 98: worker and host do not understand each other",
    ]
}
