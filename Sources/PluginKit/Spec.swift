public import JSON

/// What to create. Absent means that the driver chooses.
public struct Spec: Sendable {
    /// An RFC 1123 label made by the host.
    public var name: String
    public var cpus: Double?
    public var memoryMiB: Int?
    public var diskGiB: Int?
    /// As it stands in the host's configuration, or an id of the catalog.
    public var image: String?
    public var networks: [String]
    public var addresses: [String]
    public var node: String?
    public var arch: String?
    public var userData: String?
    public var publicKeys: [String]
    public var tags: [(name: String, value: String)]
    /// The document itself, for fields that this version of the kit does not know.
    public var json: JSON

    /// Reads the document; what has the wrong type is `invalid`, with the field's name.
    public init(_ json: JSON) throws(DriverError) {
        guard json.object != nil else { throw .invalid("the spec is no object") }
        self.json = json
        name = try Spec.read(json, "name", "a string") { $0.string } ?? ""
        cpus = try Spec.read(json, "cpus", "a number from 0") { $0.double.flatMap { $0 >= 0 ? $0 : nil } }
        memoryMiB = try Spec.read(json, "memory_mib", "a whole number from 0") { $0.int.flatMap { $0 >= 0 ? $0 : nil } }
        diskGiB = try Spec.read(json, "disk_gib", "a whole number from 0") { $0.int.flatMap { $0 >= 0 ? $0 : nil } }
        image = try Spec.read(json, "image", "a string") { $0.string }
        networks = try Spec.strings(json, "networks")
        addresses = try Spec.strings(json, "addresses")
        node = try Spec.read(json, "node", "a string") { $0.string }
        arch = try Spec.read(json, "arch", "a string") { $0.string }
        userData = try Spec.read(json, "user_data", "a string") { $0.string }
        publicKeys = try Spec.strings(json, "public_keys")
        let pairs = try Spec.read(json, "tags", "an object") { $0.object } ?? JSON.Object()
        tags = pairs.fields.map { (name: $0.name, value: $0.value.string ?? $0.value.text) }
    }

    private static func read<Value>(
        _ json: JSON, _ name: String, _ kind: String, _ read: (JSON) -> Value?
    ) throws(DriverError) -> Value? {
        guard let field = json[name], !field.isNull else { return nil }
        guard let value = read(field) else { throw .invalid("spec field '\(name)' is not \(kind)") }
        return value
    }

    private static func strings(_ json: JSON, _ name: String) throws(DriverError) -> [String] {
        let values = try read(json, name, "a list") { $0.array } ?? []
        let strings = values.compactMap(\.string)
        guard strings.count == values.count else { throw .invalid("spec field '\(name)' is not a list of strings") }
        return strings
    }
}
