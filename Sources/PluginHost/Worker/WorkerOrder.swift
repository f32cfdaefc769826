import JSON
import Model

/// All that a worker is told before it loads anything: the body of `worker.start`. Goes over the socket pair, since the
/// settings hold secrets and everybody can read arguments and environments.
struct WorkerOrder: Sendable {
    var provider: String
    var inspection: PluginInspection
    var abi: ABIDescription
    /// The provider's settings and threads; secrets are read already, by the host.
    var section: ProviderSection
    /// `state/providers/NAME.lock`; nil: the host keeps it itself (`thread` isolation).
    var lock: String?
    var hostVersion: String

    var json: JSON {
        let plugin = inspection.plugin
        var order: JSON = [
            "provider": JSON(provider), "file": JSON(inspection.file), "plugin": JSON(plugin.name), "module": JSON(plugin.module),
            "abi": JSON(plugin.abi), "style": JSON(plugin.style.rawValue), "capabilities": JSON(plugin.capabilities),
            "lock": JSON(lock), "version": JSON(hostVersion),
            "threads": JSON(section.threads), "descriptors": JSON(section.descriptors),
        ]
        order["symbols"] = WorkerOrder.object(plugin.symbols.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        order["calls"] = WorkerOrder.object(plugin.extraCalls.map { ($0.name, $0.signature) })
        order["abiCalls"] = WorkerOrder.object(abi.calls.map { ($0.name, $0.signature) })
        order["aliases"] = WorkerOrder.object(abi.aliases.map { ($0.name, $0.type.rawValue) })
        for (kind, isSecret) in [("settings", false), ("secrets", true)] {
            order[kind] = WorkerOrder.object(
                section.settings.filter { $0.value.isSecret == isSecret }.compactMap { setting in
                    switch setting.value {
                    case .literal(let text), .secret(let text): (setting.name, text)
                    case .file, .environment: nil
                    }
                })
        }
        if let note = inspection.note {
            order["note"] = [
                "abi": JSON(note.abi), "major": JSON(note.major), "minor": JSON(note.minor), "hash": JSON(Int64(bitPattern: note.hash)),
                "id": JSON(note.id), "version": JSON(note.version),
            ]
        }
        return order
    }

    private static func object(_ pairs: [(String, String)]) -> JSON {
        .object(JSON.Object(fields: pairs.map { JSON.Object.Field(name: $0.0, value: .string($0.1)) }))
    }
}

extension WorkerOrder {
    init(_ json: JSON) throws(BerthError) {
        func text(_ name: String) throws(BerthError) -> String {
            guard let text = json[name]?.string else { throw BerthError(.broken, "the host's order to its worker has no '\(name)'") }
            return text
        }
        provider = try text("provider")
        hostVersion = try text("version")
        lock = json["lock"]?.string
        abi = try WorkerOrder.abi(try text("abi"), json)
        let nowhere = SourceLocation(file: "", line: 0)
        var plugin = PluginSection(
            name: try text("plugin"), location: nowhere, isEnabled: true, module: try text("module"), abi: abi.title, sha256: nil,
            style: PluginSection.Style(rawValue: try text("style")) ?? .table, symbols: [:],
            capabilities: json["capabilities"]?.array?.compactMap(\.string) ?? [], extraCalls: [])
        for field in json["symbols"]?.object?.fields ?? [] { plugin.symbols[field.name] = field.value.string }
        plugin.extraCalls = try WorkerOrder.calls(json["calls"], aliases: abi.aliases, isExtra: true)
        inspection = PluginInspection(ready: plugin, file: json["file"]?.string, note: json["note"].flatMap(WorkerOrder.note))
        section = ProviderSection(
            name: provider, location: nowhere, isEnabled: true, plugin: plugin.name, isolation: .process, restart: .standard,
            threads: json["threads"]?.int ?? 1, memory: nil, descriptors: json["descriptors"]?.int, overcommit: [:], environment: [],
            settings: WorkerOrder.settings(json["settings"], at: nowhere, SettingValue.literal)
                + WorkerOrder.settings(json["secrets"], at: nowhere, SettingValue.secret),
            section: Section(kind: "provider", name: provider, location: nowhere, entries: []))
    }

    private static func settings(_ json: JSON?, at location: SourceLocation, _ value: (String) -> SettingValue) -> [ProviderSection.Setting]
    {
        (json?.object?.fields ?? []).map { field in
            ProviderSection.Setting(name: field.name, value: value(field.value.string ?? ""), location: location)
        }
    }

    /// The declared ABI; the built-in one is here already, with all its minors.
    private static func abi(_ title: String, _ json: JSON) throws(BerthError) -> ABIDescription {
        if title == ABIDescription.compute.title { return .compute }
        let parts = title.split(separator: "/")
        guard parts.count == 2, let revision = Int(parts[1]) else { throw BerthError(.broken, "'\(title)' names no ABI") }
        var abi = ABIDescription(name: String(parts[0]), revision: revision, aliases: [], calls: [])
        for field in json["aliases"]?.object?.fields ?? [] {
            guard let type = ABIType(rawValue: field.value.string ?? "") else { continue }
            abi.aliases.append(ABIDescription.Alias(name: field.name, type: type))
        }
        abi.calls = try calls(json["abiCalls"], aliases: abi.aliases, isExtra: false)
        return abi
    }

    private static func calls(_ json: JSON?, aliases: [ABIDescription.Alias], isExtra: Bool) throws(BerthError) -> [ABICall] {
        var calls: [ABICall] = []
        for field in json?.object?.fields ?? [] {
            do throws(DeclarationError) {
                calls.append(try SignatureParser.call(field.name, field.value.string ?? "", aliases: aliases, isExtra: isExtra))
            } catch {
                throw BerthError(.broken, "the worker does not understand call '\(field.name)': \(error.message)")
            }
        }
        return calls
    }

    private static func note(_ json: JSON) -> DriverNote? {
        guard let abi = json["abi"]?.string, let major = json["major"]?.int, let minor = json["minor"]?.int, let hash = json["hash"]?.int,
            let id = json["id"]?.string, let version = json["version"]?.string
        else { return nil }
        return DriverNote(abi: abi, major: major, minor: minor, hash: UInt64(bitPattern: Int64(hash)), id: id, version: version)
    }
}

extension PluginInspection {
    /// What the host found, in its worker.
    init(ready plugin: PluginSection, file: String?, note: DriverNote?) {
        self.plugin = plugin
        self.file = file
        self.note = note
    }
}
