@testable import PluginHost

/// A file system of a few texts, for the configuration's reader.
struct FakeFiles: SourceFiles {
    var texts: [String: String]

    func read(_ path: String) throws(FileError) -> [UInt8] {
        guard let text = texts[path] else { throw FileError(reason: "no such file or directory", isMissing: true) }
        return Array(text.utf8)
    }

    /// A star at the end of the folder: `conf.d/*.conf`.
    func expand(_ pattern: String) -> [String] {
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false).map(String.init)
        return texts.keys.filter { $0.hasPrefix(parts[0]) && $0.hasSuffix(parts.last ?? "") }.sorted()
    }

    func identity(of path: String) -> String { path }
}

/// Reads one text as `/etc/berth/plugins.conf`, with others beside it.
func read(_ text: String, others: [String: String] = [:]) throws -> Configuration {
    var texts = others
    texts["/etc/berth/plugins.conf"] = text
    return try Configuration.load("/etc/berth/plugins.conf", state: "/var/lib/berth", files: FakeFiles(texts: texts))
}

/// Every problem of a text, one a line.
func problems(_ text: String, others: [String: String] = [:]) -> [String] {
    do {
        _ = try read(text, others: others)
        return []
    } catch {
        return (error as? ConfigurationErrors)?.problems.map { "\($0)" } ?? ["\(error)"]
    }
}
