import DriverHTTP
import Glibc
import JSON
import PluginABI
import PluginKit

#berthDriver(OpenStack.self, id: "openstack", version: "0.1.0")

/// OpenStack as a provider: Keystone v3, Nova, Glance, Neutron. Reentrant: every part is safe for any number of threads.
final class OpenStack: Driver {
    static let description = DriverDescription(
        name: "OpenStack", vendor: "Berth", license: "Apache-2.0",
        capabilities: [
            .create, .catalog, .events, .reentrant, .start, .stop, .reboot, .pause, .unpause, .suspend, .resume, .destroy, .resize,
            .snapshot,
            .restore, .console, .renew, Capability(Actions.attachVolume), Capability(Actions.detachVolume),
            Capability(Actions.attachAddress),
        ],
        settings: SettingsSchema(settings))

    private let cloud: Cloud
    private let servers: Servers
    private let lookout: Lookout
    private let directory: Directory
    private let lostAnswers = LostAnswers()
    private let watcher: Watcher?

    init(settings: Settings, host: Host, call: Call) throws {
        let cloudSettings: CloudSettings
        do {
            cloudSettings = try CloudSettings(settings.json, environment: Self.environment())
        } catch {
            throw DriverError.invalid(error.description)
        }
        if !cloudSettings.verifiesServer {
            host.warning("the cloud's certificate is not checked (config.insecure): anybody in between can read the token")
        }
        if cloudSettings.authURL.hasPrefix("http://") {
            host.warning("the password travels unencrypted: \(cloudSettings.authURL) is no https address")
        }
        cloud = Cloud(cloudSettings)
        servers = Servers(cloud: cloud)
        let tellsChanges = cloudSettings.pollSeconds > 0
        let report: @Sendable (Server) -> Void = { server in host.emit(.state(server.machine())) }
        lookout = Lookout(cloud, report: tellsChanges ? report : nil)
        directory = Directory(cloud)
        // A wrong password shows now, not at the first lease.
        try cloud.renew(HTTPPatience(call))
        watcher = tellsChanges ? Watcher(lookout, every: Int64(cloudSettings.pollSeconds) * 1000, host) : nil
    }

    func close() {
        watcher?.stop()
    }

    func health(_ call: Call) throws {
        _ = try cloud.get(.compute, "/limits", HTTPPatience(call))
    }

    func capacity(_ call: Call) throws -> Capacity {
        try Project(cloud: cloud).capacity(HTTPPatience(call))
    }

    func catalog(_ call: Call) throws -> Catalog {
        let patience = HTTPPatience(call)
        let sizes = try directory.flavors(patience, fresh: true).map { flavor in
            Catalog.Size(
                id: flavor.id, name: flavor.name, Amounts(cpus: Double(flavor.cpus), memoryMiB: flavor.memoryMiB, diskGiB: flavor.diskGiB))
        }
        let networks = try cloud.has(.network, patience) ? directory.networks(patience, fresh: true) : []
        return Catalog(images: try directory.images(patience, fresh: true), networks: networks, sizes: sizes)
    }

    func list(_ call: Call, into machines: inout MachineWriter) throws {
        let patience = HTTPPatience(call)
        let flavors = try flavorsByID(patience)
        var failure: DriverError?
        var written: [Machine] = []
        try servers.each(patience) { (server) throws(DriverError) in
            if server.state != .gone { written.append(server.machine { flavors[$0] }) }
        }
        for machine in written where failure == nil {
            do throws(DriverError) { try machines.add(machine) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    func inspect(_ id: String, _ call: Call) throws -> Machine {
        let patience = HTTPPatience(call)
        let server = try servers.get(id, patience)
        let flavors = try flavorsByID(patience)
        var machine = server.machine { flavors[$0] }
        machine.usage = try usage(server, patience)
        return machine
    }

    func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine {
        let creation = Creation(
            cloud: cloud, servers: servers, lookout: lookout, directory: directory, lostAnswers: lostAnswers, patience: HTTPPatience(call))
        return try creation.run(spec, key: key)
    }

    func action(_ verb: Verb, on id: String, arguments: JSON, _ call: Call) throws -> ActionResult {
        let patience = HTTPPatience(call)
        if verb == .renew {
            guard id.isEmpty else { throw DriverError.notFound("'renew' speaks to the provider itself: its id is empty") }
            try cloud.renew(patience)
            return .done
        }
        return try Actions(cloud: cloud, servers: servers, lookout: lookout, directory: directory, patience: patience).run(
            verb, on: id, arguments)
    }

    /// Before 2.47 a server names its flavor by id alone.
    private func flavorsByID(_ patience: HTTPPatience) throws(DriverError) -> [String: Flavor] {
        guard try cloud.computeVersion(patience) < Microversion(major: 2, minor: 47) else { return [:] }
        return Dictionary(try directory.flavors(patience).map { ($0.id, $0) }) { first, _ in first }
    }

    /// `GET /servers/ID/diagnostics`, where the role allows it.
    private func usage(_ server: Server, _ patience: HTTPPatience) throws(DriverError) -> Usage? {
        guard server.state == .running else { return nil }
        do throws(DriverError) {
            let diagnostics = try cloud.get(.compute, "/servers/\(server.id)/diagnostics", patience)
            let loads = diagnostics["cpu_details"]?.array?.compactMap { $0["utilisation"]?.double } ?? []
            let cpu = loads.isEmpty ? nil : loads.reduce(0, +) / Double(loads.count) / 100
            let memory = diagnostics["memory_details"]?["used"]?.int
            return cpu == nil && memory == nil ? nil : Usage(cpu: cpu, memoryMiB: memory)
        } catch  where [.denied, .notFound, .conflict, .invalid, .retry].contains(error.status) {
            return nil
        }
    }

    /// `OS_*` and `HOME`: what `env.*` of the provider's section lets through.
    private static func environment() -> [String: String] {
        let names = [
            "HOME", "OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "OS_AUTH_URL", "OS_USERNAME", "OS_USER_ID", "OS_PASSWORD", "OS_TOKEN",
            "OS_PROJECT_NAME",
            "OS_PROJECT_ID", "OS_TENANT_NAME", "OS_USER_DOMAIN_NAME", "OS_USER_DOMAIN_ID", "OS_PROJECT_DOMAIN_NAME", "OS_PROJECT_DOMAIN_ID",
            "OS_DOMAIN_NAME", "OS_DOMAIN_ID", "OS_REGION_NAME", "OS_INTERFACE", "OS_CACERT", "OS_CERT", "OS_KEY",
            "OS_APPLICATION_CREDENTIAL_ID", "OS_APPLICATION_CREDENTIAL_NAME", "OS_APPLICATION_CREDENTIAL_SECRET",
        ]
        return Dictionary(names.compactMap { name in getenv(name).map { (name, String(cString: $0)) } }) { first, _ in first }
    }
}
