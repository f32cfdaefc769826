import JSON

/// The header line between host and worker: `BERTH/1 VERB ID [NAME=VALUE]…`, as on the bus; ids are numbers here.
struct WorkerHeader: Sendable, Equatable {
    struct Option: Sendable, Equatable {
        var name: String
        var value: String
    }

    /// From the host: `worker.start`, `worker.open`, `worker.cancel`, `worker.stop`, or `call.NAME`. From the worker: `ok` or
    /// an error class that ends a call, or `piece`, `progress`, `event`, `log`.
    var verb: String
    /// The call's; 0 where there is none.
    var id: UInt64
    var options: [Option] = []

    init(_ verb: String, _ id: UInt64 = 0, _ options: KeyValuePairs<String, String> = [:]) {
        self.verb = verb
        self.id = id
        self.options = options.map { Option(name: $0.key, value: $0.value) }
    }

    subscript(name: String) -> String? {
        get { options.first { $0.name == name }?.value }
        set {
            options.removeAll { $0.name == name }
            if let newValue { options.append(Option(name: name, value: newValue)) }
        }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(64)
        bytes += WorkerHeader.protocolName
        bytes += verb.utf8
        bytes.append(WorkerHeader.space)
        JSON.write(Int64(bitPattern: id), to: &bytes)
        for option in options {
            bytes.append(WorkerHeader.space)
            bytes += option.name.utf8
            bytes.append(UInt8(ascii: "="))
            bytes += option.value.utf8
        }
        return bytes
    }

    init?(_ line: ArraySlice<UInt8>) {
        guard line.starts(with: WorkerHeader.protocolName) else { return nil }
        var words = line.dropFirst(WorkerHeader.protocolName.count).split(
            separator: WorkerHeader.space, omittingEmptySubsequences: false)[...]
        guard let verb = words.popFirst().flatMap(WorkerHeader.text), !verb.isEmpty,
            let id = words.popFirst().flatMap(WorkerHeader.number)
        else { return nil }
        self.verb = verb
        self.id = id
        for word in words {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")), let name = WorkerHeader.text(word[..<equals]),
                let value = WorkerHeader.text(word[(equals + 1)...])
            else { return nil }
            options.append(Option(name: name, value: value))
        }
    }

    private static let protocolName = Array("BERTH/1 ".utf8)
    private static let space = UInt8(ascii: " ")

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        String(validating: bytes, as: UTF8.self)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        text(bytes).flatMap { Int64($0) }.map { UInt64(bitPattern: $0) }
    }
}
