import Glibc
import JSON
import Platform
import PluginABI

extension Check {
    /// `open` and `close`.
    static let handleChecks = [
        Check(name: "open", level: 2, calls: ["open", "health", "close"]) { (examination) throws(CheckStop) in
            let subject = try examination.load()
            let before = ProcessState.now()
            let answer = subject.open(examination.settings ?? [:])
            guard answer.isOK else {
                throw .failed(Finding(22, .fail, "open answers \(answer.words)", do: "give settings that lead to a provider, or mend open"))
            }
            let health = subject.call("health") { subject.ops.health(subject.handle, $0) }
            if !health.isOK, Status.isKnown(health.status) {
                examination.found(22, .fail, "open went well and health answers \(health.words)", do: "let open fail where health would")
            }
            let open = ProcessState.now()
            let inheritable = open.files.filter { before.files[$0.key] == nil && !$0.value.closesOnExec }
            if !inheritable.isEmpty {
                examination.found(
                    83, .warn, "\(inheritable.count) descriptors of the driver are inherited by its children",
                    do: "open with O_CLOEXEC, SOCK_CLOEXEC")
            }
            subject.close()
            let after = ProcessState.now()
            let handlers = after.handlers.filter { before.handlers[$0.key] != $0.value }
            if !handlers.isEmpty {
                examination.found(84, .warn, "handlers of signals \(handlers.keys.sorted()) were changed", do: "leave signals to the host")
            }
            if after.directory != before.directory {
                examination.found(84, .warn, "the working directory was changed", do: "use absolute paths")
            }
            if after.mask != before.mask { examination.found(84, .warn, "the umask was changed", do: "set modes with fchmod") }
            subject.audit()
        },
        Check(name: "open.again", level: 2, calls: ["open", "list", "close"], limit: 300_000) { (examination) throws(CheckStop) in
            let subject = try examination.load()
            func round() throws(CheckStop) {
                try subject.mustOpen(examination.settings ?? [:])
                subject.call("list") { subject.ops.list(subject.handle, $0) }
                subject.close()
            }
            // Libraries allocate once and keep it: only what grows after that is a leak.
            for _ in 0..<20 { try round() }
            let rounds = 100
            let (files, threads, memory) = (ProcessState.openFiles().count, ProcessState.threadCount, ProcessState.privateKiB)
            for _ in 0..<rounds { try round() }
            _ = settle(within: 2_000) { ProcessState.threadCount <= threads && ProcessState.openFiles().count <= files }
            let more = (
                files: ProcessState.openFiles().count - files, threads: ProcessState.threadCount - threads,
                kiB: ProcessState.privateKiB - memory
            )
            if more.files > 2 {
                examination.found(
                    21, .fail, "\(rounds) times open and close leave \(more.files) descriptors", do: "close in close, and where open fails")
            }
            if more.threads > 2 {
                examination.found(21, .fail, "\(rounds) times open and close leave \(more.threads) threads", do: "join them in close")
            }
            // The check itself keeps a few hundred bytes a call.
            if more.kiB > rounds * 8 {
                examination.found(
                    21, more.kiB > rounds * 64 ? .fail : .warn, "\(rounds) times open and close leave \(more.kiB) KiB",
                    do: "free in close what open and the calls took; a run under valgrind or -fsanitize=leak names the place")
            }
            subject.audit()
        },
        Check(name: "open.wrong-settings", level: 2, calls: ["open", "close"], limit: 300_000) { (examination) throws(CheckStop) in
            let subject = try examination.load()
            let settings = examination.settings ?? [:]
            for property in subject.schema.properties {
                for value in Check.wrongValues(property.schema) {
                    var wrong = settings
                    wrong[property.name] = value
                    guard subject.schema.problems(of: wrong).isEmpty else { continue }
                    let answer = subject.open(wrong, deadline: 10_000)
                    subject.close()
                    if answer.status == BERTH_BROKEN || answer.status == BERTH_UNSUPPORTED {
                        examination.found(
                            22, .warn, "open with a config.\(property.name) that leads nowhere answers \(answer.words)",
                            do: "answer INVALID, DENIED, NOT_FOUND or UNREACHABLE and name the setting")
                    }
                }
            }
            subject.audit()
        },
    ]

    /// Values that fit a schema and lead nowhere.
    private static func wrongValues(_ schema: JSON.Schema) -> [JSON] {
        switch schema.types.first {
        case .string:
            return [
                "", "/nowhere/berth-check", "berth-check.invalid", .string(String(repeating: "x", count: 4000)),
                "caf\u{e9} \u{1F6A2} \"'%s",
            ]
        case .integer: return [0, 1, -1, 9_007_199_254_740_991]
        case .number: return [0, -1, 1e300]
        case .boolean: return [true, false]
        case .array: return [[]]
        default: return []
        }
    }
}
