/// Reads sections and lines, follows includes, and keeps every problem. Knows no key: see `SectionSchema`.
struct INIReader {
    private let files: any SourceFiles
    private let substitutions: [String: String]
    private(set) var sections: [Section] = []
    private(set) var problems: [ConfigurationErrors.Problem] = []
    /// Every file that was read, in order.
    private(set) var read: [String] = []
    /// Where a section is, by its title, and where each of its keys stands.
    private var indexes: [String: Int] = [:]
    private var places: [[String: SourceLocation]] = []
    /// The files that are open now, innermost last.
    private var reading: [String] = []

    static let deepestInclude = 16

    init(files: any SourceFiles, substitutions: [String: String]) {
        self.files = files
        self.substitutions = substitutions
    }

    /// Reads one file and what it includes; `from` is the line that includes it.
    mutating func read(_ path: String, from: SourceLocation? = nil) {
        let here = from ?? SourceLocation(file: path, line: 0)
        let identity = files.identity(of: path)
        guard !reading.contains(identity) else { return complain(here, "\(path) includes itself", hint: "take the include out") }
        guard reading.count < INIReader.deepestInclude else { return complain(here, "includes more than \(INIReader.deepestInclude) deep") }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try files.read(path)
        } catch {
            return complain(
                here, "cannot read \(path): \(error.reason)", hint: from == nil ? "name the configuration with --config FILE" : nil)
        }
        reading.append(identity)
        read.append(path)
        defer { reading.removeLast() }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            return complain(SourceLocation(file: path, line: 0), "the file is not UTF-8 text")
        }
        // Index of the section that lines belong to; nil before the first header, and behind a bad one.
        var current: Int?
        var isLost = false
        for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let location = SourceLocation(file: path, line: index + 1)
            guard let line = content(of: Substring(line), location) else { continue }
            if line.hasPrefix("[") {
                current = open(line, location)
                isLost = current == nil
            } else if let (key, value) = pair(line, location) {
                if key == "include" {
                    include(value, location)
                } else if let current {
                    add(key, value, to: current, location)
                } else if !isLost {
                    complain(location, "'\(key)' stands before the first section", hint: "put it below a [section]")
                }
            }
        }
    }

    private mutating func complain(_ location: SourceLocation, _ message: String, hint: String? = nil) {
        problems.append(.init(location, message, hint: hint))
    }

    // MARK: lines

    /// The line without comment and outer space; nil where nothing is left, or a quote is not closed.
    private mutating func content(of line: Substring, _ location: SourceLocation) -> Substring? {
        var isQuoted = false
        var previous: UInt8 = 0x20
        var end = line.utf8.endIndex
        for index in line.utf8.indices {
            let byte = line.utf8[index]
            if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
            if byte == UInt8(ascii: "#"), !isQuoted, previous == 0x20 || previous == 0x09 {
                end = index
                break
            }
            previous = byte
        }
        guard !isQuoted else {
            complain(location, "a quote is not closed")
            return nil
        }
        var content = line[..<end]
        if content.utf8.last == UInt8(ascii: "\r") { content = content.dropLast() }
        content = content.trimmed
        return content.isEmpty ? nil : content
    }

    private mutating func pair(_ line: Substring, _ location: SourceLocation) -> (key: String, value: String)? {
        guard let equals = line.firstIndex(of: "=") else {
            complain(location, "'\(line.prefix(40))' is neither a [section] nor key = value")
            return nil
        }
        let key = line[..<equals].split { $0 == " " || $0 == "\t" }.joined(separator: " ")
        guard !key.isEmpty else {
            complain(location, "the key is missing")
            return nil
        }
        guard key.utf8.allSatisfy(INIReader.isKeyByte) else {
            complain(location, "'\(key.prefix(40))' is no key", hint: "keys are made of letters, digits and . _ -")
            return nil
        }
        var value = line[line.index(after: equals)...].trimmed
        if value.count >= 2, value.first == "\"", value.last == "\"", !value.dropFirst().dropLast().contains("\"") {
            value = value.dropFirst().dropLast()
        }
        return (key, substitute(String(value), location))
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: " ._-".utf8.contains(byte)
        }
    }

    /// Puts in `${state}`; `$${` stands for a literal `${`.
    private mutating func substitute(_ value: String, _ location: SourceLocation) -> String {
        guard value.utf8.contains(UInt8(ascii: "$")) else { return value }
        var parts = value.split(separator: "$", omittingEmptySubsequences: false)[...]
        var result = String(parts.removeFirst())
        while let part = parts.popFirst() {
            if part.isEmpty, let next = parts.first, next.hasPrefix("{") {
                result += "$" + next
                parts.removeFirst()
            } else if part.hasPrefix("{") {
                let name = String(part.dropFirst().prefix { $0 != "}" })
                result += (substitutions[name] ?? "") + part.dropFirst(name.count + 2)
                guard substitutions[name] == nil else { continue }
                let known = substitutions.keys.sorted().map { "${\($0)}" }.joined(separator: ", ")
                complain(location, "there is no ${\(name.prefix(40))}", hint: "known: \(known); write $${ for a literal ${")
            } else {
                result += "$" + part
            }
        }
        return result
    }

    // MARK: sections

    /// The section of a header; one that stood before goes on.
    private mutating func open(_ line: Substring, _ location: SourceLocation) -> Int? {
        guard line.hasSuffix("]") else {
            complain(location, "the header '\(line.prefix(40))' does not end with ]")
            return nil
        }
        let words = line.dropFirst().dropLast().split { $0 == " " || $0 == "\t" }.map(String.init)
        guard words.count == 1 || words.count == 2 else {
            complain(location, "the header '\(line.prefix(40))' is not [kind] or [kind name]")
            return nil
        }
        let name = words.count == 2 ? words[1] : ""
        let section = Section(kind: words[0], name: name, location: location, entries: [])
        if let index = indexes[section.title] { return index }
        indexes[section.title] = sections.count
        sections.append(section)
        places.append([:])
        return sections.count - 1
    }

    private mutating func add(_ key: String, _ value: String, to section: Int, _ location: SourceLocation) {
        if let first = places[section].updateValue(location, forKey: key) {
            return complain(location, "'\(key)' of [\(sections[section].title)] stands at \(first) already")
        }
        sections[section].entries.append(Section.Entry(key: key, value: value, location: location))
    }

    private mutating func include(_ pattern: String, _ location: SourceLocation) {
        guard !pattern.isEmpty else { return complain(location, "include wants a file or a pattern") }
        let path = join(folder(of: location.file), pattern)
        guard pattern.contains(where: { "*?[".contains($0) }) else { return read(path, from: location) }
        for file in files.expand(path) { read(file, from: location) }
    }
}
