import Glibc

/// A table for people: columns as wide as their content, the last one free.
struct Table {
    var columns: [String]
    var rows: [[String]] = []

    init(_ columns: String...) {
        self.columns = columns
    }

    mutating func add(_ cells: String...) {
        rows.append(cells)
    }

    var text: String {
        let all = [columns] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            let cells = row.enumerated().map { $0.offset == columns.count - 1 ? $0.element : $0.element.padded(to: widths[$0.offset]) }
            return String(cells.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}

/// What the program writes to.
enum Terminal {
    /// Whether a person watches: progress is shown to them alone.
    static var isInteractive: Bool { isatty(2) == 1 }

    /// Writes over the current line on standard error.
    static func line(_ text: String) {
        var text = "\r\u{1B}[K\(text)"
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// Says something beside the output, on standard error.
    static func complain(_ text: String) {
        fflush(nil)
        var text = "berth: \(text)\n"
        text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    }

    /// Sends out what was printed.
    static func flush() { fflush(nil) }
}
