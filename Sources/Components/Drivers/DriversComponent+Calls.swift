import Bus
import Frames
import JSON
import Model
import Platform
import PluginHost

extension DriversComponent {
    /// `driver.call {"provider","call","id","verb","key","spec","args"}` → `{"document":…}`, or `{"lines":[…]}` from `list`.
    /// A failure says beside its message whether the driver saw the call at all (`started`), and whether its worker died of
    /// it (`crashed`, never for a kill from outside) with how (`death`).
    func callDriver(_ request: Request, _ body: JSON) throws(BerthError) {
        let provider = try provider(body, "provider")
        let name = try name(body, "call")
        let arguments = try arguments(name, body)
        send(request, provider, name, arguments, verb: body["verb"]?.string) { outcome throws(BerthError) in
            try DriverReply.body(outcome, isList: name == "list")
        }
    }

    private func arguments(_ name: String, _ body: JSON) throws(BerthError) -> [CallArgument] {
        func text(_ field: String) throws(BerthError) -> CallArgument {
            guard let text = body[field]?.string else { throw BerthError(.invalid, "'\(field)' is missing for \(name)", field: field) }
            return .string(text)
        }
        func document(_ field: String) -> CallArgument {
            guard let document = body[field], !document.isNull else { return .bytes(Array("{}".utf8)) }
            return .bytes(document.bytes)
        }
        switch name {
        case "list", "capacity", "catalog", "health": return []
        case "inspect": return [try text("id")]
        case "create": return [try text("key"), document("spec")]
        case "action": return [try text("id"), try text("verb"), document("args")]
        default:
            throw BerthError(
                .invalid, "'\(name)' is no call: health, capacity, catalog, list, inspect, create or action", field: "call")
        }
    }

    /// `plugin.call {"provider","call","args":[…]}`: any declared call, for operators → `{"value","outputs","document"}`.
    func callPlugin(_ request: Request, _ body: JSON) throws(BerthError) {
        try check(body, "provider", "call", "args")
        let provider = try provider(body, "provider")
        let name = try name(body, "call")
        let plugin = configuration.plugin(provider.section.plugin)
        let declared = plugin?.extraCalls.first { $0.name == name } ?? plugin.flatMap { configuration.abi($0.abi)?.call(name) }
        guard let declared, !["open", "close"].contains(name) else {
            throw BerthError(.notFound, "nothing declares a call '\(name)' for provider \(provider.host.name)", field: "call")
        }
        let given = body["args"]?.array ?? []
        let wanted = declared.parameters.filter(\.isGiven)
        guard given.count == wanted.count else {
            throw BerthError(.invalid, "\(name) takes \(wanted.count) arguments, not \(given.count): \(declared.signature)", field: "args")
        }
        var arguments: [CallArgument] = []
        for (value, parameter) in zip(given, wanted) {
            guard let argument = CallArgument(value, for: parameter.type.type) else {
                throw BerthError(
                    .invalid, "argument \(arguments.count + 1) of \(name) is not \(parameter.type.name): \(declared.signature)",
                    field: "args")
            }
            arguments.append(argument)
        }
        send(request, provider, name, arguments, verb: nil) { outcome throws(BerthError) in DriverReply.values(outcome).bytes }
    }

    /// Makes the call; what comes back is read and answered on the provider's thread, so that one provider's ten thousand
    /// machines do not hold up another's answer.
    private func send(
        _ request: Request, _ provider: Provider, _ name: String, _ arguments: [CallArgument], verb: String?,
        reply: @escaping @Sendable (CallOutcome) throws(BerthError) -> [UInt8]
    ) {
        let own = Clock.monotonic + provider.section.deadline(for: name, verb: verb)
        let tell: @Sendable (Double, String) -> Void = { fraction, what in request.progress(fraction, what) }
        let call = DriverCall(
            name, arguments, deadline: min(own, request.deadline ?? .max), progress: request.header.wantsProgress ? tell : nil)
        let note = name == "capacity" ? noteCapacity(provider) : nil
        let ticket = provider.host.call(call) { outcome in
            note?(outcome)
            if let error = outcome.error { return request.fail(error, details: DriverReply.details(outcome)) }
            do throws(BerthError) {
                request.ok(bytes: try reply(outcome))
            } catch {
                request.fail(error, details: DriverReply.details(outcome))
            }
        }
        request.onCancel { [host = provider.host] in host.cancel(ticket) }
    }

    /// `provider.check {"name"}`: what `ProviderCheck` finds, step by step.
    func check(_ request: Request, _ provider: Provider) {
        guard let inspection = plugins[provider.section.plugin] else {
            return request.fail(BerthError(.notFound, "no plugin '\(provider.section.plugin)' is declared"))
        }
        let (host, section) = (provider.host, provider.section)
        Task { request.ok(await ProviderCheck.run(host, section, inspection)) }
    }
}

/// What a call's outcome looks like on the bus.
enum DriverReply {
    static func body(_ outcome: CallOutcome, isList: Bool) throws(BerthError) -> [UInt8] {
        guard isList else {
            guard !outcome.document.isEmpty else { return Array(#"{"document":null}"#.utf8) }
            return try JSON(dictionaryLiteral: ("document", parse(outcome.document))).bytes
        }
        var bytes = Array(#"{"lines":["#.utf8)
        var isFirst = true
        for line in outcome.document.split(separator: UInt8(ascii: "\n")) where !line.allSatisfy({ $0 <= 0x20 }) {
            // A line that is none must not spoil the others' document.
            _ = try parse(line)
            if !isFirst { bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            bytes += line
        }
        bytes += Array("]}".utf8)
        return bytes
    }

    private static func parse(_ bytes: some Collection<UInt8>) throws(BerthError) -> JSON {
        do throws(JSON.ParseError) {
            return try JSON(parsing: bytes)
        } catch {
            throw BerthError(.broken, "the driver's document is no JSON", hint: "berth plugins check shows it", cause: error)
        }
    }

    static func values(_ outcome: CallOutcome) -> JSON {
        var body: JSON = ["value": outcome.value.map(JSON.init) ?? .null, "outputs": .array(outcome.outputs.map(JSON.init))]
        if !outcome.document.isEmpty {
            body["document"] = (try? JSON(parsing: outcome.document)) ?? .string(String(decoding: outcome.document, as: UTF8.self))
        }
        return body
    }

    static func details(_ outcome: CallOutcome) -> JSON {
        var details: JSON = ["started": JSON(outcome.hasRun), "crashed": JSON(outcome.death != nil && !outcome.isOutsideDeath)]
        if let death = outcome.death { details["death"] = JSON(death) }
        return details
    }

}

extension JSON {
    init(_ argument: CallArgument) {
        switch argument {
        case .void: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .uint(let value): self = Int64(exactly: value).map(JSON.int) ?? .double(Double(value))
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .bytes(let value): self = .string(String(decoding: value, as: UTF8.self))
        }
    }
}

extension CallArgument {
    /// A JSON value as an argument of this type; nil: it is none.
    init?(_ value: JSON, for type: ABIType) {
        switch type {
        case .bool:
            guard let value = value.bool else { return nil }
            self = .bool(value)
        case .i8, .i16, .i32, .i64, .isize:
            guard let value = value.int else { return nil }
            self = .int(Int64(value))
        case .u8, .u16, .u32, .u64, .usize:
            guard let value = value.int, value >= 0 else { return nil }
            self = .uint(UInt64(value))
        case .f32, .f64:
            guard let value = value.double else { return nil }
            self = .double(value)
        case .cstring:
            guard let value = value.string else { return nil }
            self = .string(value)
        case .bytes: self = .bytes(value.string.map { Array($0.utf8) } ?? value.bytes)
        case .ptr, .void: return nil
        }
    }
}
