/// `[plugin NAME]`: a shared library and how it is to be called.
public struct PluginSection: Sendable, Equatable {
    public enum Style: String, Sendable, CaseIterable {
        /// An entry, a descriptor, a table: a driver made for Berth.
        case table
        /// A plain C library: one exported symbol a call.
        case flat
    }

    public var name: String
    public var location: SourceLocation
    public var isEnabled: Bool
    /// As written: a file's name that is looked up in the plugin path, or a path.
    public var module: String
    /// The ABI's title: `compute/1`.
    public var abi: String
    /// The pinned SHA-256 in lower case hexadecimal.
    public var sha256: String?
    public var style: Style
    /// Call name to symbol, where they differ (`symbol.list = legacy_list_all`).
    public var symbols: [String: String]
    /// Stated for flat libraries; drivers with a table state their own.
    public var capabilities: [String]
    /// `call legacy.ping = i32 (cstring host, u16 port)`: calls beside those of the ABI, for operators.
    public var extraCalls: [ABICall]

    /// The symbol of a call: as stated, or its name with dots as `_`.
    public func symbol(for call: String) -> String {
        symbols[call] ?? String(call.map { $0 == "." ? "_" : $0 })
    }
}
