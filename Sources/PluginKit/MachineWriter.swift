public import JSON

/// Takes the machines of a `list` one after another and hands them to the host as JSON Lines, in pieces of 64 KiB.
///
///     try machines.add(Machine(id: "7", state: .running))     // or, without a value for each machine:
///
///     machines.begin(cString: name, .running)
///     machines.text(.name, cString: name)
///     machines.cpus(2)
///     try machines.end()
public struct MachineWriter: ~Copyable {
    private let call: Call
    private var writer: DocumentWriter

    private static let piece = 64 << 10

    init(_ call: Call) {
        self.call = call
        writer = DocumentWriter(capacity: MachineWriter.piece + 8192)
    }

    public mutating func add(_ machine: Machine) throws(DriverError) {
        machine.write(to: &writer)
        try endLine()
    }

    /// Starts a machine; ``end()`` ends it.
    public mutating func begin(_ id: String, _ state: MachineState) {
        writer.beginObject()
        writer.field("id", id)
        self.state(state)
    }

    public mutating func begin(cString id: UnsafePointer<CChar>, _ state: MachineState) {
        writer.beginObject()
        writer.field("id", cString: id)
        self.state(state)
    }

    public mutating func end() throws(DriverError) {
        writer.endObject()
        try endLine()
    }

    /// The fields of a machine that are text.
    public enum Text: Sendable {
        case name, key, node, image, created, message

        fileprivate var field: StaticString {
            switch self {
            case .name: "name"
            case .key: "key"
            case .node: "node"
            case .image: "image"
            case .created: "created"
            case .message: "message"
            }
        }
    }

    public mutating func text(_ field: Text, _ value: String) { writer.field(field.field, value) }
    public mutating func text(_ field: Text, cString: UnsafePointer<CChar>) { writer.field(field.field, cString: cString) }
    public mutating func cpus(_ value: Int) { writer.field("cpus", value) }
    public mutating func cpus(_ value: Double) { writer.field("cpus", value) }
    public mutating func memoryMiB(_ value: Int) { writer.field("memory_mib", value) }
    public mutating func diskGiB(_ value: Int) { writer.field("disk_gib", value) }
    public mutating func addresses(_ values: [String]) { writer.field("addresses", values) }

    public mutating func usage(_ usage: Usage) {
        writer.field("usage")
        usage.write(to: &writer)
    }

    public mutating func native(_ json: JSON) {
        writer.field("native")
        writer.value(json)
    }

    /// What else the provider says, written without a tree: `body` writes the fields of the object.
    public mutating func native(_ body: (inout DocumentWriter) -> Void) {
        writer.field("native")
        writer.beginObject()
        body(&writer)
        writer.endObject()
    }

    private mutating func state(_ state: MachineState) {
        let text: StaticString =
            switch state {
            case .building: "building"
            case .running: "running"
            case .paused: "paused"
            case .suspended: "suspended"
            case .stopped: "stopped"
            case .error: "error"
            case .gone: "gone"
            case .unknown: "unknown"
            }
        writer.field("state", text: text)
    }

    private mutating func endLine() throws(DriverError) {
        writer.endLine()
        if writer.count >= MachineWriter.piece { try flush() }
    }

    mutating func flush() throws(DriverError) {
        let call = call
        try writer.withBytes { bytes throws(DriverError) in
            if !bytes.isEmpty { try call.write(bytes) }
        }
        writer.removeAll()
    }
}
