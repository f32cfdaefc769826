import Bus
import Glibc
import JSON
import Model
import Platform
import PluginHost
import Synchronization

/// Which file it is, and in which version.
struct FileIdentity: Equatable {
    var path: String
    var device: UInt
    var inode: UInt
    var changed: Int
    var changedNanoseconds: Int
    var size: Int

    init?(_ path: String?) {
        guard let path else { return nil }
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.path = path
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        changed = Int(status.st_mtim.tv_sec)
        changedNanoseconds = Int(status.st_mtim.tv_nsec)
        size = Int(status.st_size)
    }
}

extension DriversComponent {
    /// Looks at every plugin's file, running none.
    func inspect() {
        plugins = [:]
        for plugin in configuration.plugins { plugins[plugin.name] = PluginInspection(plugin, in: configuration) }
    }

    /// The plugin as this provider may use it: C libraries have state that is the whole process's, so in `thread` isolation only
    /// the first provider of a plugin runs.
    private func usable(_ section: ProviderSection) -> (PluginInspection?, ABIDescription?) {
        var inspection = plugins[section.plugin]
        let abi = inspection.flatMap { configuration.abi($0.plugin.abi) }
        let sharers = configuration.providers.filter { $0.plugin == section.plugin && $0.isolation == .thread && $0.isEnabled }
        if section.isolation == .thread, let first = sharers.first, first.name != section.name {
            inspection?.state = .refused
            inspection?.reason =
                "with isolation = thread a plugin serves one provider, and that is \(first.name); write isolation = process for \(section.name)"
        }
        return (inspection, abi)
    }

    func add(_ section: ProviderSection) {
        let name = section.name
        let (inspection, abi) = usable(section)
        let status = context.hop { [weak self] (status: ProviderStatus) in self?.changed(status) }
        let gate = EventGate()
        let event = context.hop { [weak self] (event: DriverEvent) in
            gate.leave()
            self?.happened(event, at: name)
            if gate.takeLoss() { self?.happened(DriverEvent(kind: .resync, time: Clock.real, subject: "", data: []), at: name) }
        }
        let host = ProviderHost(
            section, plugin: inspection, abi: abi, in: settings.surroundings,
            listener: ProviderListener(status: { status($0) }, event: { if gate.enter($0.kind) { event($0) } }))
        providers.append(Provider(section, file: FileIdentity(inspection?.file), host: host))
        host.start()
    }

    // MARK: what happens

    private func changed(_ status: ProviderStatus) {
        guard let provider = providers.first(where: { $0.host.name == status.name }) else { return }
        context.notify("provider.\(status.name).\(status.state.rawValue)", describe(provider, status))
        guard status.state != provider.lastState else { return }
        provider.lastState = status.state
        var fields: Log.Fields = ["provider": status.name, "state": status.state.rawValue]
        if let reason = status.reason { fields = ["provider": status.name, "state": status.state.rawValue, "reason": reason] }
        switch status.state {
        case .ready, .starting, .disabled, .draining: Log.info("provider changes", fields)
        case .unconfigured, .unreachable, .degraded, .restarting, .quarantined: Log.warning("provider changes", fields)
        }
        if status.state == .ready || status.state == .draining { refreshCapacity(provider) }
    }

    private func refreshCapacity(_ provider: Provider) {
        let came = context.hop { [weak self] (document: JSON) in
            guard let self else { return }
            self.providers.first { $0 === provider || $0.host.name == provider.host.name }?.capacity = document
        }
        let deadline = Clock.monotonic + provider.section.deadline(for: "capacity")
        provider.host.call(DriverCall("capacity", deadline: deadline)) { outcome in
            if outcome.status == .ok, let document = try? JSON(parsing: outcome.document) { came(document) }
        }
    }

    private func happened(_ event: DriverEvent, at name: String) {
        let document = event.data.isEmpty ? JSON.null : (try? JSON(parsing: event.data)) ?? .null
        let body: JSON = ["provider": JSON(name), "subject": JSON(event.subject), "time": JSON(event.time), "document": document]
        context.notify("driver.\(name).\(event.kind)", body)
    }

    // MARK: reload

    /// `{"name"}`: the workers of one plugin are replaced. Without it: the configuration is read again; providers that are new
    /// start, those that are gone stop, and only those whose settings or plugin changed are replaced.
    func reload(_ request: Request, _ body: JSON) throws(BerthError) {
        var forced: String?
        if body["name"] != nil { forced = try plugin(body).name }
        let fresh: Configuration
        do {
            fresh = try settings.reread()
        } catch {
            throw BerthError(.invalid, "the configuration is not taken over: it has errors", hint: "see berth config check", cause: error)
        }
        request.ok(["replaced": JSON(apply(fresh, forcing: forced))])
    }

    /// Takes a configuration over; answers the providers that it touched.
    func apply(_ fresh: Configuration, forcing plugin: String? = nil) -> [String] {
        let before = configuration
        configuration = fresh
        inspect()
        var touched: [String] = []
        for gone in providers where fresh.provider(gone.host.name) == nil {
            touched.append(gone.host.name)
            // Its thread ends by itself; the lock keeps a successor of the same name waiting until then.
            gone.host.beginStop()
            context.notify(
                "provider.\(gone.host.name).gone", ["name": JSON(gone.host.name), "state": "gone", "reason": "not in the configuration"])
        }
        providers.removeAll { fresh.provider($0.host.name) == nil }
        for section in fresh.providers {
            guard let provider = providers.first(where: { $0.host.name == section.name }) else {
                touched.append(section.name)
                add(section)
                continue
            }
            let (inspection, abi) = usable(section)
            let file = FileIdentity(inspection?.file)
            let old = before.provider(section.name).flatMap { before.plugin($0.plugin) }
            let isSame =
                section.isLike(provider.section) && file == provider.file && fresh.plugin(section.plugin)?.isLike(old) == true
            guard !isSame || plugin == section.plugin else { continue }
            touched.append(section.name)
            provider.section = section
            provider.file = file
            provider.host.reload(section, plugin: inspection, abi: abi)
        }
        return touched
    }

    /// `{"name"}` of a plugin or a provider, or nothing: all.
    func reset(_ request: Request, _ body: JSON) throws(BerthError) {
        var meant = providers
        if body["name"] != nil {
            let name = try name(body)
            meant = providers.filter { $0.host.name == name || $0.section.plugin == name }
            guard !meant.isEmpty || configuration.plugin(name) != nil else {
                throw BerthError(.notFound, "there is no plugin or provider '\(name)'", hint: "see berth plugins", field: "name")
            }
        }
        for provider in meant { provider.host.reset() }
        request.ok(["reset": JSON(meant.map(\.host.name))])
    }
}

extension ProviderSection {
    /// Whether a worker would notice the difference: where a section stands in its file is none.
    func isLike(_ other: ProviderSection) -> Bool {
        section.entries.map { [$0.key, $0.value] } == other.section.entries.map { [$0.key, $0.value] } && isolation == other.isolation
            && restart == other.restart && threads == other.threads && memory == other.memory
    }
}

extension PluginSection {
    func isLike(_ other: PluginSection?) -> Bool {
        guard var other else { return false }
        other.location = location
        return self == other
    }
}

/// Keeps a driver that emits faster than the component reads from filling the memory: past the bound events are dropped, and
/// one RESYNC follows.
final class EventGate: Sendable {
    private static let most = 10_000
    private let inside = Atomic(0)
    private let hasLost = Atomic(false)

    func enter(_ kind: DriverEvent.Kind) -> Bool {
        if kind != .resync, inside.load(ordering: .relaxed) >= EventGate.most {
            hasLost.store(true, ordering: .relaxed)
            return false
        }
        inside.add(1, ordering: .relaxed)
        return true
    }

    func leave() { inside.subtract(1, ordering: .relaxed) }

    func takeLoss() -> Bool {
        inside.load(ordering: .relaxed) == 0 && hasLost.exchange(false, ordering: .relaxed)
    }
}
