import Glibc
import Synchronization

/// The host's log: one line an event, on standard error, as logfmt or JSON.
///
///     Log.warning("worker died", ["provider": "lab", "status": "signal 11"])
public enum Log {
    /// Levels, most severe first; the numbers are syslog's.
    public enum Level: Int32, Sendable, Comparable, CaseIterable, CustomStringConvertible {
        case error = 3
        case warning = 4
        case info = 6
        case debug = 7

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        public init?(name: String) {
            guard let level = Level.allCases.first(where: { $0.description == name }) else { return nil }
            self = level
        }

        public var description: String {
            switch self {
            case .error: "error"
            case .warning: "warning"
            case .info: "info"
            case .debug: "debug"
            }
        }
    }

    public typealias Fields = KeyValuePairs<String, String>

    private static let threshold = Atomic<Int32>(Level.info.rawValue)

    /// What is written: this level and the more severe ones.
    public static var level: Level {
        get { Level(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    public static func error(_ message: String, _ fields: Fields = [:]) { write(.error, message, fields) }
    public static func warning(_ message: String, _ fields: Fields = [:]) { write(.warning, message, fields) }
    public static func info(_ message: String, _ fields: Fields = [:]) { write(.info, message, fields) }
    public static func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
        if level >= .debug { write(.debug, message(), fields()) }
    }

    /// Writes one line with one `write(2)`, so that lines of several threads and processes do not mix.
    public static func write(_ level: Level, _ message: String, _ fields: Fields) {
        guard level <= self.level else { return }
        var line = form == .json ? jsonLine(level, message, fields) : logfmtLine(level, message, fields)
        keep(line)
        line += "\n"
        line.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
    }

    /// How a line looks.
    public enum Form: String, Sendable { case logfmt, json }

    private struct State {
        var form = Form.logfmt
        /// The last lines, oldest first from `next` on.
        var kept: [String] = []
        var next = 0
    }

    private static let state = Mutex(State())

    public static var form: Form {
        get { state.withLock { $0.form } }
        set { state.withLock { $0.form = newValue } }
    }

    /// How many lines are kept for `recent`.
    public static let memory = 1000

    /// The last lines, oldest first: for bug reports.
    public static var recent: [String] {
        state.withLock { $0.kept.count < memory ? $0.kept : Array($0.kept[$0.next...] + $0.kept[..<$0.next]) }
    }

    private static func keep(_ line: String) {
        state.withLock { state in
            if state.kept.count < memory {
                state.kept.append(line)
            } else {
                state.kept[state.next] = line
                state.next = (state.next + 1) % memory
            }
        }
    }

    private static func logfmtLine(_ level: Level, _ message: String, _ fields: Fields) -> String {
        var line = "time=\(time()) level=\(level) msg=\(quoted(message))"
        for (name, value) in fields { line += " \(name)=\(quoted(value))" }
        return line
    }

    private static func jsonLine(_ level: Level, _ message: String, _ fields: Fields) -> String {
        var line = "{\"time\":\"\(time())\",\"level\":\"\(level)\",\"msg\":\(inJSON(message))"
        for (name, value) in fields { line += ",\(inJSON(name)):\(inJSON(value))" }
        return line + "}"
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func time() -> String {
        let now = Clock.real
        var seconds = time_t(now / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))T"
            + "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2)).\(digits(Int(now % 1000), 3))Z"
    }

    private static func inJSON(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case _ where scalar.value < 0x20:
                let code = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - code.count) + code
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    private static func quoted(_ value: String) -> String {
        let plain = value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C && $0 != 0x7F }
        guard !plain || value.isEmpty else { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: text += "\\u{\(String(scalar.value, radix: 16))}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
