import Glibc
import JSON
import Model
import Platform
import PluginABI
import Synchronization

/// The driver under test, loaded into this process. It is called through its table directly and not through the host's own
/// path: so a mistake that both sides make together is seen, and so are late and misplaced uses of what a call hands over.
final class Subject {
    let reporter: Reporter
    let watchdog: Watchdog
    let plugin: UnsafePointer<berth_plugin_t>
    let ops: berth_ops_t
    let capabilities: [String]
    let schema: JSON.Schema
    private(set) var host = ProbeHost()
    private(set) var handle: OpaquePointer?
    private var calls: [ProbeCall] = []
    private var nextID: UInt64 = 1
    private let guarded: [Int32: ProcessState.File]

    typealias Entry = @convention(c) (UInt32, UInt32) -> UnsafePointer<berth_plugin_t>?

    /// What a call gave back.
    struct Answer {
        var status: Int32
        var document: [UInt8]
        var message: String
        var milliseconds: Int64
        /// How often the driver asked whether it is cancelled.
        var asked: Int

        var isOK: Bool { status == BERTH_OK }
        var words: String { "\(Status.name(status))" + (message.isEmpty ? "" : " (\(message))") }
    }

    /// `dlopen` as the host does it, and the entry.
    static func entry(_ path: String, _ reporter: Reporter) throws(CheckStop) -> Entry {
        reporter.at("load")
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) else {
            let words = dlerror().map { String(cString: $0) } ?? "no reason"
            throw .failed(Finding(6, .fail, words, do: "link what is missing: -Wl,-z,defs shows it when the driver is built"))
        }
        guard let symbol = dlsym(library, "berth_driver_entry") else {
            throw .failed(
                Finding(3, .fail, "there is no symbol berth_driver_entry", do: "define it, and export it with default visibility"))
        }
        return unsafeBitCast(symbol, to: Entry.self)
    }

    init(_ path: String, _ reporter: Reporter, _ watchdog: Watchdog) throws(CheckStop) {
        self.reporter = reporter
        self.watchdog = watchdog
        let entry = try Subject.entry(path, reporter)
        reporter.at("entry")
        watchdog.arm("berth_driver_entry", until: Clock.monotonic + 2_000, rule: 10)
        let answer = entry(UInt32(BERTH_ABI_MAJOR), UInt32(BERTH_ABI_MINOR))
        watchdog.disarm()
        guard let answer else {
            throw .failed(
                Finding(
                    12, .fail, "the entry refuses a host of \(BERTH_ABI_MAJOR).\(BERTH_ABI_MINOR)",
                    do: "accept the major you were built for"))
        }
        plugin = answer
        let descriptor = try Descriptor(answer)
        ops = descriptor.ops
        capabilities = descriptor.capabilities
        schema = descriptor.schema
        for _ in 0..<4 { _ = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
        guarded = ProcessState.openFiles()
    }

    func can(_ capability: String) -> Bool { capabilities.contains(capability) }

    // MARK: the handle

    /// `open`; the answer, and the handle kept for the calls that follow.
    @discardableResult
    func open(_ settings: JSON, deadline: Int64 = 30_000) -> Answer {
        host = ProbeHost()
        let text = settings.bytes
        var opened: OpaquePointer?
        let host = host
        let answer = call("open", deadline: deadline) { call in
            text.withUnsafeBytes { ops.open(host.raw, call, $0.baseAddress, $0.count, &opened) }
        }
        if answer.isOK != (opened != nil) {
            reporter.finding(
                Finding(
                    20, .fail, answer.isOK ? "open answers OK and stores no handle" : "open answers \(answer.words) and stores a handle",
                    do: "set *driver when, and only when, you answer BERTH_OK"))
        }
        handle = answer.isOK ? opened : nil
        return answer
    }

    /// `open`, or the end of the check.
    func mustOpen(_ settings: JSON) throws(CheckStop) {
        let answer = open(settings)
        guard answer.isOK, handle != nil else {
            throw .skipped("open answers \(answer.words)")
        }
    }

    func close() {
        guard let handle else { return }
        reporter.at("close")
        watchdog.arm("close", until: Clock.monotonic + 10_000, rule: 72)
        ops.close(handle)
        watchdog.disarm()
        self.handle = nil
        host.state.withLock { $0.isClosed = true }
        checkDescriptors("close")
    }

    // MARK: calls

    /// One call, with everything that a driver can do wrong in any call looked at.
    @discardableResult
    func call(
        _ name: String, deadline: Int64 = 10_000, cancelAfter: Int64? = nil, limit: Int = Int(BERTH_DOCUMENT_MAX),
        isExpectedToOverflow: Bool = false, _ body: (UnsafePointer<berth_call_t>) -> Int32
    ) -> Answer {
        reporter.at(name)
        let start = Clock.monotonic
        let probe = ProbeCall(id: nextID, deadline: start + deadline, limit: limit)
        nextID += 1
        calls.append(probe)
        watchdog.arm(name, until: start + max(deadline, 0) + 2_000, cancelling: cancelAfter.map { (start + $0, probe) })
        let status = body(probe.raw)
        watchdog.disarm()
        let milliseconds = Clock.monotonic - start
        let state = probe.end()
        checkDescriptors(name)
        check(name, status, state, isExpectedToOverflow: isExpectedToOverflow)
        let message = state.failures.last.map { String(decoding: $0.message, as: UTF8.self) } ?? ""
        return Answer(status: status, document: state.document, message: message, milliseconds: milliseconds, asked: state.asked)
    }

    private func check(_ name: String, _ status: Int32, _ state: ProbeCall.State, isExpectedToOverflow: Bool) {
        func say(_ rule: Int, _ outcome: CheckOutcome, _ seen: String, do advice: String) {
            reporter.finding(Finding(rule, outcome, seen, do: advice))
        }
        if !Status.isKnown(status) { say(30, .fail, "\(name) answers \(status)", do: "answer one of the BERTH_ statuses") }
        if status != BERTH_OK, Status.isKnown(status) {
            if let last = state.failures.last {
                if last.status != status {
                    say(
                        31, .warn, "\(name) says \(Status.name(last.status)) and answers \(Status.name(status))",
                        do: "return what call->fail returns")
                }
                if last.message.isEmpty { say(31, .warn, "\(name) fails with an empty message", do: "say what is wrong, for a person") }
            } else {
                say(
                    31, .warn, "\(name) answers \(Status.name(status)) without a reason",
                    do: "end with return call->fail(call, status, message, native)")
            }
        }
        for text in state.failures.flatMap({ [$0.message, $0.native] }) where String(validating: text, as: UTF8.self) == nil {
            say(44, .fail, "\(name) gives a reason that is no UTF-8: \(excerpt(text))", do: "convert the provider's words to UTF-8")
        }
        if state.foreignWrites > 0 { say(33, .fail, "\(name) writes from another thread", do: "write on the thread that made the call") }
        if state.isRefusing, !isExpectedToOverflow {
            say(35, .fail, "\(name) wants to write more than 64 MiB", do: "write less: leave out native, or end with BERTH_EXHAUSTED")
        }
        if state.writesAfterRefusal > 16 {
            say(34, .warn, "\(name) goes on writing after write answered false", do: "return at once: nobody takes the document any more")
        }
    }

    /// Whether each descriptor that was there before the driver still is what it was.
    private func checkDescriptors(_ name: String) {
        let changed = guarded.filter { descriptor, file in
            var status = stat()
            return fstat(descriptor, &status) != 0 || UInt(status.st_dev) != file.device || UInt(status.st_ino) != file.inode
        }
        guard let first = changed.keys.min() else { return }
        reporter.finding(
            Finding(
                82, .fail, "\(name) closed descriptor \(first), which is not the driver's", do: "close only what you opened, and only once")
        )
        reporter.end()
        _exit(0)
    }

    // MARK: at the end of a check

    /// What shows only after a while: uses of calls and host after their end, children.
    func audit() {
        if ProcessState.threadCount > 2 || !calls.isEmpty { usleep(30_000) }
        if ProcessState.threadCount > 2 { usleep(120_000) }
        let late = calls.reduce(0) { $0 + $1.state.withLock { $0.usesAfterEnd } }
        if late > 0 {
            reporter.finding(
                Finding(
                    32, .fail, "a call was used \(late) times after it had returned",
                    do: "end or join the threads of a call before it returns"))
        }
        let host = host.state.withLock { $0 }
        if host.isClosed, host.usesAfterClose > 0 {
            reporter.finding(
                Finding(23, .fail, "\(host.usesAfterClose) events or log lines came after close", do: "join the threads that emit in close")
            )
        }
        if host.badLines > 0 {
            reporter.finding(
                Finding(44, .warn, "\(host.badLines) log lines are no UTF-8 or have no syslog level", do: "log UTF-8, with levels 0 to 7"))
        }
        let children = ProcessState.children
        if !children.isEmpty {
            reporter.finding(
                Finding(
                    86, .warn, "\(children.count) children of the driver still run",
                    do: "wait for children in close; what must outlive the worker starts a session of its own, with no descriptors"))
            for child in children { kill(child, SIGKILL) }
        }
    }
}

/// Why a check ends before its end.
enum CheckStop: Error {
    case failed(Finding)
    case skipped(String)
}

/// The statuses of the ABI by their names.
enum Status {
    private static let names = [
        "OK", "RETRY", "INVALID", "UNSUPPORTED", "NOT_FOUND", "CONFLICT", "DENIED", "EXHAUSTED", "CANCELLED", "DEADLINE", "UNREACHABLE",
        "BROKEN",
    ]

    static func isKnown(_ status: Int32) -> Bool { names.indices.contains(-Int(status)) }
    static func name(_ status: Int32) -> String { isKnown(status) ? names[-Int(status)] : "\(status)" }

    /// Whether `create` promises with it that nothing exists or will appear.
    static func promisesNothing(_ status: Int32) -> Bool { [-2, -3, -5, -6, -7].contains(status) }
}
