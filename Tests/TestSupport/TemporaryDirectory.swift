import Foundation

/// A directory that is gone when its owner is. Keep it in a `let` of the test, or in the suite.
public final class TemporaryDirectory: Sendable {
    public let path: String

    public init(_ name: String = "test") throws {
        // Short: sockets below it have at most 108 bytes.
        let template = "/tmp/berth-\(name)-XXXXXX"
        var bytes = Array(template.utf8CString)
        guard mkdtemp(&bytes) != nil else { throw CocoaError(.fileWriteUnknown) }
        path = String(decoding: bytes.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a name below it.
    public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file below it and answers its path.
    @discardableResult
    public func write(_ name: String, _ text: String) throws -> String {
        let file = self(name)
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}
