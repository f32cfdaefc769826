import CShim
import Glibc
import JSON
import Platform

/// The parent's side of one check: starts the child, listens to it, and ends it when its time is up.
struct CheckProcess {
    var program: String
    var arguments: [String]
    var environment: [String]
    /// Empty, and the child's working directory.
    var directory: String

    /// All that was heard of a child.
    struct Report {
        var findings: [Finding] = []
        var skipped: String?
        var identity: JSON?
        var step = "start"
        var memory: [String: String] = [:]
        var hasEnded = false
        var isToDie = false
        var printed = 0
        var lastOutput: [UInt8] = []
        /// As `waitpid` has it.
        var status: Int32 = 0
        var ranOutOfTime = false
        var milliseconds: Int64 = 0
    }

    func run(_ request: CheckRequest, limit: Int64) -> Report? {
        var report = Report()
        let start = Clock.monotonic
        var channel: [Int32] = [-1, -1]
        var output: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &channel) == 0, pipe(&output) == 0 else { return nil }
        for descriptor in channel + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let pid = spawn(channel: channel[1], output: output[1])
        close(channel[1])
        close(output[1])
        defer {
            close(channel[0])
            close(output[0])
        }
        guard let pid else { return nil }
        let process = cshim_pidfd_open(pid)
        Framed.write(channel[0], request.json.bytes)
        listen(channel[0], output[0], process, until: start + limit, &report)
        if report.ranOutOfTime { kill(pid, SIGKILL) }
        waitpid(pid, &report.status, 0)
        // What the driver started in the child's group goes with it.
        kill(-pid, SIGKILL)
        close(process)
        report.milliseconds = Clock.monotonic - start
        return report
    }

    private func spawn(channel: Int32, output: Int32) -> pid_t? {
        var files = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&files)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&files)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&files, output, 1)
        posix_spawn_file_actions_adddup2(&files, output, 2)
        posix_spawn_file_actions_adddup2(&files, channel, 3)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = ([program] + arguments + [directory]).map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var pid: pid_t = 0
        return posix_spawn(&pid, program, &files, &attributes, &words, &variables) == 0 ? pid : nil
    }

    private func listen(_ channel: Int32, _ output: Int32, _ process: Int32, until end: Int64, _ report: inout Report) {
        var pending: [UInt8] = []
        var open = (channel: true, output: true)
        while true {
            var polls = [
                pollfd(fd: open.channel ? channel : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: open.output ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process, events: Int16(POLLIN), revents: 0),
            ]
            let rest = end - Clock.monotonic
            guard rest > 0 else {
                report.ranOutOfTime = true
                return
            }
            guard poll(&polls, 3, Int32(clamping: rest)) >= 0 || cshim_errno() == EINTR else { return }
            if polls[0].revents != 0 { open.channel = hear(channel, &pending, &report) }
            if polls[1].revents != 0 { open.output = overhear(output, &report) }
            // Only its death counts: children of the driver may hold both ends open.
            if polls[2].revents != 0, polls[0].revents == 0 || !open.channel, polls[1].revents == 0 || !open.output { return }
        }
    }

    /// Reads what the child reports; false at its end.
    private func hear(_ channel: Int32, _ pending: inout [UInt8], _ report: inout Report) -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = read(channel, &piece, piece.count)
        guard count > 0 else { return false }
        pending += piece[..<count]
        while let end = pending.firstIndex(of: 0x0A) {
            if let message = try? JSON(parsing: pending[..<end]) { report.take(message) }
            pending.removeSubrange(...end)
        }
        return true
    }

    private func overhear(_ output: Int32, _ report: inout Report) -> Bool {
        var piece = [UInt8](repeating: 0, count: 65536)
        let count = read(output, &piece, piece.count)
        guard count > 0 else { return false }
        report.printed += count
        report.lastOutput = (report.lastOutput + piece[..<count]).suffix(4096)
        return true
    }
}

extension CheckProcess.Report {
    mutating func take(_ message: JSON) {
        if let finding = Finding(message) {
            if findings.count < 50, !findings.contains(finding) { findings.append(finding) }
        } else if let step = message["step"]?.string {
            self.step = step
        } else if let identity = message["identity"] {
            self.identity = identity
        } else if let reason = message["skip"]?.string {
            skipped = reason
        } else if let name = message["remember"]?.string {
            memory[name] = message["value"]?.string
        } else if message["dies"] != nil {
            isToDie = true
        } else if message["end"] != nil {
            hasEnded = true
        }
    }

    /// The signal that ended the child, or nil.
    var signal: Int32? { status & 0x7F != 0 ? status & 0x7F : nil }
    var exitCode: Int32 { status >> 8 & 0xFF }

    /// The end of the child as a finding, where it did not end as it should.
    func ending(seed: UInt64) -> Finding? {
        let words = lastOutput.isEmpty ? "" : "; it last said: " + excerpt(lastOutput.suffix(160), 160)
        if ranOutOfTime {
            return Finding(
                70, .fail, "the check did not end in time, it stood at \(step)",
                do: "see what blocks there: attach a debugger to a run with the same seed, \(seed)")
        }
        if hasEnded || isToDie && signal == SIGKILL { return nil }
        if let signal {
            return Finding(
                80, .crash, "\(step) crashed the process: signal \(signal)\(words)", do: "run it under a debugger with --seed \(seed)")
        }
        if exitCode == Reporter.lostDescriptor {
            return Finding(
                82, .fail, "\(step) closed descriptors that are not the driver's", do: "close only what you opened, and only once")
        }
        return Finding(
            81, .crash, "\(step) ended the process with status \(exitCode)\(words)", do: "never call exit or abort: end with call->fail")
    }
}
