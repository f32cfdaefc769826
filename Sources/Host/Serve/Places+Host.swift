import Glibc

extension Places {
    /// Where `berth keys` keeps keys.
    var keys: String { "\(state)/keys" }

    /// The name of this machine, for a host that has none in its configuration.
    var hostName: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, 255) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    var process: Int { Int(getpid()) }
}
