import Bus
import Drivers
import Federation
import JSON
import Ledger
import Model
import Monitor
import PluginHost
import Scheduler

/// What a host is made of. A component is added with one line in `components`.
struct HostAssembly {
    let places: Places
    let configuration: Configuration
    /// Nil where only a component without ledger state is to run.
    let ledger: (any Ledger)?

    /// All components, in the order of their start; they stop in the reverse order.
    var components: [ComponentDescription] {
        var components: [ComponentDescription] = [StatusComponent.description]
        if let ledger {
            components.append(LedgerComponent.description(ledger))
            components.append(EventsComponent.description(LedgerEvents(ledger: ledger)))
            components.append(DriversComponent.description(drivers))
            components.append(
                SchedulerComponent.description(settings: SchedulerSettings(configuration), ledger: ledger) { [places] in
                    (try? places.load()).map { SchedulerSettings($0) }
                })
            components.append(
                FederationComponent.description(federation) { [places] in
                    (try? places.load()).map { HostAssembly.federation($0, places) }
                })
        }
        // With `here = no` it runs elsewhere: berth serve --only monitor.
        if ledger == nil || configuration.section("monitor")?.bool("here") != false {
            components.append(
                MonitorComponent.description(MonitorSettings(configuration)) { [places] in (try? places.load()).map { MonitorSettings($0) }
                })
        }
        return components
    }

    private var drivers: DriversComponent.Settings {
        DriversComponent.Settings(
            configuration: configuration,
            surroundings: ProviderHost.Surroundings(stateDirectory: places.state, hostVersion: Berth.version),
            reread: { [places] in try places.load() })
    }

    /// Components that may run in processes of their own.
    var movable: [ComponentDescription] {
        HostAssembly(places: places, configuration: configuration, ledger: nil).components.filter { !$0.isSingle }
    }

    var busSettings: BusSettings {
        var settings = BusSettings(runDirectory: places.run)
        let host = configuration.host.section
        settings.clients = (host?.list("listen") ?? []) + (configuration.section("federation")?.list("listen") ?? [])
        settings.events = host?.list("listen-events") ?? []
        settings.backend = host?.list("listen-backend") ?? []
        settings.keysDirectory = places.keys
        settings.known = movable
        settings.info = [
            "name": .string(host?["name"] ?? places.hostName), "version": .string(Berth.version), "abi": "compute/1",
            "configuration": .string(configuration.path), "state_dir": .string(places.state), "process": JSON(places.process),
        ]
        return settings
    }
}
