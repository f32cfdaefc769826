/// Makes lines of what a worker prints: each becomes a log line, up to so many a second, and the last ones are kept for the
/// day it dies.
struct LineCollector: Sendable {
    private var partial: [UInt8] = []
    private(set) var last: [String] = []
    private var second: Int64 = 0
    private var inSecond = 0
    private(set) var suppressed = 0

    static let longestLine = 1_024
    static let mostKept = 20
    static let mostASecond = 100

    /// Adds what was read; answers the lines that should be logged.
    mutating func add(_ bytes: some Sequence<UInt8>, at now: Int64) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            guard byte != UInt8(ascii: "\n"), partial.count < LineCollector.longestLine else {
                if let line = cut(at: now) { lines.append(line) }
                if byte != UInt8(ascii: "\n") { partial.append(byte) }
                continue
            }
            partial.append(byte)
        }
        return lines
    }

    /// What stands behind the last newline, when nothing more comes.
    mutating func finish(at now: Int64) -> [String] {
        partial.isEmpty ? [] : [cut(at: now)].compactMap { $0 }
    }

    /// How many lines were not logged since the last time this was asked.
    mutating func takeSuppressed() -> Int {
        defer { suppressed = 0 }
        return suppressed
    }

    private mutating func cut(at now: Int64) -> String? {
        let line = String(decoding: partial, as: UTF8.self)
        partial.removeAll(keepingCapacity: true)
        guard !line.isEmpty else { return nil }
        last.append(line)
        if last.count > LineCollector.mostKept { last.removeFirst(last.count - LineCollector.mostKept) }
        if now / 1000 != second {
            second = now / 1000
            inSecond = 0
        }
        inSecond += 1
        guard inSecond <= LineCollector.mostASecond else {
            suppressed += 1
            return nil
        }
        return line
    }
}
