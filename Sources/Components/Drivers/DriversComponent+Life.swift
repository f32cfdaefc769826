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

/// What a provider stands on apart from its section: a change of it means another worker.
struct Footing: Equatable {
    var file: FileIdentity?
    /// Why the plugin cannot be used; nil: it can.
    var obstacle: String?

    init(_ inspection: PluginInspection?) {
        file = FileIdentity(inspection?.file)
        if let inspection, inspection.state != .ready { obstacle = "\(inspection.state.rawValue): \(inspection.reason ?? "")" }
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

    /// Puts a provider to use, at its place in the order of the file.
    func add(_ section: ProviderSection, at index: Int? = nil) {
        lastSerial += 1
        let serial = lastSerial
        let (inspection, abi) = usable(section)
        let status = context.hop { [weak self] (status: ProviderStatus) in self?.changed(status, serial) }
        let gate = EventGate()
        let event = context.hop { [weak self] (event: DriverEvent) in
            gate.leave()
            self?.happened(event, serial)
            if gate.takeLoss() { self?.happened(DriverEvent(kind: .resync, time: Clock.real, subject: "", data: []), serial) }
        }
        let host = ProviderHost(
            section, plugin: inspection, abi: abi, in: settings.surroundings,
            listener: ProviderListener(status: { status($0) }, event: { if gate.enter($0.kind) { event($0) } }))
        providers.insert(Provider(section, Footing(inspection), host: host, serial: serial), at: index ?? providers.count)
        host.start()
    }

    /// Lets a provider's host end by itself; the lock of its worker keeps a successor of the same name waiting until then.
    private func retire(_ host: ProviderHost) {
        retired.removeAll(where: \.isStopped)
        host.beginStop()
        retired.append(host)
    }

    // MARK: what happens

    private func changed(_ status: ProviderStatus, _ serial: Int) {
        guard let provider = providers.first(where: { $0.serial == serial }) else { return }
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
        let deadline = Clock.monotonic + provider.section.deadline(for: "capacity")
        let note = noteCapacity(provider)
        provider.host.call(DriverCall("capacity", deadline: deadline)) { note($0) }
    }

    /// Keeps what a `capacity` call answered, for those who look at the provider.
    func noteCapacity(_ provider: Provider) -> @Sendable (CallOutcome) -> Void {
        let serial = provider.serial
        let came = context.hop { [weak self] (document: JSON) in
            self?.providers.first { $0.serial == serial }?.capacity = document
        }
        return { outcome in
            if outcome.status == .ok, let document = try? JSON(parsing: outcome.document) { came(document) }
        }
    }

    private func happened(_ event: DriverEvent, _ serial: Int) {
        guard let name = providers.first(where: { $0.serial == serial })?.host.name else { return }
        let document = event.data.isEmpty ? JSON.null : (try? JSON(parsing: event.data)) ?? .null
        let body: JSON = ["provider": JSON(name), "subject": JSON(event.subject), "time": JSON(event.time), "document": document]
        context.notify("driver.\(name).\(event.kind)", body)
    }

    // MARK: changed files

    /// A provider that is out of use because of its plugin's file is tried again at once when that file changes.
    func watchFiles() {
        context.after(2_000) { [weak self] in
            self?.lookAtFiles()
            self?.watchFiles()
        }
    }

    private func lookAtFiles() {
        for provider in providers {
            guard [.quarantined, .unconfigured].contains(provider.host.status.state) else { continue }
            let known = provider.footing.file
            let path = known?.path ?? plugins[provider.section.plugin]?.file
            // What was missing may be there now, under any of its names.
            guard FileIdentity(path) != known || path == nil else { continue }
            if let section = configuration.plugin(provider.section.plugin) {
                plugins[section.name] = PluginInspection(section, in: configuration)
            }
            let (inspection, abi) = usable(provider.section)
            let footing = Footing(inspection)
            guard footing != provider.footing else { continue }
            Log.info("the file of a plugin changed", ["provider": provider.host.name, "file": inspection?.file ?? path ?? ""])
            provider.footing = footing
            provider.host.reload(provider.section, plugin: inspection, abi: abi)
        }
    }

    // MARK: reload

    /// SIGHUP, or somebody else took a new configuration over.
    func hangUp(_ notice: Notice) {
        guard notice.body["by"]?.string != context.name else { return }
        do {
            let touched = apply(try settings.reread())
            Log.info("plugins and providers follow the configuration", ["replaced": touched.joined(separator: ",")])
        } catch {
            Log.error("plugins and providers stay as they were: the configuration has errors", ["error": "\(error)"])
        }
    }

    /// `{"name"}`: the workers of one plugin are replaced. Without it: the configuration is read again; providers that are new
    /// start, those that are gone stop, and only those whose settings or plugin changed are replaced.
    func reload(_ request: Request, _ body: JSON) throws(BerthError) {
        try check(body, "name")
        let fresh: Configuration
        do {
            fresh = try settings.reread()
        } catch {
            let words = (error as? ConfigurationErrors)?.problems.map { "\($0)" }.joined(separator: "; ") ?? "\(error)"
            throw BerthError(.invalid, "the configuration is not taken over: \(words)", hint: "see berth config check")
        }
        var forced: String?
        if body["name"] != nil {
            let name = try name(body)
            guard fresh.plugin(name) != nil || configuration.plugin(name) != nil else {
                throw BerthError(.notFound, "there is no plugin '\(name)'", hint: "see berth plugins", field: "name")
            }
            forced = name
        }
        let touched = apply(fresh, forcing: forced)
        // The others read it again too.
        context.notify("host.reload", ["configuration": JSON(fresh.path), "by": JSON(context.name)])
        request.ok(["replaced": JSON(touched)])
    }

    /// Takes a configuration over; answers the providers that it touched.
    func apply(_ fresh: Configuration, forcing plugin: String? = nil) -> [String] {
        let before = configuration
        configuration = fresh
        inspect()
        var touched: [String] = []
        for gone in providers where fresh.provider(gone.host.name) == nil {
            touched.append(gone.host.name)
            retire(gone.host)
            context.notify(
                "provider.\(gone.host.name).gone",
                ["name": JSON(gone.host.name), "state": "gone", "reason": "it is not in the configuration any more", "capabilities": []])
        }
        let old = Dictionary(providers.map { ($0.host.name, $0) }) { first, _ in first }
        providers = []
        for section in fresh.providers {
            guard let provider = old[section.name] else {
                touched.append(section.name)
                add(section)
                continue
            }
            if take(section, for: provider, before, isForced: plugin == section.plugin) { touched.append(section.name) }
        }
        return touched
    }

    /// Puts a provider's new section to use; true: its worker is replaced for it.
    private func take(_ section: ProviderSection, for provider: Provider, _ before: Configuration, isForced: Bool) -> Bool {
        let known = provider.section
        // How often a worker may die and where it lives belong to its supervisor: another one takes its place.
        guard section.isolation == known.isolation, section.restart == known.restart else {
            retire(provider.host)
            add(section)
            return true
        }
        providers.append(provider)
        provider.section = section
        let (inspection, abi) = usable(section)
        let footing = Footing(inspection)
        let isSame =
            section.isLike(known) && footing == provider.footing
            && configuration.plugin(section.plugin)?.isLike(before.plugin(known.plugin)) == true
        guard !isSame || isForced else { return false }
        provider.footing = footing
        provider.host.reload(section, plugin: inspection, abi: abi)
        return true
    }

    /// `{"name"}` of a plugin or a provider, or nothing: all.
    func reset(_ request: Request, _ body: JSON) throws(BerthError) {
        try check(body, "name")
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
    /// Whether a worker would notice no difference: where a section stands in its file is none, and neither are keys that are
    /// for other parts of the host.
    func isLike(_ other: ProviderSection) -> Bool {
        workerEntries == other.workerEntries && isEnabled == other.isEnabled && threads == other.threads && memory == other.memory
    }

    private var workerEntries: [[String]] {
        section.entries.filter { entry in
            !["poll", "deadline", "x-"].contains { entry.key.hasPrefix($0) }
                && !["overcommit.", "tag."].contains { entry.key.hasPrefix($0) }
        }.map { [$0.key, $0.value] }
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
