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
        var line = "level=\(level) msg=\(quoted(message))"
        for (name, value) in fields { line += " \(name)=\(quoted(value))" }
        line += "\n"
        line.withUTF8 { _ = Glibc.write(2, $0.baseAddress, $0.count) }
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
