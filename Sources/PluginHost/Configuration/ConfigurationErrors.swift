/// Where something stands in the configuration.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible {
    public var file: String
    public var line: Int

    public init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    public var description: String { line > 0 ? "\(file):\(line)" : file }
}

/// Everything that is wrong with a configuration, in the order of the files. Never holds a secret's value.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        public var location: SourceLocation
        public var message: String
        /// What to do, such as the nearest known key.
        public var hint: String?

        public init(_ location: SourceLocation, _ message: String, hint: String? = nil) {
            self.location = location
            self.message = message
            self.hint = hint
        }

        public var description: String { "\(location): \(message)" + (hint.map { "; \($0)" } ?? "") }
    }

    public var problems: [Problem]

    public init(_ problems: [Problem]) {
        self.problems = problems
    }

    public var description: String { problems.map { "\($0)" }.joined(separator: "\n") }
}
