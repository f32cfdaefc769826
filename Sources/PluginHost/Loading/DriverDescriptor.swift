import Glibc
import JSON
import Model
import PluginABI

/// What `berth_driver_entry` returned, copied and checked: `berth_plugin_t` and the table it points to.
struct DriverDescriptor {
    var identity = DriverLibrary.Identity()
    var major = 0
    var minor = 0
    var capabilities: [String] = []
    var schema: JSON.Schema?
    var schemaDocument: JSON?
    /// The functions, in the order of the ABI's calls.
    var operations: [UnsafeMutableRawPointer] = []

    static let largestStruct = 1 << 16
    static let mostCapabilities = 256

    /// Calls the entry and reads its descriptor.
    init(of image: UnsafeMutableRawPointer, file: String, abi: ABIDescription) throws(BerthError) {
        guard let symbol = dlsym(image, "berth_driver_entry") else {
            throw BerthError(
                .broken, "\(file) does not export berth_driver_entry",
                hint: "define it as berth/driver.h declares it, and let the version script name it", field: "entry")
        }
        typealias Entry = @convention(c) (UInt32, UInt32) -> UnsafePointer<berth_plugin_t>?
        let entry = unsafeBitCast(symbol, to: Entry.self)
        guard let pointer = entry(UInt32(abi.revision), UInt32(abi.minor)) else {
            throw BerthError(
                .broken, "the driver's entry refuses \(abi.title) minor \(abi.minor)", hint: "install a driver for this host",
                field: "entry")
        }
        let plugin = try DriverDescriptor.copy(pointer, berth_plugin_t(), "berth_plugin_t")
        major = Int(plugin.abi_major)
        minor = Int(plugin.abi_minor)
        identity.id = try DriverDescriptor.text(plugin.id, "id")
        identity.name = try DriverDescriptor.text(plugin.name, "name")
        identity.version = try DriverDescriptor.text(plugin.version, "version")
        identity.vendor = try DriverDescriptor.text(plugin.vendor ?? DriverDescriptor.empty, "vendor")
        identity.license = try DriverDescriptor.text(plugin.license ?? DriverDescriptor.empty, "license")
        identity.url = try DriverDescriptor.text(plugin.url ?? DriverDescriptor.empty, "url")
        capabilities = try DriverDescriptor.capabilities(plugin.capabilities)
        try read(schema: plugin.config_schema)
        guard let table = plugin.ops else { throw DriverDescriptor.wrong("it has no table of operations (ops)") }
        operations = try DriverDescriptor.operations(UnsafeRawPointer(table), abi)
    }

    /// Whether the descriptor says what the note says, and what this host can use.
    func check(against note: DriverNote?, _ abi: ABIDescription) throws(BerthError) {
        func differs(_ what: String, _ here: String, _ there: String) -> BerthError {
            BerthError(
                .broken, "the descriptor's \(what) is '\(here)', the ELF note's '\(there)'", hint: "build the driver again from one source",
                field: "descriptor")
        }
        guard DriverNote.isID(identity.id) else { throw DriverDescriptor.wrong("its id is not made of a-z, 0-9, '.' and '-'") }
        if let note {
            guard identity.id == note.id else { throw differs("id", identity.id, note.id) }
            guard identity.version == note.version else { throw differs("version", identity.version, note.version) }
            guard major == note.major, minor == note.minor else { throw differs("ABI", "\(major).\(minor)", "\(note.major).\(note.minor)") }
        }
        guard major == abi.revision, minor <= abi.minor else {
            throw DriverDescriptor.wrong(
                "it was built for \(abi.name)/\(major) minor \(minor), this host has \(abi.title) minor \(abi.minor)")
        }
    }

    private static func wrong(_ what: String) -> BerthError {
        BerthError(.broken, "the driver's descriptor is wrong: \(what)", field: "descriptor")
    }

    /// A struct that starts with its size: bytes past that read as zero, bytes past what the host knows must be zero.
    private static func copy<Struct: BitwiseCopyable>(_ pointer: UnsafePointer<Struct>, _ zero: Struct, _ name: String) throws(BerthError)
        -> Struct
    {
        let raw = UnsafeRawPointer(pointer)
        let size = try size(raw, name)
        var copy = zero
        memcpy(&copy, raw, min(size, MemoryLayout<Struct>.size))
        try checkTail(raw, from: MemoryLayout<Struct>.size, to: size, name)
        return copy
    }

    private static func size(_ raw: UnsafeRawPointer, _ name: String) throws(BerthError) -> Int {
        let size = Int(raw.load(as: UInt32.self))
        guard size >= 4, size <= largestStruct else { throw wrong("\(name).size is \(size)") }
        return size
    }

    private static func checkTail(_ raw: UnsafeRawPointer, from known: Int, to size: Int, _ name: String) throws(BerthError) {
        guard size > known else { return }
        guard UnsafeRawBufferPointer(start: raw + known, count: size - known).allSatisfy({ $0 == 0 }) else {
            throw wrong("\(name) is longer than this host knows, and what is too much is not zero: a newer host is needed")
        }
    }

    /// An empty C string, for members that may be NULL.
    private static var empty: UnsafePointer<CChar>? { UnsafeRawPointer(StaticString("").utf8Start).assumingMemoryBound(to: CChar.self) }

    private static func text(_ pointer: UnsafePointer<CChar>?, _ name: String) throws(BerthError) -> String {
        guard let pointer else { throw wrong("its \(name) is NULL") }
        let length = strnlen(pointer, 4097)
        guard length <= 4096 else { throw wrong("its \(name) has more than 4,096 bytes") }
        guard let text = String(validating: UnsafeRawBufferPointer(start: pointer, count: length), as: UTF8.self) else {
            throw wrong("its \(name) is not UTF-8")
        }
        return text
    }

    private static func capabilities(_ list: UnsafePointer<UnsafePointer<CChar>?>?) throws(BerthError) -> [String] {
        guard let list else {
            throw BerthError(
                .broken, "the driver's capabilities are NULL", hint: "end the list with NULL, also an empty one", field: "capabilities")
        }
        var words: [String] = []
        while let word = list[words.count] {
            guard words.count < mostCapabilities else {
                throw BerthError(
                    .broken, "the driver lists more than \(mostCapabilities) capabilities", hint: "end the list with NULL",
                    field: "capabilities")
            }
            words.append(try text(word, "capability \(words.count + 1)"))
        }
        return words
    }

    private mutating func read(schema pointer: UnsafePointer<CChar>?) throws(BerthError) {
        guard let pointer, pointer.pointee != 0 else { return }
        let length = strnlen(pointer, 1 << 20)
        do {
            let document = try JSON(parsing: UnsafeRawBufferPointer(start: pointer, count: length))
            schema = try JSON.Schema(document)
            schemaDocument = document
        } catch {
            throw BerthError(
                .broken, "the driver's config_schema is no JSON Schema that Berth understands", hint: "docs/abi.md lists the keywords",
                field: "schema", cause: error)
        }
    }

    /// The nth call of the ABI is the nth pointer after `size`.
    private static func operations(_ table: UnsafeRawPointer, _ abi: ABIDescription) throws(BerthError) -> [UnsafeMutableRawPointer] {
        let size = try size(table, "the table's")
        let word = MemoryLayout<UInt>.size
        try checkTail(table, from: word * (abi.calls.count + 1), to: size, "the table")
        var functions: [UnsafeMutableRawPointer] = []
        for (index, call) in abi.calls.enumerated() {
            let offset = word * (index + 1)
            guard offset + word <= size, let function = (table + offset).load(as: UnsafeMutableRawPointer?.self) else {
                throw wrong("the table has nothing for '\(call.name)'; fill every slot, capabilities say what works")
            }
            functions.append(function)
        }
        return functions
    }
}
