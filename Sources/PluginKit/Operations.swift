internal import JSON
internal import PluginABI

/// The slots of `berth_ops_t` for any ``Driver``: from the C call to the Swift method, and from what it throws to a status.
enum Operations {
    static func table(open: DriverExport.Open) -> berth_ops_t {
        berth_ops_t(
            size: UInt32(MemoryLayout<berth_ops_t>.size),
            open: open,
            close: { handle in
                guard let handle else { return }
                Unmanaged<OpenDriver>.fromOpaque(UnsafeRawPointer(handle)).takeRetainedValue().driver.close()
            },
            health: { handle, call in
                Operations.answer(handle, call) { driver, call in try driver.health(call) }
            },
            capacity: { handle, call in
                Operations.document(handle, call) { driver, call, writer in try driver.capacity(call).write(to: &writer) }
            },
            catalog: { handle, call in
                Operations.document(handle, call) { driver, call, writer in try driver.catalog(call).write(to: &writer) }
            },
            list: { handle, call in
                Operations.answer(handle, call) { driver, call in
                    var machines = MachineWriter(call)
                    try driver.list(call, into: &machines)
                    try machines.flush()
                }
            },
            inspect: { handle, call, id in
                Operations.document(handle, call) { driver, call, writer in
                    try driver.inspect(Operations.string(id, "id"), call).write(to: &writer)
                }
            },
            create: { handle, call, key, spec, size in
                Operations.document(handle, call) { driver, call, writer in
                    let spec = try Spec(Operations.object(UnsafeRawBufferPointer(start: spec, count: size), "spec"))
                    try driver.create(spec, key: Operations.string(key, "key"), call).write(to: &writer)
                }
            },
            action: { handle, call, id, verb, arguments, size in
                Operations.document(handle, call) { driver, call, writer in
                    let arguments = try Operations.object(UnsafeRawBufferPointer(start: arguments, count: size), "args")
                    let verb = Verb(rawValue: try Operations.string(verb, "verb"))
                    switch try driver.action(verb, on: Operations.string(id, "id"), arguments: arguments, call) {
                    case .done: break
                    case .machine(let machine): machine.write(to: &writer)
                    case .document(let json): writer.value(json)
                    }
                }
            })
    }

    /// Runs `body`; no Swift error crosses the call.
    static func answer(_ call: UnsafePointer<berth_call_t>, _ body: (Call) throws -> Void) -> berth_status_t {
        let call = Call(call)
        do {
            try body(call)
            return berth_status_t(BERTH_OK)
        } catch {
            return call.fail(DriverError(wrapping: error))
        }
    }

    private static func answer(
        _ handle: OpaquePointer?, _ call: UnsafePointer<berth_call_t>?, _ body: (any Driver, Call) throws -> Void
    ) -> berth_status_t {
        guard let handle, let call else { return DriverError.Status.broken.rawValue }
        let opened = Unmanaged<OpenDriver>.fromOpaque(UnsafeRawPointer(handle))
        return answer(call) { call in try opened._withUnsafeGuaranteedRef { try body($0.driver, call) } }
    }

    /// Runs `body` and writes its document only if it did not throw.
    private static func document(
        _ handle: OpaquePointer?, _ call: UnsafePointer<berth_call_t>?, _ body: (any Driver, Call, inout DocumentWriter) throws -> Void
    ) -> berth_status_t {
        answer(handle, call) { driver, call in
            var writer = DocumentWriter()
            try body(driver, call, &writer)
            try writer.withBytes { bytes throws(DriverError) in
                if !bytes.isEmpty { try call.write(bytes) }
            }
        }
    }

    static func string(_ text: UnsafePointer<CChar>?, _ what: String) throws(DriverError) -> String {
        guard let text, let string = String(validatingCString: text) else { throw .invalid("\(what) is no UTF-8") }
        return string
    }

    /// The object in `bytes`; nothing at all is an empty one.
    static func object(_ bytes: UnsafeRawBufferPointer, _ what: String) throws(DriverError) -> JSON {
        guard !bytes.isEmpty else { return .object(JSON.Object()) }
        let json: JSON
        do throws(JSON.ParseError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw .invalid("\(what) is no JSON", native: "\(error)")
        }
        guard json.object != nil else { throw .invalid("\(what) is no JSON object but \(json.kind)") }
        return json
    }
}
