import CShim
import Glibc
import JSON
import Platform

/// Carries a notifier's messages, one after another, on a thread of its own: a command or `curl` as a child process.
final class Courier: Sendable {
    private let mailbox = Mailbox<Order>()
    private let thread: OSThread?

    private enum Order: Sendable {
        case carry(Message)
        case stop
    }

    /// `ended` is called on the courier's thread; nil: it is delivered.
    init(_ settings: NotifierSettings, ended: @escaping @Sendable (_ failure: String?) -> Void) {
        let mailbox = mailbox
        thread = OSThread("berth-notify") { Courier.run(settings, mailbox, ended) }
        if thread == nil { Log.error("the system has no thread left for a notifier", ["notify": settings.name]) }
    }

    func carry(_ message: Message) { mailbox.put(.carry(message)) }

    /// Ends a delivery that is under way, and the thread.
    func stop() {
        mailbox.put(.stop)
        thread?.join()
    }

    private static func run(_ settings: NotifierSettings, _ mailbox: Mailbox<Order>, _ ended: (String?) -> Void) {
        var orders: [Order] = []
        while true {
            mailbox.wake.wait(milliseconds: -1)
            mailbox.wake.clear()
            mailbox.take(into: &orders)
            for order in orders {
                guard case .carry(let message) = order else { return }
                let errand = Errand(settings, message)
                // Only `stop` comes while a message is under way, so a wake ends it.
                ended(errand.run(until: Clock.monotonic + settings.timeout, interrupt: mailbox.wake.descriptor))
            }
            orders.removeAll(keepingCapacity: true)
        }
    }
}

/// One try to deliver one message.
struct Errand {
    private let arguments: [String]
    private let environment: [String]
    private let input: [UInt8]

    init(_ settings: NotifierSettings, _ message: Message) {
        let path = Errand.variable("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        let body = message.json.text
        switch settings.way {
        case .command(let command):
            arguments = ["/bin/sh", "-c", command]
            environment = ["PATH=\(path)"] + message.environment.map { "\($0.name)=\($0.value.filter { $0 != "\0" })" }
            input = Array((body + "\n").utf8)
        case .url(let url):
            let programs: [String] = path.split(separator: ":").map { "\($0)/curl" }
            let program = programs.first { access($0, X_OK) == 0 }
            arguments = [program ?? "/usr/bin/curl", "--disable", "--config", "-"]
            environment = ["PATH=\(path)"] + Errand.passedOn()
            // On standard input, since everybody sees a process's arguments.
            input = Array(
                """
                url = \(Errand.quoted(url))
                request = "POST"
                header = "Content-Type: application/json"
                header = \(Errand.quoted("Idempotency-Key: \(message.id)"))
                data-binary = \(Errand.quoted(body))
                max-time = \(max(1, settings.timeout / 1000))
                proto = "=http,https"
                output = "/dev/null"
                fail
                silent
                show-error

                """.utf8)
        }
    }

    private static func passedOn() -> [String] {
        ["http_proxy", "https_proxy", "no_proxy", "HTTPS_PROXY", "NO_PROXY"].compactMap { name in
            Errand.variable(name).map { "\(name)=\($0)" }
        }
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }

    /// As `curl`'s configuration wants it.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }

    /// Runs it to its end; nil: it went well. Past the deadline, or when `interrupt` becomes readable, it is killed with its children.
    func run(until deadline: Int64, interrupt: Int32) -> String? {
        var pipe: [Int32] = [-1, -1]
        let memory = cshim_memory_file()
        guard memory >= 0, cshim_pipe(&pipe) == 0 else {
            if memory >= 0 { close(memory) }
            return "cannot start a process: \(String(cString: strerror(cshim_errno())))"
        }
        let theirs = [memory, pipe[1]].map { fcntl($0, F_DUPFD_CLOEXEC, 4) }
        defer { for descriptor in [memory, pipe[0]] { close(descriptor) } }
        var rest = input[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(memory, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            rest.removeFirst(count)
        }
        lseek(memory, 0, Int32(SEEK_SET))
        var pid = pid_t()
        let failure = Errand.withCStrings(arguments) { arguments in
            Errand.withCStrings(environment) { environment in
                cshim_spawn_worker(&pid, self.arguments[0], arguments, environment, theirs[0], theirs[1], theirs[1], theirs[1])
            }
        }
        for descriptor in theirs + [pipe[1]] where descriptor >= 0 { close(descriptor) }
        guard failure == 0 else { return "cannot run \(arguments[0]): \(String(cString: strerror(failure)))" }
        return wait(pid, pipe[0], until: deadline, interrupt)
    }

    private func wait(_ pid: pid_t, _ output: Int32, until deadline: Int64, _ interrupt: Int32) -> String? {
        let ended = cshim_pidfd_open(pid)
        defer { close(ended) }
        var said: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var killed: String?
        var isTalking = true
        loop: while true {
            var set = [
                pollfd(fd: ended, events: Int16(POLLIN), revents: 0), pollfd(fd: interrupt, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isTalking ? output : -1, events: Int16(POLLIN), revents: 0),
            ]
            let left = deadline - Clock.monotonic
            _ = poll(&set, 3, Int32(clamping: max(0, left)))
            if set[2].revents != 0 {
                let count = read(output, &buffer, buffer.count)
                if count > 0 { said = (said + buffer[..<count]).suffix(600) } else { isTalking = false }
                if set[0].revents == 0, left > 0, set[1].revents == 0 { continue }
            }
            if set[0].revents != 0 { break loop }
            if set[1].revents != 0 { killed = "the host is stopping" } else if left <= 0 { killed = "it took too long" }
            if killed != nil {
                kill(-pid, SIGKILL)
                kill(pid, SIGKILL)
                break loop
            }
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, cshim_errno() == EINTR {}
        if let killed { return killed }
        guard cshim_exit_code(status) != 0 else { return nil }
        let how = cshim_exit_code(status) > 0 ? "exit \(cshim_exit_code(status))" : "signal \(cshim_exit_signal(status))"
        let words = String(decoding: said, as: UTF8.self).split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
        return how + words
    }

    private static func withCStrings<Answer>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Answer) -> Answer {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
