public import Bus
import JSON
import Model
import Platform
public import PluginHost

/// Plugins and providers on the bus: puts every provider of the configuration to use, carries the calls of other components to
/// their drivers, and tells what becomes of them.
///
/// Notices to components: `provider.NAME.STATE` with the provider's status, and `driver.NAME.state|stats|health|resync` with
/// `{"provider","subject","time","document"}`, the document being the driver's own.
public final class DriversComponent: Component {
    /// What the component is made with.
    public struct Settings: Sendable {
        public var configuration: Configuration
        public var surroundings: ProviderHost.Surroundings
        /// Reads the configuration again, for `plugin.reload`.
        public var reread: @Sendable () throws -> Configuration

        public init(
            configuration: Configuration, surroundings: ProviderHost.Surroundings, reread: @escaping @Sendable () throws -> Configuration
        ) {
            self.configuration = configuration
            self.surroundings = surroundings
            self.reread = reread
        }
    }

    /// How the host runs it.
    public static func description(_ settings: Settings) -> ComponentDescription {
        ComponentDescription(
            name: "drivers",
            verbs: [
                Verb("plugin.list"), Verb("plugin.show"), Verb("plugin.reload", .operators), Verb("plugin.reset", .operators),
                Verb("plugin.call", .operators), Verb("provider.list"), Verb("provider.show"), Verb("provider.check", .operators),
                Verb("provider.drain", .operators), Verb("provider.resume", .operators), Verb("driver.call", .components),
            ],
            isSingle: true
        ) { context in DriversComponent(settings, context) }
    }

    let context: any ComponentContext
    let settings: Settings
    var configuration: Configuration
    var plugins: [String: PluginInspection] = [:]
    /// In the order of the file.
    var providers: [Provider] = []

    /// Hosts that were replaced or taken out of the configuration and may still be ending.
    var retired: [ProviderHost] = []
    /// Counts the hosts, so that what a retired one says is not taken for its successor's words.
    var lastSerial = 0

    /// A provider with what is known of its nodes.
    final class Provider {
        var section: ProviderSection
        /// What its worker was started with.
        var footing: Footing
        let host: ProviderHost
        let serial: Int
        var capacity: JSON = .null
        var lastState: ProviderState?

        init(_ section: ProviderSection, _ footing: Footing, host: ProviderHost, serial: Int) {
            self.section = section
            self.footing = footing
            self.host = host
            self.serial = serial
        }
    }

    init(_ settings: Settings, _ context: any ComponentContext) {
        self.settings = settings
        self.context = context
        configuration = settings.configuration
        inspect()
        for section in configuration.providers { add(section) }
        context.subscribe("host.reload") { [weak self] notice in self?.hangUp(notice) }
        watchFiles()
    }

    public func stop() {
        let hosts = retired + providers.map(\.host)
        for host in hosts { host.beginStop() }
        for host in hosts { host.stopAndWait() }
    }

    public func handle(_ batch: [Request]) {
        for request in batch {
            do throws(BerthError) {
                try answer(request)
            } catch {
                request.fail(error)
            }
        }
    }

    private func answer(_ request: Request) throws(BerthError) {
        let body = try request.json()
        switch request.verb {
        case "driver.call": try callDriver(request, body)
        case "plugin.call": try callPlugin(request, body)
        case "plugin.list":
            let plugins = configuration.plugins.map { describe($0) }
            request.ok(try page(plugins, body, noun: "plugins", filters: ["state"]))
        case "plugin.show":
            try check(body, "name")
            request.ok(["plugin": describe(try plugin(body), inFull: true)])
        case "plugin.reset": try reset(request, body)
        case "plugin.reload": try reload(request, body)
        case "provider.list":
            let shown = providers.map { describe($0) }
            request.ok(try page(shown, body, noun: "providers", filters: ["state", "plugin"]))
        case "provider.show":
            try check(body, "name")
            request.ok(["provider": describe(try provider(body), inFull: true)])
        case "provider.check":
            try check(body, "name")
            check(request, try provider(body))
        case "provider.drain": try drain(request, body, true)
        case "provider.resume": try drain(request, body, false)
        default: throw BerthError(.unsupported, "drivers does not answer \(request.verb)")
        }
    }

    /// `provider.drain|resume {"name","node"}`: the operator's word that it takes nothing new, kept over restarts. A single node
    /// is the Scheduler's matter.
    private func drain(_ request: Request, _ body: JSON, _ drains: Bool) throws(BerthError) {
        try check(body, "name", "node")
        let provider = try provider(body)
        let name = provider.host.name
        if let node = body["node"], !node.isNull {
            let order: JSON = ["provider": JSON(name), "node": node, "drained": JSON(drains)]
            context.request("scheduler.drain", order, RequestOptions(deadline: 30_000)) { request.answer($0) }
            return
        }
        if drains { provider.host.drain() } else { provider.host.resume() }
        request.ok(["name": JSON(name)])
    }

    // MARK: finding things

    /// Refuses fields that a verb does not know.
    func check(_ body: JSON, _ names: String...) throws(BerthError) { try check(body, names) }

    private func check(_ body: JSON, _ names: [String]) throws(BerthError) {
        for field in body.object?.names ?? [] where !names.contains(field) {
            let meant = nearest(field, among: names).map { "did you mean '\($0)'?" }
            throw BerthError(
                .invalid, "there is no field '\(field.prefix(64))'", hint: meant ?? "known here: \(names.sorted().joined(separator: ", "))",
                field: String(field.prefix(64)))
        }
    }

    /// One page of a list: `limit` of those after the name `after` for which every filter holds.
    private func page(_ all: [JSON], _ body: JSON, noun: String, filters: [String]) throws(BerthError) -> JSON {
        try check(body, ["limit", "after"] + filters)
        var rest = all[...]
        if let after = body["after"], !after.isNull {
            guard let index = all.firstIndex(where: { $0["name"] == after }) else {
                throw BerthError(.invalid, "after must be the `next` of the page before", field: "after")
            }
            rest = all[(index + 1)...]
        }
        var limit = 1000
        if let wanted = body["limit"], !wanted.isNull {
            guard let number = wanted.int, number > 0 else {
                throw BerthError(.invalid, "limit must be a whole number of at least 1", field: "limit")
            }
            limit = min(number, limit)
        }
        let fitting = rest.filter { item in filters.allSatisfy { body[$0]?.isNull ?? true || item[$0] == body[$0] } }
        let shown = Array(fitting.prefix(limit))
        return [noun: .array(shown), "next": fitting.count > limit ? shown.last?["name"] ?? .null : .null]
    }

    func name(_ body: JSON, _ field: String = "name") throws(BerthError) -> String {
        guard let name = body[field]?.string, !name.isEmpty else {
            throw BerthError(.invalid, "'\(field)' is missing: the name of a plugin or provider", field: field)
        }
        return name
    }

    func provider(_ body: JSON, _ field: String = "name") throws(BerthError) -> Provider {
        let name = try name(body, field)
        guard let provider = providers.first(where: { $0.host.name == name }) else {
            throw BerthError(.notFound, "there is no provider '\(name)'", hint: "see berth providers", field: field)
        }
        return provider
    }

    func plugin(_ body: JSON) throws(BerthError) -> PluginSection {
        let name = try name(body)
        guard let plugin = configuration.plugin(name) else {
            throw BerthError(.notFound, "there is no plugin '\(name)'", hint: "see berth plugins", field: "name")
        }
        return plugin
    }
}
