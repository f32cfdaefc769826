@testable import PluginHost

/// Reads any bytes as `plugins.conf`, which may include itself and a good file.
private struct FuzzFiles: SourceFiles {
    var bytes: [UInt8]

    func read(_ path: String) throws(FileError) -> [UInt8] {
        switch path {
        case "/c/plugins.conf": bytes
        case "/c/conf.d/good.conf": Array("[flavor good]\ncpus = 1\nmemory-mib = 64\n".utf8)
        default: throw FileError(reason: "no such file", isMissing: true)
        }
    }

    func expand(_ pattern: String) -> [String] { pattern == "/c/conf.d/*.conf" ? ["/c/conf.d/good.conf"] : [] }
    func identity(of path: String) -> String { path }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let files = FuzzFiles(bytes: Array(UnsafeBufferPointer(start: data, count: count)))
    do throws(ConfigurationErrors) {
        let configuration = try Configuration.load("/c/plugins.conf", state: "/s", files: files)
        // What was read can be printed, hashed and looked for.
        for abi in configuration.abis { _ = (abi.hash, abi.header) }
        for provider in configuration.providers { _ = (provider.deadline(for: "create"), try? provider.settings(for: nil)) }
    } catch {
        precondition(!error.problems.isEmpty && !error.description.isEmpty)
    }
    return 0
}
