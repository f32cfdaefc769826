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

    /// A provider with what is known of its nodes.
    final class Provider {
        var section: ProviderSection
        /// What its worker was started with: a file that changed on disk shows here.
        var file: FileIdentity?
        let host: ProviderHost
        var capacity: JSON = .null
        var lastState: ProviderState?

        init(_ section: ProviderSection, file: FileIdentity?, host: ProviderHost) {
            self.section = section
            self.file = file
            self.host = host
        }
    }

    init(_ settings: Settings, _ context: any ComponentContext) {
        self.settings = settings
        self.context = context
        configuration = settings.configuration
        inspect()
        for section in configuration.providers { add(section) }
    }

    public func stop() {
        for provider in providers { provider.host.beginStop() }
        for provider in providers { provider.host.stopAndWait() }
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
        case "plugin.list": request.ok(["plugins": .array(configuration.plugins.map(describe)), "next": nil])
        case "plugin.show": request.ok(["plugin": describe(try plugin(body), withSteps: true)])
        case "plugin.reset": try reset(request, body)
        case "plugin.reload": try reload(request, body)
        case "provider.list": request.ok(["providers": .array(providers.map { describe($0) }), "next": nil])
        case "provider.show": request.ok(["provider": describe(try provider(body), inFull: true)])
        case "provider.check": check(request, try provider(body))
        case "provider.drain":
            let provider = try provider(body)
            provider.host.drain()
            request.ok(["name": JSON(provider.host.name)])
        case "provider.resume":
            let provider = try provider(body)
            provider.host.resume()
            request.ok(["name": JSON(provider.host.name)])
        default: throw BerthError(.unsupported, "drivers does not answer \(request.verb)")
        }
    }

    // MARK: finding things

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
