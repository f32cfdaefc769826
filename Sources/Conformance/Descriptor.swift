import Glibc
import JSON
import PluginABI

/// The descriptor, read by its size and checked member by member: rules 13 to 18.
struct Descriptor {
    private(set) var ops = berth_ops_t()
    private(set) var capabilities: [String] = []
    private(set) var schema = JSON.Schema()
    private(set) var identity: JSON = [:]
    private(set) var id = ""
    private(set) var version = ""

    init(_ plugin: UnsafePointer<berth_plugin_t>) throws(CheckStop) {
        let known: berth_plugin_t = try Descriptor.read(plugin, plugin.pointee.size, "the descriptor")
        guard UInt32(known.abi_major) == BERTH_ABI_MAJOR, UInt32(known.abi_minor) <= BERTH_ABI_MINOR else {
            throw .failed(
                Finding(
                    13, .fail, "the descriptor is for \(known.abi_major).\(known.abi_minor), this is \(BERTH_ABI_MAJOR).\(BERTH_ABI_MINOR)",
                    do: "write BERTH_ABI_MAJOR and BERTH_ABI_MINOR"))
        }
        id = try Descriptor.text(known.id, "id")
        version = try Descriptor.text(known.version, "version")
        for (name, member) in [("name", known.name), ("vendor", known.vendor), ("license", known.license), ("url", known.url)] {
            identity[name] = JSON(try Descriptor.text(member, name))
        }
        identity["id"] = JSON(id)
        identity["version"] = JSON(version)
        capabilities = try Descriptor.list(known.capabilities)
        schema = try Descriptor.schema(try Descriptor.text(known.config_schema, "config_schema"))
        guard let table = known.ops else {
            throw .failed(Finding(18, .fail, "the descriptor has no table", do: "point ops at a static berth_ops_t"))
        }
        ops = try Descriptor.read(table, table.pointee.size, "the table")
        let slots = withUnsafeBytes(of: &ops) { bytes in (0..<9).map { bytes.load(fromByteOffset: 8 + 8 * $0, as: UInt.self) } }
        let names = ["open", "close", "health", "capacity", "catalog", "list", "inspect", "create", "action"]
        let empty = zip(names, slots).filter { $0.1 == 0 }.map(\.0)
        guard empty.isEmpty else {
            throw .failed(
                Finding(
                    18, .fail, "no function for \(empty.joined(separator: ", "))",
                    do: "fill every slot; what you cannot do answers BERTH_UNSUPPORTED"))
        }
    }

    /// A struct of the driver by its own size: shorter reads as zero, longer must be zero beyond what we know.
    private static func read<Value: BitwiseCopyable>(
        _ pointer: UnsafePointer<Value>, _ size: UInt32, _ what: String
    ) throws(CheckStop) -> Value {
        let known = MemoryLayout<Value>.size
        guard size >= 8, size <= 4096 else {
            throw .failed(Finding(13, .fail, "the size of \(what) is \(size)", do: "write sizeof of the struct as the header has it"))
        }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: Int(size))
        if size > known, bytes[known...].contains(where: { $0 != 0 }) {
            throw .failed(
                Finding(
                    13, .fail, "\(what) has \(Int(size) - known) bytes more than this minor knows, and they are not zero",
                    do: "raise abi_minor, or zero what lies past sizeof"))
        }
        guard size >= known else {
            throw .failed(
                Finding(
                    13, .fail, "the size of \(what) is \(size), this minor has \(known)",
                    do: "write sizeof of the struct as the header has it"))
        }
        return pointer.pointee
    }

    private static func text(_ member: UnsafePointer<CChar>?, _ name: String) throws(CheckStop) -> String {
        guard let member, let text = String(validatingCString: member) else {
            throw .failed(
                Finding(
                    15, .fail, member == nil ? "\(name) is NULL" : "\(name) is no UTF-8",
                    do: "every string is UTF-8; \"\" where there is nothing to say"))
        }
        return text
    }

    private static func list(_ member: UnsafePointer<UnsafePointer<CChar>?>?) throws(CheckStop) -> [String] {
        guard let member else { throw .failed(Finding(15, .fail, "capabilities is NULL", do: "point it at an array that ends with NULL")) }
        var words: [String] = []
        while let word = member[words.count] {
            words.append(try text(word, "capability \(words.count + 1)"))
            guard words.count < 256 else { throw .failed(Finding(15, .fail, "more than 256 capabilities", do: "end the array with NULL")) }
        }
        return words
    }

    private static func schema(_ text: String) throws(CheckStop) -> JSON.Schema {
        let advice = "use the keywords of docs/schema, at the top \"type\":\"object\""
        do {
            let schema = try JSON.Schema(JSON(parsing: text))
            guard schema.types == [.object] else {
                throw CheckStop.failed(Finding(17, .fail, "config_schema is not that of an object", do: advice))
            }
            return schema
        } catch let stop as CheckStop {
            throw stop
        } catch {
            throw .failed(Finding(17, .fail, "config_schema is no schema: \(error)", do: advice))
        }
    }
}
