import Glibc
public import JSON
public import Model

/// A driver's code, mapped into this process and checked: `dlopen`, entry and descriptor, or the symbols of a flat
/// library. Never unloaded (`RTLD_NODELETE`). Only a worker, the checker's child, or a host with `isolation = thread`
/// may make one.
public final class DriverLibrary: Sendable {
    /// What the descriptor says, copied.
    public struct Identity: Sendable, Equatable {
        public var id = ""
        public var name = ""
        public var version = ""
        public var vendor = ""
        public var license = ""
        public var url = ""
    }

    public let identity: Identity
    public let abi: ABIDescription
    public let capabilities: [String]
    /// The JSON Schema of the settings; nil: the library takes none.
    public let schema: JSON.Schema?
    /// The schema as the driver wrote it.
    public let schemaDocument: JSON?
    /// The calls of the ABI that are there, and the extra declared ones, by name.
    public let calls: [String: PreparedCall]

    public var isReentrant: Bool { capabilities.contains("reentrant") }

    /// Maps and checks the file of an inspection that is `ready`. The error's `field` names the step that failed:
    /// `dlopen`, `symbols`, `entry`, `descriptor`, `capabilities` or `schema`.
    public init(loading inspection: PluginInspection, abi: ABIDescription) throws(BerthError) {
        guard inspection.state == .ready, let file = inspection.file else {
            throw BerthError(.broken, inspection.reason ?? "plugin \(inspection.plugin.name) is not ready", field: "inspection")
        }
        let plugin = inspection.plugin
        guard let image = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else { throw DriverLibrary.notMapped(file) }
        var found: [ABICall: UnsafeMutableRawPointer] = [:]
        if plugin.style == .table {
            let descriptor = try DriverDescriptor(of: image, file: file, abi: abi)
            try descriptor.check(against: inspection.note, abi)
            identity = descriptor.identity
            capabilities = descriptor.capabilities
            schema = descriptor.schema
            schemaDocument = descriptor.schemaDocument
            for (call, function) in zip(abi.calls, descriptor.operations) { found[call] = function }
        } else {
            identity = Identity(id: plugin.name, name: plugin.name)
            capabilities = plugin.capabilities
            schema = nil
            schemaDocument = nil
            for call in abi.calls { found[call] = dlsym(image, plugin.symbol(for: call.name)) }
        }
        for call in plugin.extraCalls { found[call] = dlsym(image, plugin.symbol(for: call.name)) }
        guard !found.isEmpty else {
            let symbols = (abi.calls + plugin.extraCalls).map { plugin.symbol(for: $0.name) }
            throw BerthError(
                .broken, "\(file) exports none of \(symbols.joined(separator: ", "))",
                hint: "say symbol.CALL = NAME in [plugin \(plugin.name)]",
                field: "symbols")
        }
        self.abi = abi
        var calls: [String: PreparedCall] = [:]
        for (call, function) in found { calls[call.name] = try PreparedCall(call, function: function) }
        self.calls = calls
    }

    /// `dlerror`, with what to do about it.
    private static func notMapped(_ file: String) -> BerthError {
        let reason = dlerror().map { String(cString: $0) } ?? "dlopen failed"
        let library = reason.split(separator: ":").first.map(String.init) ?? ""
        var hint: String?
        if reason.hasSuffix("cannot open shared object file: No such file or directory"), library != file {
            hint = "install the package that has \(library)"
        } else if let range = reason.range(after: "undefined symbol: ") {
            hint = "link the driver with the library that has \(range)"
        }
        return BerthError(.broken, reason, hint: hint, field: "dlopen")
    }

    /// The capability that a call of `compute` needs and the driver does not list; nil: it may be called.
    func lacks(_ call: String, _ arguments: [CallArgument]) -> String? {
        guard abi.name == ABIDescription.compute.name else { return nil }
        let needed: String? =
            switch call {
            case "create", "catalog": call
            case "action": if case .string(let verb)? = arguments.dropFirst().first { verb } else { nil }
            default: nil
            }
        return needed.flatMap { capabilities.contains($0) ? nil : $0 }
    }
}

extension String {
    /// What follows the first occurrence of a text, up to a space.
    fileprivate func range(after text: String) -> Substring? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.dropFirst(text.count).prefix { $0 != " " } }
            rest = rest.dropFirst()
        }
        return nil
    }
}
